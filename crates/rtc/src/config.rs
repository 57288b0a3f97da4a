//! How to reach a room.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use secrecy::SecretString;
use url::Url;

/// Makes an access token. Called for the first join and again for each full reconnect, so that a token never is too old.
pub type TokenSource = Arc<dyn Fn() -> SecretString + Send + Sync>;

/// For how long full reconnects are tried before the session ends: as long as a LiveKit room waits for its first
/// participant (`empty_timeout`), after which nothing is left to come back to.
const RECONNECT_FOR: Duration = Duration::from_secs(300);

/// Everything that a connection needs to know.
#[derive(Clone)]
pub struct ConnectConfig {
    /// LiveKit's address, `ws`, `wss`, `http` or `https`, with the path prefix of a proxy if there is one.
    pub url: Url,
    pub token: TokenSource,
    pub bind: BindAddr,
    /// Give up full reconnects after this time without a connection.
    pub reconnect_for: Duration,
}

/// Which addresses of this machine media may use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BindAddr {
    /// All interfaces that are up, without link-local addresses; loopback only when the server is on loopback.
    #[default]
    Usable,
    Only(Vec<IpAddr>),
}

impl ConnectConfig {
    pub fn new(url: Url, token: impl Fn() -> SecretString + Send + Sync + 'static) -> Self {
        Self {
            url,
            token: Arc::new(token),
            bind: BindAddr::default(),
            reconnect_for: RECONNECT_FOR,
        }
    }
}

impl fmt::Debug for ConnectConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectConfig")
            .field("url", &self.url.as_str())
            .field("bind", &self.bind)
            .field("reconnect_for", &self.reconnect_for)
            .finish_non_exhaustive()
    }
}
