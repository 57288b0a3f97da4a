//! What many operations have in common: errors and headers.

use utoipa::openapi::{
    self, Array, Content, HeaderBuilder, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema, Type,
    content::ContentBuilder,
    path::{Operation, ParameterBuilder, ParameterIn, PathItem},
    request_body::RequestBody,
};

/// What the names of the pages' schemas begin with. The name of their items' schema follows.
const LIST_PAGE: &str = "ListPage_";

/// Errors of every operation that requires an API key: status and meaning.
const KEY_ERRORS: [(&str, &str); 3] = [
    ("401", "`unauthenticated`: the API key is missing, unknown or revoked"),
    ("403", "`forbidden`: the API key lacks the required scope"),
    (
        "429",
        "`too-many-requests`: the rate limit is exceeded; retry after `Retry-After` seconds",
    ),
];

/// Errors of every operation under `/v1`.
const COMMON_ERRORS: [(&str, &str); 2] = [
    (
        "500",
        "`internal`: internal error; search the server log for this `X-Request-Id`",
    ),
    (
        "503",
        "`unavailable`: a required service is temporarily unavailable; retry after `Retry-After` seconds",
    ),
];

/// The error of every operation that checks its query parameters and body.
const INPUT_ERROR: (&str, &str) = (
    "422",
    "`invalid`: a parameter or field is invalid or unknown; `errors` lists each",
);

/// Meaning of the header `Idempotency-Key`.
const IDEMPOTENCY_KEY: &str = "A value that the caller makes for this request, for example a UUID: 1 to 255 printable ASCII \
    characters, with or without quotes. A repeat with the same key within 24 hours gets the answer of the first request, with \
    `Idempotent-Replayed: true`, unless that failed.";

/// Errors of every operation that may have an idempotency key.
const IDEMPOTENCY_ERRORS: [(&str, &str); 2] = [
    (
        "409",
        "`request-running`: a request with this `Idempotency-Key` is being carried out; retry after `Retry-After` seconds",
    ),
    (
        "422",
        "`invalid`: a parameter or field is invalid or unknown; `errors` lists each. \
         `idempotency-key-reused`: this `Idempotency-Key` was used for a different request",
    ),
];

/// Headers of all responses with a status: the status, name and meaning.
const HEADERS: [(&str, &str, &str); 3] = [
    ("201", "Location", "Path of what was created"),
    ("429", "Retry-After", "Seconds to wait before the next request"),
    ("503", "Retry-After", "Seconds to wait before the next request"),
];

/// Errors of every operation with a JSON body.
const BODY_ERRORS: [(&str, &str); 3] = [
    ("400", "`malformed`: the body is not valid JSON"),
    ("413", "`too-large`: the body exceeds 64 KiB"),
    ("415", "`unsupported-media-type`: the body is not `application/json`"),
];

/// Adds the errors and headers that operations share, and the media type of errors.
pub fn add_common_parts(document: &mut openapi::OpenApi) {
    for (name, schema) in document.components.iter_mut().flat_map(|parts| &mut parts.schemas) {
        if let Some(item) = name.strip_prefix(LIST_PAGE) {
            refer_to_item(schema, item);
        }
    }
    for (path, item) in &mut document.paths.paths {
        let is_api = path.starts_with("/v1/");
        if let Some(post) = item.post.as_mut().filter(|post| post.security.is_some()) {
            add_idempotency(post);
        }
        for operation in operations_of(item) {
            if is_api {
                add_common_errors(operation);
                add_headers(operation);
            }
            set_problem_content_type(operation);
        }
    }
}

/// Makes a page's items refer to their schema, which utoipa repeats in each page: generated clients would have two types of
/// the same thing.
fn refer_to_item(page: &mut RefOr<Schema>, item: &str) {
    if let RefOr::T(Schema::Object(page)) = page {
        let items = Array::new(Ref::from_schema_name(item));
        page.properties
            .insert("items".to_owned(), RefOr::T(Schema::Array(items)));
    }
}

fn operations_of(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let methods = [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
    ];
    methods.into_iter().flatten()
}

/// Adds the errors that the operation's key, query and body can cause, unless it describes them itself.
fn add_common_errors(operation: &mut Operation) {
    let takes_key = operation.security.is_some();
    let has_json = operation.request_body.as_ref().is_some_and(is_json);
    let body_errors = BODY_ERRORS.into_iter().filter(|_| has_json);
    let input_error = takes_key.then_some(INPUT_ERROR);
    let key_errors = KEY_ERRORS.into_iter().filter(|_| takes_key);
    for (status, meaning) in body_errors.chain(input_error).chain(key_errors).chain(COMMON_ERRORS) {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert_with(|| problem(meaning));
    }
}

fn problem(meaning: &str) -> RefOr<Response> {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let response = ResponseBuilder::new()
        .description(meaning)
        .content("application/json", content);
    RefOr::T(response.build())
}

/// Every POST with an API key may have an idempotency key.
fn add_idempotency(operation: &mut Operation) {
    let header = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(IDEMPOTENCY_KEY))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some("^[!#-~]{1,255}$"))
                .build(),
        ));
    operation
        .parameters
        .get_or_insert_default()
        .push(RefOr::T(header.build()));
    for (status, meaning) in IDEMPOTENCY_ERRORS {
        let responses = &mut operation.responses.responses;
        match responses.entry(status.to_owned()).or_insert_with(|| problem("")) {
            RefOr::T(response) if response.description.is_empty() => response.description = meaning.to_owned(),
            RefOr::T(response) => response.description += &format!(". {meaning}"),
            RefOr::Ref(_) => {}
        }
    }
}

/// Whether the body is JSON of our own, and not a platform's.
fn is_json(body: &RefOr<RequestBody>) -> bool {
    matches!(body, RefOr::T(body) if body.content.contains_key("application/json"))
}

fn add_headers(operation: &mut Operation) {
    for (status, name, meaning) in HEADERS {
        if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) {
            add_header(response, name, meaning);
        }
    }
}

fn add_header(response: &mut Response, name: &str, meaning: &str) {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let header = HeaderBuilder::new()
        .description(Some(meaning))
        .schema(Some(text.build()));
    response.headers.insert(name.to_owned(), RefOr::T(header.build()));
}

/// Sets the media type of errors to `application/problem+json`.
fn set_problem_content_type(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        if response.content.get("application/json").is_some_and(is_problem)
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert("application/problem+json".to_owned(), content);
        }
    }
}

fn is_problem(content: &RefOr<Content>) -> bool {
    let RefOr::T(content) = content else { return false };
    matches!(&content.schema, Some(RefOr::Ref(schema)) if schema.ref_location.ends_with("/Problem"))
}
