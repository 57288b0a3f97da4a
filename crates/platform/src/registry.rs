//! The platforms that are set up here.

use std::sync::Arc;

use domain::event::PlatformKind;

use crate::Platform;

/// Finds the adapter of a platform.
#[derive(Clone, Default)]
pub struct Platforms(Vec<Arc<dyn Platform>>);

impl Platforms {
    /// Of two adapters of one kind the first is used.
    pub fn new(platforms: Vec<Arc<dyn Platform>>) -> Self {
        Self(platforms)
    }

    /// `None` if that platform is not set up.
    pub fn get(&self, kind: PlatformKind) -> Option<&Arc<dyn Platform>> {
        self.0.iter().find(|platform| platform.kind() == kind)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Platform>> {
        self.0.iter()
    }
}
