//! Whether the room of a request still exists. Joining a room that is gone would create it again, and the recorder
//! would stay in it for minutes.

use std::time::Duration;

use domain::PlatformRoomKey;
use futures::{StreamExt, stream::FuturesUnordered};
use livekit_api::services::{ServiceError, ServiceResult, TwirpError, TwirpErrorCode, room::RoomClient};
use secrecy::ExposeSecret;
use thiserror::Error;
use tokio::time::{sleep, timeout};

use super::{access::RoomAccess, open_rooms::RoomKey};

/// The longest wait for an answer.
const QUERY_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a room that is left may wait for this.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(1);
/// How often the question is repeated on a new connection while there is no answer. A connection attempt that began while
/// the network was down repeats itself only after seconds, and would delay us after the network is back.
const REPEAT_INTERVAL: Duration = Duration::from_secs(1);

/// Whether a room exists, as far as livekit-server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Exists,
    /// The room does not exist, or a different room has its name.
    Gone,
}

/// Why livekit-server gave no answer.
#[derive(Debug, Error)]
pub enum PresenceError {
    #[error("cannot ask livekit-server whether the room exists")]
    Failed(#[source] ServiceError),
    #[error("livekit-server did not answer within {} s whether the room exists", QUERY_TIMEOUT.as_secs())]
    TimedOut,
}

impl PresenceError {
    /// Whether the same question fails every time.
    pub fn is_final(&self) -> bool {
        let Self::Failed(ServiceError::Twirp(TwirpError::Twirp(error))) = self else {
            return false;
        };
        matches!(
            error.code.as_str(),
            TwirpErrorCode::UNAUTHENTICATED | TwirpErrorCode::PERMISSION_DENIED
        )
    }
}

/// Asks livekit-server whether `room` exists. Returns its first answer; an error is none, and says nothing about the room.
pub async fn ask(access: &RoomAccess, room: &RoomKey) -> Result<Presence, PresenceError> {
    let mut queries = FuturesUnordered::new();
    loop {
        queries.push(timeout(QUERY_TIMEOUT, query(access, room)));
        tokio::select! {
            Some(answer) = queries.next() => {
                let answer = answer.map_err(|_elapsed| PresenceError::TimedOut)?;
                return answer.map_err(PresenceError::Failed);
            }
            () = sleep(REPEAT_INTERVAL) => {}
        }
    }
}

/// Removes a participant of ours that has no signalling any more. It leaves by itself if this fails.
pub async fn remove(access: &RoomAccess, room: &RoomKey, identity: &str) {
    let removed = timeout(REMOVE_TIMEOUT, client(access).remove_participant(&room.name, identity)).await;
    if !matches!(removed, Ok(Ok(_))) {
        tracing::debug!("cannot remove a participant without signalling");
    }
}

async fn query(access: &RoomAccess, room: &RoomKey) -> ServiceResult<Presence> {
    let rooms = client(access).list_rooms(vec![room.name.clone()]).await?;
    let found = rooms.first().map(|found| PlatformRoomKey::from(found.sid.as_str()));
    Ok(compare(room, found.as_ref()))
}

/// Compares the room of a request with the sid of the existing room of that name. Any room matches a request without
/// a sid.
pub fn compare(wanted: &RoomKey, found: Option<&PlatformRoomKey>) -> Presence {
    match found {
        Some(sid) if wanted.sid.as_str().is_empty() || *sid == wanted.sid => Presence::Exists,
        _ => Presence::Gone,
    }
}

fn client(access: &RoomAccess) -> RoomClient {
    let secret = access.api_key.secret.expose_secret();
    RoomClient::with_api_key(&http_url(access), &access.api_key.key, secret)
}

fn http_url(access: &RoomAccess) -> String {
    let url = access.url.as_str();
    match url.strip_prefix("ws") {
        Some(rest) => format!("http{rest}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_different_room_of_the_same_name_does_not_match() {
        let wanted = RoomKey {
            name: "standup".into(),
            sid: "RM_1".into(),
        };
        let any = RoomKey {
            sid: "".into(),
            ..wanted.clone()
        };

        assert_eq!(compare(&wanted, Some(&"RM_1".into())), Presence::Exists);
        assert_eq!(compare(&wanted, Some(&"RM_2".into())), Presence::Gone);
        assert_eq!(compare(&wanted, None), Presence::Gone);
        assert_eq!(compare(&any, Some(&"RM_2".into())), Presence::Exists);
    }
}
