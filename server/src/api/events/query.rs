//! What a client asks for.

use axum::http::HeaderMap;
use domain::{MeetingId, RoomName, feed::FeedEventType};
use serde::Deserialize;
use storage::feed::FeedFilter;
use utoipa::IntoParams;

use crate::api::error::{ApiError, ApiResult};

/// The header in which a reconnecting client names the last event that it received.
pub const LAST_EVENT_ID: &str = "last-event-id";

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// Begin after the event with this `id:` line. `Last-Event-ID` precedes it. Default: only events from now on.
    #[param(minimum = 0)]
    after: Option<String>,
    /// Only events of the meeting with this id.
    #[param(value_type = Option<uuid::Uuid>)]
    meeting: Option<MeetingId>,
    /// Only events of rooms with this name.
    #[param(value_type = Option<String>)]
    room: Option<RoomName>,
    /// Only events of these types, separated by commas.
    #[serde(rename = "type")]
    #[param(rename = "type", example = "meeting.opened,meeting.closed")]
    kind: Option<String>,
}

impl EventsQuery {
    /// Returns the position after which the client wants to begin, if it names one.
    pub fn position(&self, headers: &HeaderMap) -> ApiResult<Option<i64>> {
        let header = headers
            .get(LAST_EVENT_ID)
            .map(|value| value.to_str().unwrap_or_default());
        match (header.filter(|value| !value.is_empty()), &self.after) {
            (Some(text), _) => parse("Last-Event-ID", text).map(Some),
            (None, Some(text)) => parse("after", text).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Returns which events the client wants.
    pub fn filter(&self) -> ApiResult<FeedFilter> {
        Ok(FeedFilter {
            meeting_id: self.meeting,
            room: self.room.as_ref().map(|room| room.as_str().to_owned()),
            types: self.kind.as_deref().map_or(Ok(Vec::new()), types)?,
        })
    }
}

fn parse(name: &'static str, text: &str) -> ApiResult<i64> {
    let position = text.parse::<i64>().ok().filter(|position| *position >= 0);
    position.ok_or_else(|| ApiError::invalid(name, "must be the `id:` of an event"))
}

fn types(list: &str) -> ApiResult<Vec<String>> {
    list.split(',')
        .map(|name| match FeedEventType::parse(name.trim()) {
            Some(kind) => Ok(kind.name()),
            None => Err(ApiError::invalid(
                "type",
                format!("{name:?} is not a type; types are {}", known()),
            )),
        })
        .collect()
}

fn known() -> String {
    FeedEventType::all()
        .map(FeedEventType::name)
        .collect::<Vec<_>>()
        .join(", ")
}
