//! Daily's rooms. Each of our meetings has one of its own, private, with an end.

use chrono::{DateTime, Utc};
use domain::event::PlatformKind;
use serde_json::{Value, json};

use super::client::{DailyClient, RateClass};
use super::wire;
use crate::PlatformError;
use crate::rest::{Failure, gone_is_deleted, gone_is_none};

/// What Daily says when a room of the name exists.
const ALREADY_EXISTS: &str = "already exists";

/// Most entries of a page.
const PAGE: usize = 100;

/// Most pages that are read: 10,000 rooms. A list that goes on is answered wrongly.
const MAX_PAGES: usize = 100;

/// A room to create.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// The room's name in our Daily domain: letters, digits, `-` and `_`.
    pub name: String,
    /// When Daily ejects everyone and lets nobody in any more.
    pub expires_at: DateTime<Utc>,
    /// Daily's own limit if `None`.
    pub max_participants: Option<u32>,
    /// Where Daily stores recordings; in its own store if `None`.
    pub bucket: Option<RecordingsBucket>,
}

/// A bucket of ours that Daily may write to. Daily supports Amazon S3 and no other address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingsBucket {
    /// The bucket's name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// The role that Daily assumes.
    pub role_arn: String,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyRoom {
    /// Its name.
    pub name: String,
    /// Where people join.
    pub url: String,
    /// When it was created, if Daily says so.
    pub created_at: Option<DateTime<Utc>>,
    /// When it ends, if it does.
    pub expires_at: Option<DateTime<Utc>>,
}

impl DailyClient {
    /// Creates a room, or returns the one of this name: a name of ours is never used for two meetings.
    ///
    /// # Errors
    /// The call failed, or the existing room is public, so it is not ours.
    pub async fn create_room(&self, room: &NewRoom) -> Result<DailyRoom, PlatformError> {
        let call = self.post(&["rooms"], RateClass::Most).json(request(room));
        match call.read().await {
            Ok(created) => self::room(created),
            Err(failure) if already_exists(&failure) => self.existing(&room.name, failure).await,
            Err(failure) => Err(failure.of(PlatformKind::Daily)),
        }
    }

    /// Returns a room, or `None` if it does not exist.
    ///
    /// # Errors
    /// The call failed.
    pub async fn get_room(&self, name: &str) -> Result<Option<DailyRoom>, PlatformError> {
        let found = self.get(&["rooms", name], RateClass::Most).send().await;
        gone_is_none(found)?.map(room).transpose()
    }

    /// Lists all rooms of the domain, those of others included.
    ///
    /// # Errors
    /// A call failed, or the list does not end.
    pub async fn list_rooms(&self) -> Result<Vec<DailyRoom>, PlatformError> {
        let (mut found, mut after) = (Vec::new(), None::<String>);
        for _ in 0..MAX_PAGES {
            let call = self.get(&["rooms"], RateClass::List).query("limit", &PAGE.to_string());
            let call = match &after {
                Some(id) => call.query("starting_after", id),
                None => call,
            };
            let page: wire::Page<wire::Room> = call.send().await?;
            let is_last = page.data.len() < PAGE;
            after = page.data.last().map(|room| room.id.clone());
            found.extend(page.data.into_iter().filter_map(|sent| room(sent).ok()));
            if is_last {
                return Ok(found);
            }
        }
        let endless = "the list of rooms does not end".into();
        Err(PlatformError::UnexpectedResponse(PlatformKind::Daily, endless))
    }

    /// Deletes a room, which ejects everyone. Succeeds if it does not exist.
    ///
    /// # Errors
    /// The call failed.
    pub async fn delete_room(&self, name: &str) -> Result<(), PlatformError> {
        gone_is_deleted(self.delete(&["rooms", name]).send_only().await)
    }

    async fn existing(&self, name: &str, refusal: Failure) -> Result<DailyRoom, PlatformError> {
        let found = self.get(&["rooms", name], RateClass::Most).send().await;
        match gone_is_none::<wire::Room>(found)? {
            Some(existing) if existing.privacy == "private" => room(existing),
            _ => Err(refusal.of(PlatformKind::Daily)),
        }
    }
}

/// Recordings are started by us; a browser gets no button for it.
fn request(room: &NewRoom) -> Value {
    let mut properties = json!({
        "exp": room.expires_at.timestamp(),
        "eject_at_room_exp": true,
        "enable_recording": "raw-tracks",
    });
    if let Some(max) = room.max_participants {
        properties["max_participants"] = max.into();
    }
    if let Some(bucket) = &room.bucket {
        properties["recordings_bucket"] = json!({
            "bucket_name": bucket.name, "bucket_region": bucket.region, "assume_role_arn": bucket.role_arn,
            "allow_api_access": true,
        });
    }
    json!({"name": room.name, "privacy": "private", "properties": properties})
}

fn already_exists(failure: &Failure) -> bool {
    failure
        .answer()
        .is_some_and(|answer| answer.text.contains(ALREADY_EXISTS))
}

fn room(sent: wire::Room) -> Result<DailyRoom, PlatformError> {
    if sent.name.is_empty() || sent.url.is_empty() {
        let what = "the room has no name or no URL".into();
        return Err(PlatformError::UnexpectedResponse(PlatformKind::Daily, what));
    }
    Ok(DailyRoom {
        name: sent.name,
        url: sent.url,
        created_at: sent.created_at,
        expires_at: sent.config.exp,
    })
}
