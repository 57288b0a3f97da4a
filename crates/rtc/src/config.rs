//! How to reach a room.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use secrecy::SecretString;
use url::Url;

/// Makes an access token. It is called for each attempt to join, so that the token has not expired.
pub type TokenSource = Arc<dyn Fn() -> SecretString + Send + Sync>;

/// Attempts to join while failures are transient: enough for a server that is busy for a second.
const JOIN_ATTEMPTS: u32 = 3;

/// What is needed to join a room.
#[derive(Clone)]
pub struct ConnectConfig {
    /// LiveKit's URL (`ws`, `wss`, `http` or `https`), including the path prefix of a proxy.
    pub url: Url,
    /// Makes the access token, which names the room.
    pub token: TokenSource,
    /// The local addresses that media may use.
    pub bind: BindAddr,
    /// How often to try to join while failures are transient, at least once. A caller that must check something before
    /// each attempt, such as whether the room still exists, tries once and calls again.
    pub join_attempts: u32,
    /// How long a lost signalling connection is left alone while media goes on, zero by default. A resume restarts ICE,
    /// which interrupts media for some packets. A caller that replaces the connection meanwhile loses none.
    pub resume_after: Duration,
}

/// The local addresses that media may use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BindAddr {
    /// The addresses of all interfaces that are up, except link-local ones. Loopback only if the server is on loopback.
    #[default]
    Usable,
    /// These addresses.
    Only(Vec<IpAddr>),
}

impl ConnectConfig {
    /// Returns a configuration with usable addresses and three attempts to join.
    pub fn new(url: Url, token: impl Fn() -> SecretString + Send + Sync + 'static) -> Self {
        Self {
            url,
            token: Arc::new(token),
            bind: BindAddr::default(),
            join_attempts: JOIN_ATTEMPTS,
            resume_after: Duration::ZERO,
        }
    }
}

/// Omits the token.
impl fmt::Debug for ConnectConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectConfig")
            .field("url", &self.url.as_str())
            .field("bind", &self.bind)
            .field("join_attempts", &self.join_attempts)
            .field("resume_after", &self.resume_after)
            .finish_non_exhaustive()
    }
}
