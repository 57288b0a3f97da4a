//! All routes.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::{OpenApi, openapi::OpenApi as OpenApiDocument};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    api::{
        audit, deliveries, endpoints,
        error::ApiError,
        events,
        extract::MAX_JSON_BYTES,
        idempotency,
        meetings::{self, people},
        recordings, rooms,
        strict_query::{self, QueryParameters},
        transcripts,
    },
    health, limits, middleware,
    openapi::{self, ApiDoc},
    signalling,
    state::AppState,
    webhook,
};

/// Returns the application with all routes, middleware and the OpenAPI document.
pub fn router(app: AppState) -> Router {
    let (routes, document) = documented_routes(&app);
    routes
        .merge(signalling_routes(&app))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .fallback(async || ApiError::NoRoute)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(from_fn(middleware::timeout))
        .layer(CatchPanicLayer::custom(middleware::on_panic))
        .layer(from_fn_with_state(app.clone(), middleware::trace))
        .with_state(app)
}

/// Returns the routes, without what all of them share, and their OpenAPI document.
pub fn documented_routes(app: &AppState) -> (Router<AppState>, OpenApiDocument) {
    let (routes, mut document) = api_routes(app).split_for_parts();
    openapi::add_common_parts(&mut document);
    let parameters = QueryParameters::of(&document);
    (
        routes.layer(from_fn_with_state(parameters, strict_query::refuse_unknown)),
        document,
    )
}

/// Returns LiveKit's signalling, which is not part of the API.
fn signalling_routes(app: &AppState) -> Router<AppState> {
    signalling::routes().layer(from_fn_with_state(app.limits.clone(), limits::per_address))
}

fn people_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(people::live::list))
        .routes(routes!(people::removal::remove))
        .routes(routes!(people::removal::readmit))
        .routes(routes!(people::mute::mute))
        .routes(routes!(people::mute::unmute))
        .routes(routes!(people::permissions::change))
        .routes(routes!(people::lock::lock))
        .routes(routes!(people::lock::unlock))
        .routes(routes!(people::end::end))
}

fn api_routes(app: &AppState) -> OpenApiRouter<AppState> {
    let api = OpenApiRouter::new()
        .routes(routes!(rooms::list::list, rooms::create::create))
        .routes(routes!(rooms::get::get, rooms::update::update, rooms::delete::delete))
        .routes(routes!(rooms::join::join))
        .routes(routes!(rooms::refresh::refresh))
        .routes(routes!(meetings::list::list))
        .routes(routes!(meetings::get::get))
        .routes(routes!(meetings::participants::list))
        .routes(routes!(meetings::completeness::get))
        .merge(people_routes())
        .routes(routes!(audit::list))
        .routes(routes!(recordings::list::list))
        .routes(routes!(recordings::list_all::list_all))
        .routes(routes!(recordings::get::get))
        .routes(routes!(recordings::audio::get))
        .routes(routes!(transcripts::get::get))
        .routes(routes!(events::stream::follow))
        .routes(routes!(endpoints::list::list, endpoints::create::create))
        .routes(routes!(
            endpoints::get::get,
            endpoints::update::update,
            endpoints::delete::delete
        ))
        .routes(routes!(endpoints::secret::rotate))
        .routes(routes!(endpoints::test::test))
        .routes(routes!(endpoints::replay::replay))
        .routes(routes!(deliveries::list::list))
        .routes(routes!(deliveries::get::get))
        .routes(routes!(deliveries::replay::replay))
        .layer(from_fn_with_state(app.clone(), idempotency::once))
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES))
        .layer(from_fn_with_state(app.limits.clone(), limits::per_address));
    // No limit per address here: all webhooks of a platform, and all health checks of an orchestrator, come from one.
    let webhooks = OpenApiRouter::new()
        .routes(routes!(webhook::livekit))
        .routes(routes!(webhook::daily))
        .routes(routes!(webhook::whereby));
    let operations = OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics));
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .merge(api)
        .merge(webhooks)
        .merge(operations)
}
