//! How a child is started and stopped; values only.

use std::{ffi::OsString, fmt, path::PathBuf, time::Duration};

use rustix::process::Signal;

/// How a child is started and stopped. Secrets stand in `env`, never in `args`, which every user can see.
#[derive(Clone, Debug)]
pub struct ChildSpec {
    pub name: &'static str,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub env: Environment,
    /// Whom it runs as, if not as us.
    pub user: Option<User>,
    /// What the system sends it when we die.
    pub death_signal: Signal,
    pub stop: StopPlan,
}

/// The variables of a child.
#[derive(Clone)]
pub enum Environment {
    /// Ours and these.
    With(Vec<(String, String)>),
    /// Only what any program needs: names that we use ourselves must not change what others do.
    Plain,
}

/// A user of the system, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

/// How a child is asked to end, and how long it may take before it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopPlan {
    pub signal: Signal,
    /// Some programs only drain at the first signal and end at the second.
    pub again_after: Option<Duration>,
    pub patience: Duration,
}

impl fmt::Debug for Environment {
    /// Values are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::With(variables) => f.debug_list().entries(variables.iter().map(|(name, _)| name)).finish(),
            Self::Plain => f.write_str("Plain"),
        }
    }
}
