//! Whether the room of a request is still there. Joining a room that is gone would make it anew, and the recorder
//! would sit in it for minutes.

use livekit_api::services::room::RoomClient;
use secrecy::ExposeSecret;

use super::registry::{RoomAccess, RoomKey};

/// The answer of livekit-server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    There,
    /// Gone, or another room of that name is there.
    Gone,
    /// No answer, which is none.
    Unknown,
}

pub async fn presence(access: &RoomAccess, room: &RoomKey) -> Presence {
    let secret = access.api_key.secret.expose_secret();
    let client = RoomClient::with_api_key(&http_url(access), &access.api_key.key, secret);
    match client.list_rooms(vec![room.name.clone()]).await {
        Ok(rooms) => compare(room, rooms.first().map(|found| found.sid.as_str())),
        Err(error) => {
            tracing::warn!(%error, room.name = room.name, "livekit-server does not say whether the room is there");
            Presence::Unknown
        }
    }
}

/// A request without a room sid is content with any room of the name.
pub fn compare(wanted: &RoomKey, found: Option<&str>) -> Presence {
    match found {
        Some(sid) if wanted.sid.is_empty() || sid == wanted.sid => Presence::There,
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
    fn a_room_of_the_same_name_is_not_the_one_that_was_meant() {
        let wanted = RoomKey {
            name: "standup".into(),
            sid: "RM_1".into(),
        };
        let any = RoomKey {
            sid: String::new(),
            ..wanted.clone()
        };

        assert_eq!(compare(&wanted, Some("RM_1")), Presence::There);
        assert_eq!(compare(&wanted, Some("RM_2")), Presence::Gone);
        assert_eq!(compare(&wanted, None), Presence::Gone);
        assert_eq!(compare(&any, Some("RM_2")), Presence::There);
    }
}
