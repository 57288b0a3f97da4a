use axum::{Json, extract::State};
use domain::{
    Identity, MeetingId, RecordingId, TrackSid,
    meeting::{Completeness, MissingInterval, PersonCompleteness, Sums, UnrecordedTrack},
    track::NotRecorded,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::MeetingPath;
use crate::{
    api::{
        caller::Reader,
        error::{ApiError, ApiResult, Problem},
    },
    state::AppState,
};

/// What of a meeting was recorded.
#[derive(Serialize, ToSchema)]
#[schema(as = Completeness)]
pub struct CompletenessBody {
    /// Id of the meeting.
    #[schema(value_type = uuid::Uuid)]
    meeting_id: MeetingId,
    /// Whether nothing is listed in any `missing`. While the meeting is open, this is about what was published so far.
    complete: bool,
    /// Whether the meeting has closed and the outcome of every recording is known. After that, only reasons with `guess`
    /// may still change.
    #[serde(rename = "final")]
    is_final: bool,
    #[serde(flatten)]
    sums: SumsBody,
    /// Everyone who took part, in the order of their first appearance.
    participants: Vec<ParticipantCompleteness>,
}

/// Lengths of the audio tracks that should be recorded. `published_ms` is the sum of the other two.
#[derive(Serialize, ToSchema)]
#[schema(as = CompletenessSums)]
pub struct SumsBody {
    /// How long the tracks were published, muted or not, in milliseconds.
    published_ms: i64,
    /// How much of that a recorder has heard, silence included, in milliseconds. Where two recordings of a track overlap,
    /// the overlap counts once.
    recorded_ms: i64,
    /// How much of that is missing, in milliseconds, including stretches that are too short to be listed.
    missing_ms: i64,
}

/// What of a participant's tracks was recorded.
#[derive(Serialize, ToSchema)]
pub struct ParticipantCompleteness {
    /// Stable identity, the same across reconnects.
    #[schema(value_type = String)]
    identity: Identity,
    /// Name shown to others. Empty if none was given.
    display_name: String,
    #[serde(flatten)]
    sums: SumsBody,
    /// What is missing, by track and time. Less than 2 s at the start of a track, 1 s at its end and 0.2 s within a
    /// recording are not listed.
    missing: Vec<MissingBody>,
    /// Audio tracks without a recording. They are not in the sums, unless they could not be recorded (`e2ee`, `codec`) or
    /// had no audio (`no_audio`).
    not_recorded: Vec<UnrecordedBody>,
}

/// A stretch of a track that is missing.
#[derive(Serialize, ToSchema)]
#[schema(as = MissingInterval)]
pub struct MissingBody {
    /// The platform's id of the track.
    #[schema(value_type = String, example = "TR_AMx23cZGKLrKR5")]
    track_sid: TrackSid,
    /// The recording that the reason concerns. Null if none was requested for the track.
    #[schema(value_type = Option<uuid::Uuid>)]
    recording_id: Option<RecordingId>,
    /// Start, in milliseconds since the meeting began.
    start_ms: i64,
    /// End, in milliseconds since the meeting began.
    end_ms: i64,
    /// Stable code. `late`: before the recorder listened. `cut`: after the recording had ended. `never_recorded`: no
    /// recording was requested. `e2ee`: end-to-end encrypted. `codec`: not Opus. `lost_packets`: lost on the way to the
    /// recorder. `connection_lost`, `recorder_restarted`, `disk_full`, `overload`: what happened to the recorder. Anything else is the
    /// `reason` of the recording, which failed.
    #[schema(value_type = String)]
    reason: &'static str,
    /// Whether the reason is inferred, for instance because the recorder was not heard of again. Later knowledge overrules
    /// it.
    guess: bool,
}

/// An audio track without a recording.
#[derive(Serialize, ToSchema)]
#[schema(as = UnrecordedTrack)]
pub struct UnrecordedBody {
    /// The platform's id of the track.
    #[schema(value_type = String, example = "TR_AMx23cZGKLrKR5")]
    track_sid: TrackSid,
    /// When it was published, in milliseconds since the meeting began.
    start_ms: i64,
    /// When it ended, or now, in milliseconds since the meeting began.
    end_ms: i64,
    /// Why it has no recording.
    reason: NotRecorded,
}

/// Get the completeness of a meeting
///
/// Compares, for each participant, how long audio tracks were published with what was recorded of them, and says when and
/// why anything is missing. Tracks that should not be recorded, for instance because of the room's policy, are listed
/// apart.
#[utoipa::path(
    get, path = "/v1/meetings/{id}/completeness", operation_id = "get_completeness", tag = "meetings",
    security(("key" = ["read"])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id")),
    responses(
        (status = 200, body = CompletenessBody, description = "What was recorded, and what is missing"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id"),
    ),
)]
pub async fn get(State(app): State<AppState>, _: Reader, path: MeetingPath) -> ApiResult<Json<CompletenessBody>> {
    let mut conn = app.conn().await?;
    let meeting = storage::meetings::find_whole(&mut conn, path.0).await?;
    let meeting = meeting.ok_or(ApiError::NotFound("meeting"))?;
    let found = meeting.completeness((app.clock)());
    Ok(Json(CompletenessBody::new(path.0, found)))
}

impl CompletenessBody {
    fn new(meeting_id: MeetingId, found: Completeness) -> Self {
        Self {
            meeting_id,
            complete: found.is_complete(),
            is_final: found.is_final,
            sums: found.sums().into(),
            participants: found.people.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<PersonCompleteness> for ParticipantCompleteness {
    fn from(person: PersonCompleteness) -> Self {
        Self {
            identity: person.identity,
            display_name: person.display_name,
            sums: person.sums.into(),
            missing: person.missing.into_iter().map(Into::into).collect(),
            not_recorded: person.not_recorded.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Sums> for SumsBody {
    fn from(sums: Sums) -> Self {
        Self {
            published_ms: sums.published_ms,
            recorded_ms: sums.recorded_ms,
            missing_ms: sums.missing_ms,
        }
    }
}

impl From<MissingInterval> for MissingBody {
    fn from(missing: MissingInterval) -> Self {
        Self {
            track_sid: missing.track_sid,
            recording_id: missing.recording_id,
            start_ms: missing.start_ms,
            end_ms: missing.end_ms,
            reason: missing.reason.as_str(),
            guess: missing.reason.is_guess(),
        }
    }
}

impl From<UnrecordedTrack> for UnrecordedBody {
    fn from(track: UnrecordedTrack) -> Self {
        Self {
            track_sid: track.track_sid,
            start_ms: track.start_ms,
            end_ms: track.end_ms,
            reason: track.reason,
        }
    }
}

#[cfg(test)]
mod tests;
