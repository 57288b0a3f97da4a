//! The OpenAPI document, generated from the handlers.

mod common;

pub use common::add_common_parts;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, Components,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use crate::api::error::{FieldError, Problem};

/// Name of the security scheme for API keys. An operation names it, and the scope that it requires.
const BEARER_SCHEME: &str = "key";

/// Name of the security scheme for participant tokens of hosts.
const PARTICIPANT_SCHEME: &str = "participant";

#[derive(OpenApi)]
#[openapi(
    info(title = "Trackscribe API", description = include_str!("api/overview.md")),
    components(schemas(Problem, FieldError)),
    modifiers(&BearerScheme),
    tags(
        (name = "rooms", description = "Permanent places for meetings, and the tokens to join them"),
        (name = "meetings", description = "Sessions in rooms, and their participants"),
        (name = "people", description = "Who is in a meeting now, and what hosts do about it"),
        (name = "recordings", description = "One audio file per recorded track"),
        (name = "transcripts", description = "What was said in a meeting, by whom and when"),
        (name = "events", description = "What happens in meetings, as it happens"),
        (name = "endpoints", description = "Where events are sent as signed messages, and the ledger of deliveries"),
        (name = "audit", description = "What people and keys have ordered"),
        (name = "webhooks", description = "Endpoints that platforms call"),
        (name = "operations", description = "Health checks and metrics, without authentication"),
    ),
)]
pub struct ApiDoc;

struct BearerScheme;

impl Modify for BearerScheme {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_with(Components::new);
        for name in [BEARER_SCHEME, PARTICIPANT_SCHEME] {
            components.add_security_scheme(name, scheme.clone());
        }
    }
}
