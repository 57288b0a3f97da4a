//! Refuses query parameters that an operation does not have. A misspelled filter would otherwise return everything.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use url::form_urlencoded;
use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, ParameterIn},
};

use super::error::{ApiError, ApiResult, FieldError};

/// Unknown parameters that one error names at most: the query is the caller's, and may have thousands.
const MAX_NAMED: usize = 10;

/// The query parameters of each operation, by path template and method.
#[derive(Clone)]
pub struct QueryParameters(Arc<HashMap<(String, Method), BTreeSet<String>>>);

impl QueryParameters {
    /// Reads the parameters of all operations under `/v1` from the document. Webhooks are left out: their addresses are
    /// set by operators, and platforms may add to them.
    pub fn of(document: &OpenApi) -> Self {
        let mut parameters = HashMap::new();
        for (path, item) in &document.paths.paths {
            if !path.starts_with("/v1/") || path.ends_with("/webhook") {
                continue;
            }
            let operations = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in operations {
                let names = operation.as_ref().map(names_of);
                parameters.extend(names.map(|names| ((path.clone(), method), names)));
            }
        }
        Self(Arc::new(parameters))
    }

    fn unknown_in(&self, request: &Request) -> Vec<FieldError> {
        let Some((path, query)) = request.extensions().get::<MatchedPath>().zip(request.uri().query()) else {
            return Vec::new();
        };
        // Every GET operation also serves HEAD.
        let method = match *request.method() {
            Method::HEAD => Method::GET,
            ref method => method.clone(),
        };
        let Some(known) = self.0.get(&(path.as_str().to_owned(), method)) else {
            return Vec::new();
        };
        let given: BTreeSet<_> = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name).collect();
        let unknown = given.into_iter().filter(|name| !known.contains(name.as_ref()));
        let message = message(known);
        unknown
            .take(MAX_NAMED)
            .map(|name| FieldError {
                field: name.into_owned(),
                message: message.clone(),
            })
            .collect()
    }
}

/// Middleware: responds 422 to a request with unknown query parameters, and names them.
pub async fn refuse_unknown(
    State(parameters): State<QueryParameters>,
    request: Request,
    next: Next,
) -> ApiResult<Response> {
    match parameters.unknown_in(&request) {
        unknown if unknown.is_empty() => Ok(next.run(request).await),
        unknown => Err(ApiError::Invalid(unknown)),
    }
}

fn names_of(operation: &Operation) -> BTreeSet<String> {
    let parameters = operation.parameters.iter().flatten();
    parameters
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query) => Some(parameter.name.clone()),
            _ => None,
        })
        .collect()
}

fn message(known: &BTreeSet<String>) -> String {
    match known.is_empty() {
        true => "unknown parameter; this operation has no query parameters".to_owned(),
        false => {
            let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("unknown parameter, expected {}", names.join(", "))
        }
    }
}
