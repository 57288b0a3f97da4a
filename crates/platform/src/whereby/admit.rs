//! Lets somebody join: makes a meeting at Whereby if ours has none, and returns an address of it.

use chrono::{DateTime, Utc};
use domain::event::PlatformKind;
use domain::participant::Role;
use domain::permissions::Permissions;
use domain::platform_room::MadeRoom;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::adapter::Whereby;
use super::{NewMeeting, WherebyClient, WherebyMeeting};
use crate::admission::new_identity;
use crate::room_name::{name_prefix, room_id};
use crate::{Admission, AdmitError, JoinError, JoinRequest, LeftoverRoom, PlatformError, RoomToJoin};

/// Returns the host's address to hosts and the room's to everyone else, with the identity and the name in it. Whereby lets
/// everyone send sound and picture, so nobody who may not is admitted.
pub async fn admit(
    whereby: &Whereby,
    request: &JoinRequest,
    room: &RoomToJoin,
    now: DateTime<Utc>,
) -> Result<Admission, AdmitError> {
    let ttl = request.check()?;
    if request.permissions != Permissions::of(Role::Participant) {
        return Err(JoinError::UnsupportedPermissions.into());
    }
    let (joined, made) = match &room.current {
        Some(current) => (current.clone(), None),
        None => {
            let made = make(whereby, room, now).await?;
            (made.clone(), Some(made))
        }
    };
    let identity = request.identity.clone();
    let identity = identity.unwrap_or_else(|| new_identity(&whereby.config.identities));
    let base = match (&joined.host_url, request.role) {
        (Some(host_url), Role::Host) => host_url.expose(),
        _ => &joined.url,
    };
    Ok(Admission {
        url: address(base, identity.as_str(), &request.display_name)?,
        token: None,
        identity,
        expires_at: (now + ttl).min(joined.expires_at),
        made,
    })
}

/// Deletes the meeting whose room has this name, which ends it. Succeeds if there is none.
pub async fn delete(client: &WherebyClient, room_name: &str) -> Result<(), PlatformError> {
    let meetings = client.list_meetings().await?;
    match meetings.iter().find(|meeting| meeting.room_name == room_name) {
        Some(meeting) => client.delete_meeting(&meeting.id).await,
        None => Ok(()),
    }
}

/// Lists the meetings that we made and that still exist. Whereby does not tell when they were made.
pub async fn made_rooms(client: &WherebyClient) -> Result<Vec<LeftoverRoom>, PlatformError> {
    let leftover = |meeting: WherebyMeeting| {
        Some(LeftoverRoom {
            room_id: room_id(&meeting.room_name)?,
            key: meeting.room_name.into(),
            created_at: None,
        })
    };
    Ok(client.list_meetings().await?.into_iter().filter_map(leftover).collect())
}

async fn make(whereby: &Whereby, room: &RoomToJoin, now: DateTime<Utc>) -> Result<MadeRoom, PlatformError> {
    let ends_at = now + whereby.config.meeting_life;
    let new = NewMeeting {
        room_name_prefix: name_prefix(room.id),
        ends_at,
        recording: whereby.config.recording.clone(),
    };
    let made = whereby.client.create_meeting(&new).await?;
    Ok(MadeRoom {
        key: made.room_name.into(),
        url: made.url,
        host_url: made.host_url.map(|url| url.expose_secret().to_owned().into()),
        expires_at: made.ends_at.unwrap_or(ends_at),
    })
}

/// Adds what Whereby returns in its events: `externalId`, and the name that others see.
fn address(base: &str, identity: &str, display_name: &str) -> Result<SecretString, PlatformError> {
    let parsed = Url::parse(base);
    let mut url = parsed.map_err(|error| PlatformError::UnexpectedResponse(PlatformKind::Whereby, error.into()))?;
    let mut query = url.query_pairs_mut();
    query.append_pair("externalId", identity);
    if !display_name.is_empty() {
        query.append_pair("displayName", display_name);
    }
    drop(query);
    Ok(String::from(url).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_the_hosts_key_and_carries_identity_and_name() {
        let made = address("https://acme.whereby.com/ts-1?roleKey=abc", "p-1", "Zoë & Ada").unwrap();

        assert_eq!(
            made.expose_secret(),
            "https://acme.whereby.com/ts-1?roleKey=abc&externalId=p-1&displayName=Zo%C3%AB+%26+Ada"
        );
        assert!(address("no address", "p-1", "").is_err());
    }
}
