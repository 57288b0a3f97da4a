//! Tokens to join a room with. The first join creates the room with the settings that its token carries, so nothing is
//! asked of LiveKit before.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Identity;
use domain::participant::Role;
use livekit_api::access_token::{Claims, VideoGrants};
use livekit_protocol::RoomConfiguration;

use super::{LivekitConfig, jwt};
use crate::{DEFAULT_TOKEN_TTL, JoinError, JoinRequest, JoinToken, MAX_TOKEN_TTL, MIN_TOKEN_TTL};

/// Longest identity and display name, in characters: LiveKit's default limit.
const MAX_TEXT: usize = 256;

/// How far back a token begins to be valid, for clocks that differ.
const BACKDATED: TimeDelta = TimeDelta::seconds(10);

pub fn token(config: &LivekitConfig, request: &JoinRequest, now: DateTime<Utc>) -> Result<JoinToken, JoinError> {
    let identity = identity(config, request)?;
    let ttl = request.ttl.unwrap_or(DEFAULT_TOKEN_TTL);
    if !(MIN_TOKEN_TTL..=MAX_TOKEN_TTL).contains(&ttl) {
        return Err(JoinError::BadTtl);
    }
    if !is_plain(&request.display_name) {
        return Err(JoinError::BadDisplayName);
    }
    let expires_at = DateTime::from_timestamp((now + ttl).timestamp(), 0).expect("now and a day is a time");
    let claims = Claims {
        iss: config.api_key.clone(),
        sub: identity.to_string(),
        name: request.display_name.clone(),
        nbf: unix(now - BACKDATED),
        exp: unix(expires_at),
        video: grants(request),
        room_config: Some(room_config(config)),
        ..Claims::default()
    };
    let token = jwt::sign(&claims, &config.api_secret).into();
    Ok(JoinToken {
        url: config.public_url.clone(),
        token,
        identity,
        expires_at,
    })
}

/// Never made from the name: it stands in object keys and logs.
fn identity(config: &LivekitConfig, request: &JoinRequest) -> Result<Identity, JoinError> {
    match &request.identity {
        None => Ok(Identity(format!("p-{}", (config.identities)().simple()))),
        Some(identity) if !identity.as_str().is_empty() && is_plain(identity.as_str()) => Ok(identity.clone()),
        Some(_) => Err(JoinError::BadIdentity),
    }
}

fn is_plain(text: &str) -> bool {
    text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control)
}

/// A host gets no `roomAdmin`: a browser must not hold more than its user may do through our API.
fn grants(request: &JoinRequest) -> VideoGrants {
    let may_publish = match request.role {
        Role::Host | Role::Participant => true,
        Role::Listener => false,
    };
    let sources: &[&str] = if may_publish {
        &["camera", "microphone", "screen_share", "screen_share_audio"]
    } else {
        &[]
    };
    VideoGrants {
        room_join: true,
        room: request.room.to_string(),
        can_publish: Some(may_publish),
        can_publish_sources: sources.iter().map(ToString::to_string).collect(),
        can_publish_data: Some(may_publish),
        can_subscribe: Some(true),
        ..VideoGrants::default()
    }
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
