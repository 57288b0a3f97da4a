//! What is needed to join a room.

use rtc::token::ApiKey;
use url::Url;

/// livekit-server's address and key, and how we call ourselves.
#[derive(Clone, Debug)]
pub struct RoomAccess {
    pub url: Url,
    pub api_key: ApiKey,
    /// What our identities begin with.
    pub identity_prefix: String,
}

impl RoomAccess {
    /// Returns an identity that no connection has had before, of this process or an earlier one: livekit-server removes
    /// a participant when another one joins with its identity.
    pub fn new_identity(&self) -> String {
        format!("{}-{:016x}", self.identity_prefix, rand::random::<u64>())
    }
}
