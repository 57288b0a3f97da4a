//! How a job fails.

use std::time::Duration;

use objects::ObjectError;
use platform::PlatformError;
use storage::StorageError;

use crate::{download::DownloadError, engine::EngineError};

/// Again later, or never.
#[derive(Debug)]
pub enum JobError {
    /// `after` where somebody said when; else the job's attempts say.
    Retry {
        after: Option<Duration>,
        why: anyhow::Error,
    },
    GiveUp {
        reason: anyhow::Error,
    },
}

impl JobError {
    /// Again, after a pause that grows with the attempts.
    pub fn retry(why: impl Into<anyhow::Error>) -> Self {
        Self::Retry {
            after: None,
            why: why.into(),
        }
    }

    pub fn give_up(reason: impl Into<anyhow::Error>) -> Self {
        Self::GiveUp { reason: reason.into() }
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
            Self::Retry { why, .. } => write!(f, "{why:#}"),
            Self::GiveUp { reason } => write!(f, "{reason:#}"),
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
    fn what_passes_by_itself_is_tried_again_and_the_engine_says_when() {
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
    fn the_message_tells_the_whole_chain() {
        let error = JobError::retry(anyhow::anyhow!("no route").context("the store cannot be reached"));

        assert_eq!(error.to_string(), "the store cannot be reached: no route");
    }
}
