//! Cloud recordings: one composed file of everyone.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::client::{Points, WherebyClient};
use super::list::pages;
use super::room::plain_room_name;
use super::wire;
use crate::PlatformError;
use crate::rest::{gone_is_deleted, gone_is_none};

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WherebyRecording {
    /// Whereby's id of it.
    pub id: String,
    /// The session that it recorded, if Whereby says it.
    pub session: Option<String>,
    /// The room's name without the leading slash; empty if Whereby does not say it.
    pub room_name: String,
    /// The file's name: [`super::RecordingFileName`].
    pub file_name: String,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended; `None` while it is running.
    pub ended_at: Option<DateTime<Utc>>,
}

impl WherebyClient {
    /// Lists the recordings of a room, or of the organization.
    ///
    /// # Errors
    /// A call failed, or the list does not end.
    pub async fn list_recordings(&self, room_name: Option<&str>) -> Result<Vec<WherebyRecording>, PlatformError> {
        let first = || {
            let call = self.get(&["recordings"], Points::Write);
            match room_name {
                Some(room) => call.query("roomName", &format!("/{}", plain_room_name(room))),
                None => call,
            }
        };
        let listed: Vec<wire::Recording> = pages(first).await?;
        Ok(listed.into_iter().map(recording).collect())
    }

    /// Returns a recording, or `None` if it does not exist.
    ///
    /// # Errors
    /// The call failed.
    pub async fn get_recording(&self, id: &str) -> Result<Option<WherebyRecording>, PlatformError> {
        let found = self.get(&["recordings", id], Points::Read).send().await;
        Ok(gone_is_none(found)?.map(recording))
    }

    /// Returns a signed URL of a recording that Whereby stores, or `None` if it does not exist. It is a secret.
    ///
    /// # Errors
    /// The call failed. [`PlatformError::Unauthorized`] if Whereby does not store it.
    pub async fn recording_link(&self, id: &str, valid_for: TimeDelta) -> Result<Option<SecretString>, PlatformError> {
        let call = self.get(&["recordings", id, "access-link"], Points::Read);
        let call = call.query("validForSeconds", &valid_for.num_seconds().to_string());
        Ok(gone_is_none::<wire::AccessLink>(call.send().await)?.map(|link| link.access_link))
    }

    /// Deletes a recording that Whereby stores; it never does so by itself. Succeeds if it does not exist.
    ///
    /// # Errors
    /// The call failed.
    pub async fn delete_recording(&self, id: &str) -> Result<(), PlatformError> {
        gone_is_deleted(self.delete(&["recordings", id]).send_only().await)
    }
}

fn recording(sent: wire::Recording) -> WherebyRecording {
    WherebyRecording {
        id: sent.recording_id,
        session: Some(sent.room_session_id).filter(|id| !id.is_empty()),
        room_name: plain_room_name(&sent.room_name).to_owned(),
        file_name: sent.filename,
        started_at: sent.start_date,
        ended_at: sent.end_date,
    }
}
