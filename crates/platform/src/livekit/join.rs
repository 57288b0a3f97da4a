//! Join tokens. LiveKit creates the room on the first join, with the settings in the token, so no API call is needed.

use chrono::{DateTime, TimeDelta, Utc};
use domain::permissions::Permissions;
use livekit_api::access_token::{Claims, VideoGrants};
use livekit_protocol::RoomConfiguration;

use super::{LivekitConfig, jwt};
use crate::admission::new_identity;
use crate::{Admission, JoinError, JoinRequest};

/// How long before its creation a token is valid, to tolerate clock skew.
const CLOCK_SKEW_ALLOWANCE: TimeDelta = TimeDelta::seconds(10);

/// Issues a join token for `request`.
pub fn admit(config: &LivekitConfig, request: &JoinRequest, now: DateTime<Utc>) -> Result<Admission, JoinError> {
    let ttl = request.check()?;
    let chosen = request.identity.clone();
    let identity = chosen.unwrap_or_else(|| new_identity(&config.identities));
    let expires_at = DateTime::from_timestamp((now + ttl).timestamp(), 0).expect("one day from now is a valid time");
    let claims = Claims {
        iss: config.api_key.clone(),
        sub: identity.to_string(),
        name: request.display_name.clone(),
        nbf: unix(now - CLOCK_SKEW_ALLOWANCE),
        exp: unix(expires_at),
        video: grants(request),
        room_config: Some(room_config(config)),
        ..Claims::default()
    };
    let token = jwt::sign(&claims, &config.api_secret).into();
    Ok(Admission {
        url: config.public_url.clone().into(),
        token: Some(token),
        identity,
        expires_at,
        made: None,
    })
}

/// Nobody gets a `roomAdmin` grant, so that a browser never holds more rights than our API gives its user.
fn grants(request: &JoinRequest) -> VideoGrants {
    let may = request.permissions;
    VideoGrants {
        room_join: true,
        room: request.room.to_string(),
        // An empty list of sources means all of them, so this flag is what keeps somebody from publishing.
        can_publish: Some(may.may_publish()),
        can_publish_sources: sources(may),
        can_publish_data: Some(may.data),
        can_subscribe: Some(true),
        hidden: may.hidden,
        ..VideoGrants::default()
    }
}

fn sources(may: Permissions) -> Vec<String> {
    let sources: [(bool, &[&str]); 3] = [
        (may.video, &["camera"]),
        (may.audio, &["microphone"]),
        (may.screen, &["screen_share", "screen_share_audio"]),
    ];
    let allowed = sources.iter().filter(|(allowed, _)| *allowed);
    allowed
        .flat_map(|(_, names)| names.iter().map(ToString::to_string))
        .collect()
}

fn room_config(config: &LivekitConfig) -> RoomConfiguration {
    RoomConfiguration {
        departure_timeout: whole_seconds(config.departure_timeout),
        empty_timeout: whole_seconds(config.empty_timeout),
        max_participants: config.max_participants,
        ..RoomConfiguration::default()
    }
}

fn whole_seconds(time: TimeDelta) -> u32 {
    u32::try_from(time.num_seconds()).unwrap_or_default()
}

fn unix(time: DateTime<Utc>) -> usize {
    usize::try_from(time.timestamp()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::RoomName;
    use domain::participant::Role;
    use domain::permissions::PermissionChoice;
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_participant_may_publish_and_the_token_carries_the_rooms_settings() {
        let made = admit(&config(), &request(), now()).unwrap();

        let claims: Value = jwt::Unverified::parse(made.token.as_ref().unwrap().expose_secret())
            .unwrap()
            .claims()
            .unwrap();
        assert_eq!(made.expires_at.timestamp(), 1_000_000 + 7200);
        assert_eq!(made.url.expose_secret(), "wss://meet.example.test");
        assert_eq!(claims["iss"], "key");
        assert_eq!(claims["sub"], "p-00000000000000000000000000000000");
        assert_eq!(claims["name"], "Zoë 寿");
        assert_eq!(claims["nbf"], 999_990);
        assert_eq!(claims["exp"], 1_007_200);
        assert_eq!(
            claims["video"],
            json!({
                "roomJoin": true, "room": "standup", "canPublish": true, "canSubscribe": true, "canPublishData": true,
                "canPublishSources": ["camera", "microphone", "screen_share", "screen_share_audio"],
            })
        );
        assert_eq!(claims["roomConfig"]["departureTimeout"], 60);
        assert_eq!(claims["roomConfig"]["emptyTimeout"], 300);
        assert_eq!(claims["roomConfig"]["maxParticipants"], 20);
        assert_eq!(claims["roomConfig"].get("egress"), None);
    }

    #[test]
    fn a_listener_may_only_subscribe_and_nobody_gets_an_admin_grant() {
        let listener = granted(Permissions::of(Role::Listener));

        assert_eq!(
            listener,
            json!({"roomJoin": true, "room": "standup", "canPublish": false, "canSubscribe": true, "canPublishData": false})
        );
        assert_eq!(granted(Permissions::of(Role::Host)).get("roomAdmin"), None);
    }

    #[test]
    fn each_permission_is_granted_by_itself() {
        let nothing = Permissions::of(Role::Listener);
        let sources = |permissions| {
            let granted = granted(permissions);
            (granted["canPublish"].clone(), granted["canPublishSources"].clone())
        };

        let microphone = Permissions { audio: true, ..nothing };
        let screen = Permissions {
            screen: true,
            ..nothing
        };
        let chat = granted(Permissions { data: true, ..nothing });
        let hidden = PermissionChoice {
            hidden: Some(true),
            ..PermissionChoice::default()
        };
        let hidden = granted(Permissions::choose(Role::Listener, hidden).unwrap());

        assert_eq!(sources(microphone), (json!(true), json!(["microphone"])));
        assert_eq!(
            sources(screen),
            (json!(true), json!(["screen_share", "screen_share_audio"]))
        );
        assert_eq!(
            (&chat["canPublish"], &chat["canPublishData"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(
            (&hidden["hidden"], &hidden["canPublish"]),
            (&json!(true), &json!(false))
        );
    }

    fn granted(permissions: Permissions) -> Value {
        let request = JoinRequest {
            permissions,
            ..request()
        };
        serde_json::to_value(grants(&request)).unwrap()
    }

    fn request() -> JoinRequest {
        JoinRequest {
            room: RoomName::parse("standup").unwrap(),
            identity: None,
            display_name: "Zoë 寿".to_owned(),
            role: Role::Participant,
            permissions: Permissions::of(Role::Participant),
            ttl: None,
        }
    }

    fn config() -> LivekitConfig {
        LivekitConfig {
            url: "http://livekit:7880".to_owned(),
            public_url: "wss://meet.example.test".to_owned(),
            api_key: "key".to_owned(),
            api_secret: "secret".into(),
            webhook_keys: Vec::new(),
            departure_timeout: LivekitConfig::DEFAULT_DEPARTURE_TIMEOUT,
            empty_timeout: LivekitConfig::DEFAULT_EMPTY_TIMEOUT,
            max_participants: 20,
            identities: Arc::new(Uuid::nil),
            key_of: Arc::new(|_| None),
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000, 0).unwrap()
    }
}
