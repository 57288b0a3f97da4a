//! Compares responses with the OpenAPI document.

use std::sync::OnceLock;

use axum::http::{Method, header};
use serde_json::Value;

use super::TestResponse;
use crate::{AppState, router::documented_routes};

/// One operation of the OpenAPI document.
pub struct Operation {
    pub method: Method,
    pub path: String,
    pub value: Value,
}

impl Operation {
    /// Returns the scope that the operation requires, if it requires a key.
    pub fn scope(&self) -> Option<&str> {
        self.value["security"][0]["key"][0].as_str()
    }

    fn serves(&self, method: &Method, path: &str) -> bool {
        // Every GET operation also serves HEAD.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let (own, asked) = (self.path.split('/'), path.split('/'));
        *method == self.method
            && own.clone().count() == asked.clone().count()
            && own.zip(asked).all(|(own, asked)| own.starts_with('{') || own == asked)
    }
}

/// Returns all operations of the document.
pub fn operations(app: &AppState) -> &'static [Operation] {
    static OPERATIONS: OnceLock<Vec<Operation>> = OnceLock::new();
    OPERATIONS.get_or_init(|| {
        let (_, document) = documented_routes(app);
        read(&serde_json::to_value(document).unwrap())
    })
}

fn read(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, value) in item.as_object().unwrap() {
            operations.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                value: value.clone(),
            });
        }
    }
    operations
}

/// Panics if the document does not describe the status or the media type of a response.
pub fn check(app: &AppState, method: &Method, path: &str, response: &TestResponse) {
    let candidates = operations(app).iter().filter(|o| o.serves(method, path));
    // `/v1/things/new` is rather the path of that name than `/v1/things/{id}`.
    let Some(operation) = candidates.min_by_key(|o| o.path.matches('{').count()) else {
        return;
    };
    let name = format!("{method} {}", operation.path);
    let status = response.status.as_u16().to_string();
    let documented = &operation.value["responses"][&status];
    assert!(
        documented.is_object(),
        "{name} does not document {status}: {}",
        response.text()
    );
    for name in documented["headers"]
        .as_object()
        .into_iter()
        .flat_map(|headers| headers.keys())
    {
        assert!(
            response.headers.contains_key(name),
            "{name} is missing in {status} of {}",
            operation.path
        );
    }
    if let (Some(types), false) = (documented["content"].as_object(), response.body.is_empty()) {
        let content_type = response.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default();
        assert!(
            types.contains_key(essence),
            "{name} {status} does not document {content_type:?}"
        );
    }
}
