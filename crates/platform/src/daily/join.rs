//! Meeting tokens. Without one, nobody enters our private rooms.

use chrono::{DateTime, Utc};
use domain::Identity;
use domain::permissions::Permissions;
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{DailyClient, RateClass};
use super::wire;
use crate::PlatformError;
use crate::name_uuid::name_uuid;

/// Longest user id that Daily keeps, in characters.
const MAX_USER_ID: usize = 36;

/// The namespace of user ids that stand for a longer identity.
const USER_IDS: Uuid = Uuid::from_u128(0x5d1f_0c5e_2a64_4a56_9d3e_8f6b_51d2_7a01);

/// A token to issue.
#[derive(Clone, Debug)]
pub struct MeetingToken {
    /// The room, and no other.
    pub room: String,
    /// At most 36 characters: [`user_id`].
    pub user_id: Identity,
    /// What others see.
    pub display_name: String,
    /// What its holder may do.
    pub permissions: Permissions,
    /// Until when it opens the room.
    pub expires_at: DateTime<Utc>,
}

/// Returns the user id of an identity: itself, or a UUID (version 5) of it if Daily would cut it off.
pub fn user_id(identity: &Identity) -> Identity {
    if identity.as_str().chars().count() <= MAX_USER_ID {
        return identity.clone();
    }
    Identity(name_uuid(&USER_IDS, identity.as_str()).to_string())
}

impl DailyClient {
    /// Issues a token.
    ///
    /// # Errors
    /// The call failed.
    pub async fn create_token(&self, token: &MeetingToken) -> Result<SecretString, PlatformError> {
        let call = self.post(&["meeting-tokens"], RateClass::Most).json(request(token));
        let issued: wire::Token = call.with_secrets().send().await?;
        Ok(issued.token.into())
    }
}

/// Nobody is an owner, not even a host, so that a browser never holds more rights than our API gives its user: an owner could
/// start recordings without our knowledge. Daily has no permission for data messages.
fn request(token: &MeetingToken) -> Value {
    let may = &token.permissions;
    let media = [
        ("audio", may.audio),
        ("video", may.video),
        ("screenVideo", may.screen),
        ("screenAudio", may.screen),
    ];
    let can_send: Vec<&str> = media
        .into_iter()
        .filter(|(_, may)| *may)
        .map(|(name, _)| name)
        .collect();
    let can_send = if can_send.is_empty() {
        json!(false)
    } else {
        json!(can_send)
    };
    json!({"properties": {
        "room_name": token.room,
        "exp": token.expires_at.timestamp(),
        "user_id": token.user_id,
        "user_name": token.display_name,
        "is_owner": false,
        "enable_recording_ui": false,
        "permissions": {"hasPresence": !may.hidden, "canSend": can_send, "canAdmin": false},
    }})
}

#[cfg(test)]
mod tests {
    use domain::participant::Role;

    use super::*;

    #[test]
    fn a_short_identity_is_kept_and_a_long_one_becomes_a_stable_uuid() {
        let id = |text: &str| user_id(&text.into()).to_string();

        assert_eq!(
            id("p-0123456789abcdef0123456789abcdef"),
            "p-0123456789abcdef0123456789abcdef"
        );
        assert_eq!(id(&"é".repeat(36)), "é".repeat(36));
        let long = id(&"x".repeat(37));
        assert_eq!(long.len(), 36);
        assert_eq!(long, id(&"x".repeat(37)));
        assert_ne!(long, id(&"x".repeat(38)));
    }

    #[test]
    fn room_and_expiry_are_always_set_and_a_listener_may_not_send() {
        let token = |role| MeetingToken {
            room: "standup-1".to_owned(),
            user_id: "p-1".into(),
            display_name: "Zoë".to_owned(),
            permissions: Permissions::of(role),
            expires_at: DateTime::from_timestamp(1000, 0).unwrap(),
        };

        assert_eq!(
            request(&token(Role::Listener)),
            json!({"properties": {
                "room_name": "standup-1", "exp": 1000, "user_id": "p-1", "user_name": "Zoë", "is_owner": false,
                "enable_recording_ui": false,
                "permissions": {"hasPresence": true, "canSend": false, "canAdmin": false},
            }})
        );
        let host = request(&token(Role::Host));
        assert_eq!(host["properties"]["is_owner"], false);
        let all = json!(["audio", "video", "screenVideo", "screenAudio"]);
        assert_eq!(host["properties"]["permissions"]["canSend"], all);
    }
}
