use std::time::Duration;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use tokio::sync::mpsc;

use super::{client::Client, query::EventsQuery};
use crate::{
    api::{
        caller::Reader,
        error::{ApiError, ApiResult, Problem},
        extract::ApiQuery,
    },
    state::AppState,
};

/// Frames that wait for a client's socket.
const FRAMES: usize = 16;

/// When to try again if all places are taken.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Follow events
///
/// Streams what happens in meetings as server-sent events, each with the position as `id:`, its type as `event:`, and a
/// JSON message with `id`, `type`, `timestamp` and `data` as `data:`. Outgoing webhooks carry the same messages. All events
/// are sent in the order of their positions.
///
/// After an interruption, send the last `id:` as `Last-Event-ID` or as `after`; no event is skipped. Events are kept for 30
/// days. If some that follow your position were deleted, the first event is `feed.lost`, whose `data` names the position from
/// which the stream continues. A filtered stream sends `id:` lines without an event, which move the position.
///
/// The stream sends a sign of life every 15 seconds. It ends after an hour, when the server stops, and when the client
/// does not read for 20 seconds; connect again then.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "follow_events", tag = "events",
    security(("key" = ["read"])),
    params(
        EventsQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The last `id:` that was received"),
    ),
    responses(
        (status = 200, content_type = "text/event-stream", body = String, description = "The stream"),
        (status = 429, body = Problem,
         description = "`too-many-requests`: the rate limit is exceeded, or this server serves as many streams as it can; \
                        retry after `Retry-After` seconds"),
    ),
)]
pub async fn follow(
    State(app): State<AppState>,
    _: Reader,
    ApiQuery(query): ApiQuery<EventsQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (position, filter) = (query.position(&headers)?, query.filter()?);
    let subscription = app.feed.subscribe().ok_or(ApiError::TooManyRequests(RETRY_AFTER))?;
    let head = storage::feed::head(&mut *app.conn().await?).await?;
    let (out, frames) = mpsc::channel(FRAMES);
    let client = Client::new(app.feed.clone(), app.pool.clone(), filter, out);
    app.feed.spawn(client.run(subscription, position, head));
    let body = futures::stream::unfold(frames, async |mut frames| {
        let frame = frames.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(frame), frames))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"), // nginx would hold events back
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}
