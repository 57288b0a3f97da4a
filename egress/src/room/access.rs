//! What is needed to join a room.

use rtc::token::ApiKey;
use url::Url;

/// livekit-server's address and key, and our identity.
#[derive(Clone, Debug)]
pub struct RoomAccess {
    pub url: Url,
    pub api_key: ApiKey,
    /// Our identity in every room.
    pub identity: String,
}
