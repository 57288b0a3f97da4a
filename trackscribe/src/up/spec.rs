//! Describes how a child is started and stopped.

use std::{ffi::OsString, fmt, path::PathBuf, time::Duration};

use rustix::process::Signal;

/// How a child is started and stopped. Secrets are in `env` and never in `args`, which every user can see.
#[derive(Clone, Debug)]
pub struct ChildSpec {
    pub name: &'static str,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub env: Environment,
    /// The user that runs it, if not the current one.
    pub user: Option<User>,
    /// The signal that the system sends it when we die.
    pub death_signal: Signal,
    pub stop: StopPlan,
}

/// The environment of a child.
#[derive(Clone)]
pub enum Environment {
    /// Our environment and these variables.
    With(Vec<(String, String)>),
    /// Only what every program needs, so that our own variables do not affect other programs.
    Plain,
}

/// A user of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

/// How a child is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopPlan {
    pub signal: Signal,
    /// When to send the signal again, to programs that only drain at the first.
    pub second_signal_after: Option<Duration>,
    /// After this time it is killed.
    pub timeout: Duration,
}

impl fmt::Debug for Environment {
    /// Prints names only, because values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::With(variables) => f.debug_list().entries(variables.iter().map(|(name, _)| name)).finish(),
            Self::Plain => f.write_str("Plain"),
        }
    }
}
