//! The configured platforms.

use std::sync::Arc;

use domain::event::PlatformKind;

use crate::Platform;

/// The adapters of the configured platforms.
#[derive(Clone, Default)]
pub struct Platforms(Vec<Arc<dyn Platform>>);

impl Platforms {
    /// If two adapters have the same kind, the first is used.
    pub fn new(platforms: Vec<Arc<dyn Platform>>) -> Self {
        Self(platforms)
    }

    /// Returns the adapter of a platform, or `None` if it is not configured.
    pub fn get(&self, kind: PlatformKind) -> Option<&Arc<dyn Platform>> {
        self.0.iter().find(|platform| platform.kind() == kind)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Platform>> {
        self.0.iter()
    }
}
