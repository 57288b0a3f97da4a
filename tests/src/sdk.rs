//! LiveKit's own Python SDK: participants that we did not write.

use std::path::PathBuf;

/// Where `scripts/install-deps.sh tests` puts the SDK.
///
/// # Panics
/// When there is neither `TRACKSCRIBE_TOOLS` nor a home.
pub fn python() -> PathBuf {
    let tools = std::env::var_os("TRACKSCRIBE_TOOLS")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            let home = std::env::var_os("HOME").expect("a user has a home");
            std::env::var_os("XDG_CACHE_HOME")
                .map_or_else(|| PathBuf::from(home).join(".cache"), PathBuf::from)
                .join("trackscribe/tools")
        });
    tools.join("python/bin/python")
}
