//! LiveKit's Python SDK, for participants that use libwebrtc.

use std::path::PathBuf;

/// The interpreter of the environment into which `scripts/install-deps.sh tests` installs the SDK.
///
/// # Panics
/// When neither `TRACKSCRIBE_TOOLS` nor `HOME` is set.
pub fn python() -> PathBuf {
    let tools = std::env::var_os("TRACKSCRIBE_TOOLS")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            let home = std::env::var_os("HOME").expect("HOME or TRACKSCRIBE_TOOLS is set");
            std::env::var_os("XDG_CACHE_HOME")
                .map_or_else(|| PathBuf::from(home).join(".cache"), PathBuf::from)
                .join("trackscribe/tools")
        });
    tools.join("python/bin/python")
}
