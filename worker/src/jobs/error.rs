//! How a job fails.

use std::time::Duration;

use objects::ObjectError;
use platform::PlatformError;
use storage::StorageError;

use crate::{download::DownloadError, engine::EngineError};

/// Why a job failed, and whether to run it again.
#[derive(Debug)]
pub enum JobError {
    /// Run it again: after `after` if a service named a time, otherwise after a pause that grows with the attempts.
    Retry {
        after: Option<Duration>,
        why: anyhow::Error,
    },
    /// Do not run it again: the job is dead.
    GiveUp { why: anyhow::Error },
}

impl JobError {
    /// A retry after a pause that grows with the attempts.
    pub fn retry(why: impl Into<anyhow::Error>) -> Self {
        Self::Retry {
            after: None,
            why: why.into(),
        }
    }

    /// A failure that another attempt cannot repair.
    pub fn give_up(why: impl Into<anyhow::Error>) -> Self {
        Self::GiveUp { why: why.into() }
    }

    fn of(error: impl Into<anyhow::Error>, is_transient: bool) -> Self {
        if is_transient {
            Self::retry(error)
        } else {
            Self::give_up(error)
        }
    }
}

impl std::fmt::Display for JobError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Retry { why, .. } | Self::GiveUp { why } => write!(f, "{why:#}"),
        }
    }
}

impl From<StorageError> for JobError {
    fn from(error: StorageError) -> Self {
        let is_transient = error.is_transient();
        Self::of(error, is_transient)
    }
}

impl From<ObjectError> for JobError {
    fn from(error: ObjectError) -> Self {
        let is_transient = error.is_transient();
        Self::of(error, is_transient)
    }
}

impl From<DownloadError> for JobError {
    fn from(error: DownloadError) -> Self {
        let is_transient = error.is_transient();
        Self::of(error, is_transient)
    }
}

impl From<PlatformError> for JobError {
    fn from(error: PlatformError) -> Self {
        let is_transient = error.is_transient();
        Self::of(error, is_transient)
    }
}

impl From<EngineError> for JobError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Busy { after, .. } => Self::Retry {
                after,
                why: error.into(),
            },
            EngineError::Refused(_) => Self::give_up(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_errors_are_retried_and_the_engine_may_say_when() {
        let busy = EngineError::Busy {
            what: "busy".to_owned(),
            after: Some(Duration::from_secs(9)),
            why: None,
        };
        let away = ObjectError::Unavailable("no route".into());

        assert!(matches!(busy.into(), JobError::Retry { after: Some(after), .. } if after.as_secs() == 9));
        assert!(matches!(JobError::from(away), JobError::Retry { after: None, .. }));
        assert!(matches!(
            EngineError::Refused("no".to_owned()).into(),
            JobError::GiveUp { .. }
        ));
    }

    #[test]
    fn the_message_includes_all_sources() {
        let error = JobError::retry(anyhow::anyhow!("no route").context("the store cannot be reached"));

        assert_eq!(error.to_string(), "the store cannot be reached: no route");
    }
}
