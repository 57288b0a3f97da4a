//! How to reach a room.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use secrecy::SecretString;
use url::Url;

/// Makes an access token. It is called for the first join and again for each full reconnect, so that the token has not
/// expired.
pub type TokenSource = Arc<dyn Fn() -> SecretString + Send + Sync>;

/// How long full reconnects are attempted: as long as a LiveKit room waits for its first participant
/// (`empty_timeout`), after which there is no room to return to.
const RECONNECT_FOR: Duration = Duration::from_secs(300);

/// What is needed to join a room.
#[derive(Clone)]
pub struct ConnectConfig {
    /// LiveKit's URL (`ws`, `wss`, `http` or `https`), including the path prefix of a proxy.
    pub url: Url,
    /// Makes the access token, which names the room.
    pub token: TokenSource,
    /// The local addresses that media may use.
    pub bind: BindAddr,
    /// How long to attempt full reconnects after the connection was lost.
    pub reconnect_for: Duration,
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
    /// Returns a configuration with usable addresses and full reconnects for five minutes.
    pub fn new(url: Url, token: impl Fn() -> SecretString + Send + Sync + 'static) -> Self {
        Self {
            url,
            token: Arc::new(token),
            bind: BindAddr::default(),
            reconnect_for: RECONNECT_FOR,
        }
    }
}

/// Omits the token.
impl fmt::Debug for ConnectConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectConfig")
            .field("url", &self.url.as_str())
            .field("bind", &self.bind)
            .field("reconnect_for", &self.reconnect_for)
            .finish_non_exhaustive()
    }
}
