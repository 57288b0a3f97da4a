//! Raw-tracks recordings: one file per person, camera, microphone and screen.

use chrono::{DateTime, TimeDelta, Utc};
use domain::event::PlatformKind;
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use super::client::{DailyClient, RateClass};
use super::wire;
use crate::PlatformError;
use crate::name_uuid::name_uuid;
use crate::rest::{Failure, gone_is_deleted, gone_is_none};

/// The namespace of the ids of our recordings.
const INSTANCES: Uuid = Uuid::from_u128(0x0b0c_9d0e_6a3f_4c1b_8f27_31c5_7d90_e4a2);

/// What Daily says when nobody is in the room yet.
const NO_CALL: &str = "not seem to be hosting a call";

/// What Daily says when the recording is running already.
const RUNNING: &str = "has an active stream";

/// Most entries of a page.
const PAGE: usize = 100;

/// Most pages that are read: 10,000 recordings. A list that goes on is answered wrongly.
const MAX_PAGES: usize = 100;

/// When Daily ends a recording by itself. Both defaults of Daily would end long or quiet meetings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureLimits {
    /// Longest recording.
    pub max_duration: TimeDelta,
    /// How long everyone may be muted with the camera off.
    pub min_idle_timeout: TimeDelta,
}

impl Default for CaptureLimits {
    /// A day, which is the longest meeting, and 4 hours, after which a forgotten call records nothing more.
    fn default() -> Self {
        Self {
            max_duration: TimeDelta::hours(24),
            min_idle_timeout: TimeDelta::hours(4),
        }
    }
}

/// A recording as Daily lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyRecording {
    /// Daily's id of it.
    pub id: String,
    /// The room.
    pub room: String,
    /// The session of the call (`mtgSessionId`), if Daily says it.
    pub session: Option<String>,
    /// When it began, in whole seconds.
    pub started_at: Option<DateTime<Utc>>,
    /// Whether it has ended.
    pub status: RecordingStatus,
    /// Its length, once it has ended.
    pub duration: Option<TimeDelta>,
    /// What the keys of its files begin with.
    pub key: Option<String>,
    /// Its files. `None` if Daily cannot list them: then the files are found by listing the bucket below `key`.
    pub tracks: Option<Vec<RecordingTrack>>,
}

/// The state of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingStatus {
    /// It is running.
    InProgress,
    /// It has ended and its files are stored.
    Finished,
    /// It has ended without a file.
    Canceled,
    /// A state that this version does not know.
    Unknown(String),
}

/// One file of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingTrack {
    /// The object's key: [`super::TrackKey`].
    pub key: String,
    /// Its size.
    pub size_bytes: Option<i64>,
    /// Whether Daily says that it contains sound.
    pub is_audio: bool,
}

/// Returns the id of the raw-tracks recording in a room, which is the same at each start: a second one cannot run beside
/// the first.
pub fn instance_id(room: &str) -> Uuid {
    name_uuid(&INSTANCES, &format!("{room}/raw-tracks"))
}

impl DailyClient {
    /// Starts recording a room. Succeeds if its recording is running already.
    ///
    /// # Errors
    /// The call failed. [`PlatformError::Busy`] if nobody is in the room yet.
    pub async fn start_recording(&self, room: &str, limits: CaptureLimits) -> Result<(), PlatformError> {
        let call = self.post(&["rooms", room, "recordings", "start"], RateClass::Start);
        let started = call.json(json!({
            "type": "raw-tracks",
            "instanceId": instance_id(room),
            "maxDuration": limits.max_duration.num_seconds(),
            "minIdleTimeOut": limits.min_idle_timeout.num_seconds(),
        }));
        let said = |failure: &Failure, what| failure.answer().is_some_and(|answer| answer.text.contains(what));
        match started.read::<serde_json::Value>().await {
            Ok(_) => Ok(()),
            Err(failure) if said(&failure, RUNNING) => Ok(()),
            Err(failure) if said(&failure, NO_CALL) => Err(PlatformError::Busy(PlatformKind::Daily, failure.into())),
            Err(failure) => Err(failure.of(PlatformKind::Daily)),
        }
    }

    /// Stops recording a room.
    ///
    /// # Errors
    /// The call failed. [`PlatformError::Refused`] if nothing is being recorded.
    pub async fn stop_recording(&self, room: &str) -> Result<(), PlatformError> {
        let call = self.post(&["rooms", room, "recordings", "stop"], RateClass::Most);
        call.json(json!({"type": "raw-tracks", "instanceId": instance_id(room)}))
            .send_only()
            .await
    }

    /// Lists recordings that began at `since` or later, newest first: of one room, or of the whole domain.
    ///
    /// # Errors
    /// A call failed, or the list does not end.
    pub async fn list_recordings(
        &self,
        room: Option<&str>,
        since: DateTime<Utc>,
    ) -> Result<Vec<DailyRecording>, PlatformError> {
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let page = self.recordings_after(room, after.as_deref()).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|recording| recording.id.clone());
            let is_recent = |recording: &DailyRecording| recording.started_at.is_none_or(|start| start >= since);
            let has_older = page.iter().any(|recording| !is_recent(recording));
            found.extend(page.into_iter().filter(is_recent));
            if is_last || has_older {
                return Ok(found);
            }
        }
        let endless = "the list of recordings does not end".into();
        Err(PlatformError::UnexpectedResponse(PlatformKind::Daily, endless))
    }

    async fn recordings_after(
        &self,
        room: Option<&str>,
        after: Option<&str>,
    ) -> Result<Vec<DailyRecording>, PlatformError> {
        let call = self.get(&["recordings"], RateClass::List);
        let call = call.query("limit", &PAGE.to_string());
        let filters = [("room_name", room), ("starting_after", after)];
        let call = filters.into_iter().fold(call, |call, (name, value)| match value {
            Some(value) => call.query(name, value),
            None => call,
        });
        let page: wire::Page<wire::Recording> = call.send().await?;
        Ok(page.data.into_iter().map(recording).collect())
    }

    /// Returns a recording, or `None` if it does not exist.
    ///
    /// # Errors
    /// The call failed.
    pub async fn get_recording(&self, id: &str) -> Result<Option<DailyRecording>, PlatformError> {
        let found = self.get(&["recordings", id], RateClass::Most).send().await;
        Ok(gone_is_none(found)?.map(recording))
    }

    /// Returns a signed URL of a recording that Daily stores, or `None` if it does not exist. It is a secret.
    ///
    /// # Errors
    /// The call failed.
    pub async fn recording_link(&self, id: &str, valid_for: TimeDelta) -> Result<Option<SecretString>, PlatformError> {
        let call = self.get(&["recordings", id, "access-link"], RateClass::Most);
        let call = call.query("valid_for_secs", &valid_for.num_seconds().to_string());
        let found = gone_is_none::<wire::AccessLink>(call.send().await)?;
        Ok(found.map(|link| link.download_link.into()))
    }

    /// Deletes a recording at Daily. Succeeds if it does not exist. Files in a bucket of ours may remain.
    ///
    /// # Errors
    /// The call failed.
    pub async fn delete_recording(&self, id: &str) -> Result<(), PlatformError> {
        gone_is_deleted(self.delete(&["recordings", id]).send_only().await)
    }
}

fn recording(sent: wire::Recording) -> DailyRecording {
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    DailyRecording {
        id: sent.id,
        room: sent.room_name,
        session: text(sent.mtg_session_id),
        started_at: sent.start_ts,
        status: status(sent.status),
        duration: sent.duration.and_then(TimeDelta::try_seconds),
        key: text(sent.s3key),
        tracks: sent.tracks.map(|tracks| tracks.into_iter().filter_map(track).collect()),
    }
}

fn status(word: String) -> RecordingStatus {
    match word.as_str() {
        "in-progress" => RecordingStatus::InProgress,
        "finished" => RecordingStatus::Finished,
        "canceled" | "cancelled" => RecordingStatus::Canceled,
        _ => RecordingStatus::Unknown(word),
    }
}

/// Returns `None` for a file without a key.
pub(super) fn track(sent: wire::Track) -> Option<RecordingTrack> {
    let is_named = !sent.s3_key.is_empty();
    is_named.then(|| RecordingTrack {
        key: sent.s3_key,
        size_bytes: sent.size.filter(|size| *size >= 0),
        is_audio: sent.kind == "audio",
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(sent: Value) -> DailyRecording {
        recording(serde_json::from_value(sent).unwrap())
    }

    #[test]
    fn every_spelling_of_the_key_is_read_and_unlisted_tracks_are_not_none_at_all() {
        for name in ["s3key", "s3Key", "s3_key"] {
            let read = read(json!({"id": "r", name: "acme/room/1", "tracks": null, "duration": "61.5"}));
            assert_eq!(read.key.as_deref(), Some("acme/room/1"), "{name}");
            assert_eq!((read.tracks, read.duration), (None, TimeDelta::try_seconds(61)));
        }
        let tracks =
            json!([{"type": "audio", "s3Key": "k", "size": 7}, {"type": "video", "s3_key": "v", "size": -1}, {}]);
        let read = read(json!({"id": "r", "status": "paused", "tracks": tracks}));
        assert_eq!(read.status, RecordingStatus::Unknown("paused".to_owned()));
        let sizes: Vec<_> = read
            .tracks
            .unwrap()
            .into_iter()
            .map(|t| (t.key, t.size_bytes, t.is_audio))
            .collect();
        assert_eq!(sizes, [("k".to_owned(), Some(7), true), ("v".to_owned(), None, false)]);
    }

    #[test]
    fn hostile_values_are_missing_values() {
        let read = read(
            json!({"id": 7, "room_name": [], "start_ts": 1e300, "duration": 1e300, "tracks": [1, "x"], "status": {}}),
        );

        assert_eq!((read.id.as_str(), read.room.as_str()), ("", ""));
        assert_eq!((read.started_at, read.duration, read.tracks), (None, None, None));
    }

    #[test]
    fn a_room_has_one_instance_id_and_no_other_room_has_it() {
        assert_eq!(instance_id("standup-1"), instance_id("standup-1"));
        assert_ne!(instance_id("standup-1"), instance_id("standup-2"));
        assert_eq!(instance_id("standup-1").get_version_num(), 5);
    }
}
