//! The document that describes the API, made from the handlers.

use axum::http::StatusCode;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, Components, Ref, RefOr, ResponseBuilder,
        content::ContentBuilder,
        path::Operation,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use crate::api::error::{FieldError, Problem};

/// The name of the scheme by which keys are sent.
const BEARER_SCHEME: &str = "key";

/// Errors that any call with a key can answer with: status and meaning.
const COMMON_ERRORS: [(&str, &str); 5] = [
    ("401", "No key, or none that holds"),
    ("403", "The key's scope does not reach"),
    ("422", "A value cannot be taken: `errors` names each"),
    ("429", "Too many requests; `Retry-After` tells when to come back"),
    (
        "503",
        "Something that this needs is away; `Retry-After` tells when to come back",
    ),
];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Trackscribe",
        description = "Rooms, their meetings, and what was said there. Errors are `application/problem+json` with a \
                       stable `type`; lists come page by page.",
    ),
    components(schemas(Problem, FieldError)),
    modifiers(&BearerScheme),
    tags(
        (name = "rooms", description = "Standing places with a name and settings"),
        (name = "meetings", description = "Sessions in rooms"),
        (name = "recordings", description = "One file a track"),
        (name = "transcripts", description = "What was said"),
        (name = "webhooks", description = "What platforms tell us"),
        (name = "operating", description = "For those who run it"),
    ),
)]
pub struct ApiDoc;

struct BearerScheme;

impl Modify for BearerScheme {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document
            .components
            .get_or_insert_with(Components::new)
            .add_security_scheme(BEARER_SCHEME, scheme);
    }
}

/// Adds what holds for all calls of a kind: that they take a key, what they answer when it does not do, and that errors
/// are problems.
pub fn add_common_parts(document: &mut openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let with_key = path.starts_with("/v1/") && !path.ends_with("/webhook");
        let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            if with_key {
                require_key(operation);
            }
            set_problem_content_type(operation);
            add_default_descriptions(operation);
        }
    }
}

fn require_key(operation: &mut Operation) {
    operation.security = Some(vec![SecurityRequirement::new(BEARER_SCHEME, Vec::<String>::new())]);
    for (status, meaning) in COMMON_ERRORS {
        let schema = Ref::from_schema_name("Problem");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new()
            .description(meaning)
            .content("application/json", content)
            .build();
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert(RefOr::T(response));
    }
}

/// Names the content type that errors really have.
fn set_problem_content_type(operation: &mut Operation) {
    let errors = operation
        .responses
        .responses
        .iter_mut()
        .filter(|(status, _)| status.starts_with(['4', '5']));
    for (_, response) in errors {
        let RefOr::T(response) = response else { continue };
        if let Some(content) = response.content.shift_remove("application/json") {
            response.content.insert("application/problem+json".to_owned(), content);
        }
    }
}

/// OpenAPI asks for words with every answer; where a handler has none, HTTP's own do.
fn add_default_descriptions(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if response.description.is_empty() {
            let code = status.parse::<StatusCode>().ok();
            response.description = code.and_then(|c| c.canonical_reason()).unwrap_or(status).to_owned();
        }
    }
}
