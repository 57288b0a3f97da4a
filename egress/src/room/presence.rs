//! Whether the room of a request still exists. Joining a room that is gone would create it again, and the recorder
//! would stay in it for minutes.

use domain::PlatformRoomSid;
use livekit_api::services::room::RoomClient;
use secrecy::ExposeSecret;

use super::{access::RoomAccess, open_rooms::RoomKey};

/// Whether a room exists, as far as livekit-server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Exists,
    /// The room does not exist, or a different room has its name.
    Gone,
    /// livekit-server did not answer.
    Unknown,
}

/// Asks livekit-server whether `room` exists.
pub async fn query(access: &RoomAccess, room: &RoomKey) -> Presence {
    let secret = access.api_key.secret.expose_secret();
    let client = RoomClient::with_api_key(&http_url(access), &access.api_key.key, secret);
    match client.list_rooms(vec![room.name.clone()]).await {
        Ok(rooms) => {
            let found = rooms.first().map(|found| PlatformRoomSid::from(found.sid.as_str()));
            compare(room, found.as_ref())
        }
        Err(error) => {
            tracing::warn!(%error, room.name = room.name, "cannot ask livekit-server whether the room exists");
            Presence::Unknown
        }
    }
}

/// Compares the room of a request with the sid of the existing room of that name. Any room matches a request without
/// a sid.
pub fn compare(wanted: &RoomKey, found: Option<&PlatformRoomSid>) -> Presence {
    match found {
        Some(sid) if wanted.sid.as_str().is_empty() || *sid == wanted.sid => Presence::Exists,
        _ => Presence::Gone,
    }
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
