//! What a session keeps in its folder, so that a later process can continue it.
//!
//! - `request`: `request.json` and `credentials.json`, written once before the request is answered
//! - `state`: `state.json`, replaced whenever the session decides something
//! - `state_file`: writes `state.json`

mod request;
mod state;
mod state_file;

pub use request::{SavedCredentials, SavedRequest};
pub use state::{Recorded, SavedEnd, SavedState};
pub use state_file::StateFile;

use crate::spool::VERSION;

/// Why a folder cannot be continued. The folder is kept.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    #[error("{file} cannot be read")]
    Json {
        file: &'static str,
        source: serde_json::Error,
    },
    #[error("{file} has version {found}; this program reads version {VERSION}")]
    Version { file: &'static str, found: u32 },
    #[error("request.json does not contain LiveKit's request message")]
    Message,
    #[error("request.json does not contain a valid endpoint of a store")]
    Endpoint,
    #[error("request.json belongs to the egress {0}")]
    OtherEgress(domain::PlatformCaptureId),
    #[error("credentials.json is missing, but the request brought its own store")]
    NoCredentials,
    #[error("the request uses the configured store, and no store is configured; set storage in egress.yaml")]
    NoStore,
}

/// Reads a value of the current version from the contents of `file`.
fn read<T: serde::de::DeserializeOwned>(file: &'static str, value: serde_json::Value) -> Result<T, Damaged> {
    let json = |source| Damaged::Json { file, source };
    let found = value.get("version").cloned().unwrap_or_default();
    match serde_json::from_value(found).map_err(json)? {
        VERSION => serde_json::from_value(value).map_err(json),
        found => Err(Damaged::Version { file, found }),
    }
}
