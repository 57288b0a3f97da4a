//! The OpenAPI document, generated from the handlers.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, Components, Content, Ref, RefOr, ResponseBuilder,
        content::ContentBuilder,
        path::{Operation, Parameter, ParameterIn, PathItem},
        request_body::RequestBody,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use crate::api::error::{FieldError, Problem};

/// Name of the security scheme for API keys. An operation names it, and the scope that it requires.
const BEARER_SCHEME: &str = "key";

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

/// The error of every operation with query parameters or a JSON body.
const INPUT_ERROR: (&str, &str) = ("422", "`invalid`: a parameter or field is invalid; `errors` lists each");

/// Errors of every operation with a JSON body.
const BODY_ERRORS: [(&str, &str); 3] = [
    ("400", "`malformed`: the body is not valid JSON"),
    ("413", "`too-large`: the body exceeds 64 KiB"),
    ("415", "`unsupported-media-type`: the body is not `application/json`"),
];

#[derive(OpenApi)]
#[openapi(
    info(title = "Trackscribe API", description = include_str!("api/overview.md")),
    components(schemas(Problem, FieldError)),
    modifiers(&BearerScheme),
    tags(
        (name = "rooms", description = "Permanent places for meetings, and the tokens to join them"),
        (name = "meetings", description = "Sessions in rooms, and their participants"),
        (name = "recordings", description = "One audio file per recorded track"),
        (name = "transcripts", description = "What was said in a meeting, by whom and when"),
        (name = "webhooks", description = "Endpoints that platforms call"),
        (name = "operations", description = "Health checks and metrics, without authentication"),
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

/// Adds what many operations have in common: their errors, and the media type of errors.
pub fn add_common_parts(document: &mut openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let is_api = path.starts_with("/v1/");
        for operation in operations_of(item) {
            if is_api {
                add_common_errors(operation);
            }
            set_problem_content_type(operation);
        }
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
    let has_query = operation.parameters.iter().flatten().any(is_query);
    let body_errors = BODY_ERRORS.into_iter().filter(|_| has_json);
    let input_error = (has_json || has_query).then_some(INPUT_ERROR);
    let key_errors = KEY_ERRORS.into_iter().filter(|_| takes_key);
    for (status, meaning) in body_errors.chain(input_error).chain(key_errors).chain(COMMON_ERRORS) {
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

/// Whether the body is JSON of our own, and not a platform's.
fn is_json(body: &RefOr<RequestBody>) -> bool {
    matches!(body, RefOr::T(body) if body.content.contains_key("application/json"))
}

fn is_query(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query))
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
