//! The OpenAPI document.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::Value;
use storage::PgPool;

use super::path_of;
use crate::{router::documented_routes, support::TestApp};

/// Where the document is checked in, for people who review a change, and for generators of clients.
pub const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

#[tokio::test]
async fn the_document_is_the_one_that_is_checked_in() {
    let pool = storage::pool::connect_lazy("postgres://nobody@127.0.0.1:9/none", "test", 1).unwrap();
    let app = TestApp::build(pool, |_| {});
    let (_, document) = documented_routes(&app.state);
    let document = document.to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(CHECKED_IN, &document).unwrap();
    }

    let checked_in = std::fs::read_to_string(CHECKED_IN).unwrap_or_default();

    let differs = checked_in.lines().zip(document.lines()).find(|(old, new)| old != new);
    assert!(
        checked_in == document,
        "docs/openapi.json differs ({differs:?}): run UPDATE_DOCS=1 cargo nextest run -p server checked_in, and commit it"
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn every_route_of_the_document_exists(pool: PgPool) {
    let app = TestApp::new(pool).await;

    for operation in app.operations() {
        let request = Request::builder()
            .method(&operation.method)
            .uri(path_of(operation))
            .body(Body::empty())
            .unwrap();
        let answer = app.send(request).await;
        let is_missing = answer.text().contains(":no-route") || answer.status == StatusCode::METHOD_NOT_ALLOWED;
        assert!(
            !is_missing,
            "{} {}: {}",
            operation.method,
            operation.path,
            answer.text()
        );
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn every_reference_in_the_document_resolves(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let document = app.get("/openapi.json").await.json();
    let text = document.to_string();

    let marks = text.split("\"$ref\":\"#/components/schemas/").skip(1);
    let referred: BTreeSet<&str> = marks.map(|rest| rest.split('"').next().unwrap()).collect();

    let schemas = document["components"]["schemas"].as_object().unwrap();
    let missing: Vec<_> = referred.iter().filter(|name| !schemas.contains_key(**name)).collect();
    assert!(missing.is_empty() && referred.len() > 10, "{missing:?} of {referred:?}");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_document_describes_every_response(pool: PgPool) {
    let app = TestApp::new(pool).await;

    for operation in app.operations() {
        let name = format!("{} {}", operation.method, operation.path);
        for (status, response) in operation.value["responses"].as_object().unwrap() {
            let description = response["description"].as_str().unwrap_or_default();
            assert!(!description.is_empty(), "{name} {status} has no description");
            let is_api_error = status.starts_with(['4', '5']) && operation.path != "/readyz";
            if is_api_error {
                let types = response["content"].as_object().unwrap();
                assert!(types.contains_key("application/problem+json"), "{name} {status}");
            }
        }
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn every_operation_with_a_key_documents_the_errors_that_it_shares(pool: PgPool) {
    let app = TestApp::new(pool).await;

    for operation in app.operations().iter().filter(|o| o.scope().is_some()) {
        let responses = operation.value["responses"].as_object().unwrap();
        for status in ["401", "403", "429", "500", "503"] {
            assert!(
                responses.contains_key(status),
                "{} {} {status}",
                operation.method,
                operation.path
            );
        }
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn every_operation_has_a_unique_id(pool: PgPool) {
    let app = TestApp::new(pool).await;

    let ids = app
        .operations()
        .iter()
        .map(|o| o.value["operationId"].as_str().unwrap());
    let names: BTreeSet<&str> = ids.collect();

    assert_eq!(names.len(), app.operations().len(), "{names:?}");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn enum_values_in_the_document_are_those_of_the_json(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let document = app.get("/openapi.json").await.json();

    let schemas = document["components"]["schemas"].as_object().unwrap();
    let values: Vec<&str> = schemas
        .values()
        .filter_map(|schema| schema["enum"].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();

    let is_snake_case = |value: &&str| {
        value
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    assert!(values.contains(&"automatic"), "{values:?}");
    assert!(values.iter().all(is_snake_case), "{values:?}");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_documentation_page_is_served(pool: PgPool) {
    let app = TestApp::new(pool).await;

    let page = app.get("/docs/").await;

    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("swagger"), "{}", page.text());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn every_body_of_a_request_refuses_unknown_fields(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let document = app.get("/openapi.json").await.json();
    let bodies = app
        .operations()
        .iter()
        .map(|o| &o.value["requestBody"]["content"]["application/json"]["schema"]);

    for schema in bodies.filter_map(|schema| schema["$ref"].as_str()) {
        let schema = document.pointer(schema.trim_start_matches('#')).unwrap();
        assert_eq!(schema["additionalProperties"], false, "{schema}");
    }
}
