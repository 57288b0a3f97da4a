//! Whereby's meetings. Each of ours has one of its own.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::event::PlatformKind;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::client::{Points, WherebyClient};
use super::list::pages;
use super::wire;
use crate::PlatformError;
use crate::rest::{gone_is_deleted, gone_is_none};

/// Longest prefix of a room's name, in characters.
const MAX_PREFIX: usize = 39;

/// What the host's address is called. It is returned only if asked for.
const HOST_URL: &str = "hostRoomUrl";

/// A meeting to create.
#[derive(Clone, Debug)]
pub struct NewMeeting {
    /// What the room's name begins with; Whereby adds a UUID. Cut after 39 characters.
    pub room_name_prefix: String,
    /// An hour after this, Whereby deletes the room.
    pub ends_at: DateTime<Utc>,
    /// Where recordings are stored; nothing is recorded if `None`.
    pub recording: Option<RecordingTarget>,
}

/// Where Whereby stores recordings.
#[derive(Clone, Debug)]
pub enum RecordingTarget {
    /// In its own store, from which we fetch and then delete them.
    Whereby(FileFormat),
    /// In a bucket of ours. Whereby supports Amazon S3 and no other address.
    S3 {
        /// The bucket's name, and a folder if it has a slash.
        bucket: String,
        /// Its region.
        region: String,
        /// The id of a key that may write.
        access_key_id: String,
        /// Its secret.
        access_key_secret: SecretString,
        /// The container of the files.
        format: FileFormat,
    },
}

/// The container of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Matroska: readable up to where it was written, should it break off.
    Mkv,
    /// MP4.
    Mp4,
}

/// A meeting.
#[derive(Clone, Debug)]
pub struct WherebyMeeting {
    /// Whereby's id of it.
    pub id: String,
    /// The room's name without the leading slash.
    pub room_name: String,
    /// Where people join.
    pub url: String,
    /// Where hosts join. Whoever knows it is a host. `None` if it was not returned.
    pub host_url: Option<SecretString>,
    /// When it ends.
    pub ends_at: Option<DateTime<Utc>>,
}

impl WherebyClient {
    /// Creates a meeting. Not idempotent: each call creates another one.
    ///
    /// # Errors
    /// The call failed.
    pub async fn create_meeting(&self, new: &NewMeeting) -> Result<WherebyMeeting, PlatformError> {
        let call = self.post(&["meetings"]).json(request(new)).with_secrets();
        meeting(call.send().await?)
    }

    /// Returns a meeting with the host's address, or `None` if it does not exist.
    ///
    /// # Errors
    /// The call failed.
    pub async fn get_meeting(&self, id: &str) -> Result<Option<WherebyMeeting>, PlatformError> {
        let call = self.get(&["meetings", id], Points::Read).query("fields", HOST_URL);
        gone_is_none(call.send().await)?.map(meeting).transpose()
    }

    /// Lists all meetings, without the hosts' addresses.
    ///
    /// # Errors
    /// A call failed, or the list does not end.
    pub async fn list_meetings(&self) -> Result<Vec<WherebyMeeting>, PlatformError> {
        let listed = pages(|| self.get(&["meetings"], Points::Write)).await?;
        Ok(listed.into_iter().filter_map(|sent| meeting(sent).ok()).collect())
    }

    /// Deletes a meeting, which is the only way to end it. Succeeds if it does not exist.
    ///
    /// # Errors
    /// The call failed.
    pub async fn delete_meeting(&self, id: &str) -> Result<(), PlatformError> {
        gone_is_deleted(self.delete(&["meetings", id]).send_only().await)
    }
}

/// `group` rooms hold more than four people.
fn request(new: &NewMeeting) -> Value {
    let prefix: String = new.room_name_prefix.chars().take(MAX_PREFIX).collect();
    json!({
        "endDate": new.ends_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "roomMode": "group",
        "roomNamePrefix": prefix,
        "roomNamePattern": "uuid",
        "recording": recording(new.recording.as_ref()),
        "fields": [HOST_URL],
    })
}

/// Without a target, recording is switched off explicitly: an omitted field takes the organization's setting.
fn recording(target: Option<&RecordingTarget>) -> Value {
    let destination = match target {
        None => return json!({"type": "none", "destination": null, "startTrigger": "none"}),
        Some(RecordingTarget::Whereby(format)) => json!({"provider": "whereby", "fileFormat": format.as_str()}),
        Some(RecordingTarget::S3 {
            bucket,
            region,
            access_key_id,
            access_key_secret,
            format,
        }) => json!({
            "provider": "s3", "authenticationType": "accessKey", "bucket": bucket, "region": region,
            "accessKeyId": access_key_id, "accessKeySecret": access_key_secret.expose_secret(),
            "fileFormat": format.as_str(),
        }),
    };
    json!({"type": "cloud", "destination": destination, "startTrigger": "automatic"})
}

impl FileFormat {
    fn as_str(self) -> &'static str {
        match self {
            Self::Mkv => "mkv",
            Self::Mp4 => "mp4",
        }
    }
}

/// Returns a room's name without the slash with which Whereby begins it in some places.
pub fn plain_room_name(name: &str) -> &str {
    name.strip_prefix('/').unwrap_or(name)
}

fn meeting(sent: wire::Meeting) -> Result<WherebyMeeting, PlatformError> {
    if sent.meeting_id.is_empty() || sent.room_url.is_empty() {
        let what = "the meeting has no id or no URL".into();
        return Err(PlatformError::UnexpectedResponse(PlatformKind::Whereby, what));
    }
    Ok(WherebyMeeting {
        id: sent.meeting_id,
        room_name: plain_room_name(&sent.room_name).to_owned(),
        url: sent.room_url,
        host_url: sent.host_room_url,
        ends_at: sent.end_date,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(recording: Option<RecordingTarget>) -> NewMeeting {
        NewMeeting {
            room_name_prefix: "x".repeat(63),
            ends_at: DateTime::from_timestamp(1_772_355_605, 0).unwrap(),
            recording,
        }
    }

    #[test]
    fn a_request_asks_for_the_hosts_address_and_says_whether_to_record() {
        let nothing = request(&new(None));
        assert_eq!(nothing["endDate"], "2026-03-01T09:00:05.000Z");
        assert_eq!(nothing["roomNamePrefix"], "x".repeat(39));
        assert_eq!(nothing["fields"], json!(["hostRoomUrl"]));
        assert_eq!(nothing["recording"]["type"], "none");

        let cloud = request(&new(Some(RecordingTarget::Whereby(FileFormat::Mkv))));
        assert_eq!(
            cloud["recording"],
            json!({"type": "cloud", "startTrigger": "automatic", "destination": {"provider": "whereby", "fileFormat": "mkv"}})
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let target = RecordingTarget::S3 {
            bucket: "b/recordings".to_owned(),
            region: "eu-west-1".to_owned(),
            access_key_id: "AKIA".to_owned(),
            access_key_secret: "s3-secret".into(),
            format: FileFormat::Mp4,
        };
        let sent = json!({"meetingId": "1", "roomName": "/a-b", "roomUrl": "https://w/a-b", "hostRoomUrl": "https://w/a-b?roleKey=host-secret"});
        let made = meeting(serde_json::from_value(sent).unwrap()).unwrap();

        assert_eq!(made.room_name, "a-b");
        assert_eq!(
            request(&new(Some(target.clone())))["recording"]["destination"]["accessKeySecret"],
            "s3-secret"
        );
        assert!(!format!("{:?}{made:?}", new(Some(target))).contains("-secret"));
    }
}
