use axum::extract::State;
use domain::{
    RoomId, RoomName,
    audit::AuditAction,
    event::PlatformKind,
    room::{Language, Room},
};
use serde::Deserialize;
use storage::{StorageError, rooms::NAME_KEY};
use utoipa::ToSchema;

use super::{ConsentChoice, PlatformChoice, RecordingChoice, RoomBody, audit::entry, check_recording};
use crate::{
    api::{
        caller::Writer,
        created::Created,
        error::{ApiError, ApiResult, Problem},
        extract::ApiJson,
    },
    config::platforms::how_to_configure,
    state::AppState,
};

/// Settings of a new room.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRoom {
    /// Unique name: 1 to 63 characters of `a-z`, `0-9` and `-`, not beginning with `-`. It is part of object keys and
    /// cannot be changed.
    #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "standup")]
    name: RoomName,
    /// Default: the server's `DEFAULT_VIDEO_PLATFORM`. Must be configured on the server. Cannot be changed.
    platform: Option<PlatformChoice>,
    /// Default: `automatic`.
    recording: Option<RecordingChoice>,
    /// Default: `none`.
    consent: Option<ConsentChoice>,
    /// Language spoken in the room, as a BCP 47 tag of at most 35 characters. Default: `en`.
    #[schema(value_type = Option<String>, example = "en")]
    language: Option<Language>,
}

/// Create a room
///
/// Only stores the room; the platform's own room is created when the first participant joins. Repeating the request
/// returns 409.
#[utoipa::path(
    post, path = "/v1/rooms", operation_id = "create_room", tag = "rooms",
    security(("key" = ["write"])),
    request_body = CreateRoom,
    responses(
        (status = 201, body = RoomBody, description = "The new room"),
        (status = 409, body = Problem, description = "`conflict`: a room with this name exists"),
    ),
)]
pub async fn create(
    State(app): State<AppState>,
    caller: Writer,
    ApiJson(body): ApiJson<CreateRoom>,
) -> ApiResult<Created<RoomBody>> {
    let room = body.into_room(RoomId((app.ids)()), &app)?;
    check_recording(&room)?;
    let mut tx = app.begin().await?;
    storage::rooms::insert(&mut tx, &room)
        .await
        .map_err(|error| name_taken(error, &room.name))?;
    storage::audit::append(&mut tx, &entry(caller.actor, AuditAction::CreateRoom, &room)).await?;
    storage::pool::commit(tx).await?;
    Ok(Created {
        location: format!("/v1/rooms/{}", room.name),
        body: room.into(),
    })
}

impl CreateRoom {
    fn into_room(self, id: RoomId, app: &AppState) -> ApiResult<Room> {
        let platform = self.platform.map_or(app.options.default_platform, PlatformKind::from);
        if app.platforms.get(platform).is_none() {
            return Err(ApiError::invalid("platform", how_to_configure(platform)));
        }
        let defaults = Room::new(id, self.name, platform, (app.clock)());
        Ok(Room {
            recording: self.recording.map_or(defaults.recording, Into::into),
            consent: self.consent.map_or(defaults.consent, Into::into),
            language: self.language.unwrap_or(defaults.language.clone()),
            ..defaults
        })
    }
}

fn name_taken(error: StorageError, name: &RoomName) -> ApiError {
    match error.is_taken(NAME_KEY) {
        true => ApiError::Conflict(format!("a room named {name} already exists")),
        false => error.into(),
    }
}
