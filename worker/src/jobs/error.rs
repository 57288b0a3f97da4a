//! How a job fails.

use std::time::Duration;

use objects::ObjectError;
use platform::PlatformError;
use storage::StorageError;

use crate::{download::DownloadError, engine::EngineError, reconcile::ReconcileError};

/// Why a job failed, and whether to run it again.
#[derive(Debug)]
pub enum JobError {
    /// Run it again after a pause that grows with the attempts. Counts as an attempt.
    Retry { why: anyhow::Error },
    /// A service that the job needs does not answer or turns us away. Costs time, not attempts: the job runs again, after
    /// `after` if the service named a time, until the deadline of its kind ([`domain::job::JobLimits`]).
    Outage {
        after: Option<Duration>,
        why: anyhow::Error,
    },
    /// Do not run it again: the job is dead.
    GiveUp { why: anyhow::Error },
}

impl JobError {
    /// A failure that another attempt may repair.
    pub fn retry(why: impl Into<anyhow::Error>) -> Self {
        Self::Retry { why: why.into() }
    }

    /// A service that does not answer.
    pub fn outage(why: impl Into<anyhow::Error>) -> Self {
        Self::Outage {
            after: None,
            why: why.into(),
        }
    }

    /// A failure that another attempt cannot repair.
    pub fn give_up(why: impl Into<anyhow::Error>) -> Self {
        Self::GiveUp { why: why.into() }
    }
}

impl std::fmt::Display for JobError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Retry { why } | Self::Outage { why, .. } | Self::GiveUp { why } => write!(f, "{why:#}"),
        }
    }
}

impl From<StorageError> for JobError {
    fn from(error: StorageError) -> Self {
        match error.is_transient() {
            true => Self::outage(error),
            false => Self::give_up(error),
        }
    }
}

impl From<ObjectError> for JobError {
    /// Permissions and addresses are repaired by people, which takes hours; a missing object may still arrive.
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::NotFound(_) => Self::retry(error),
            error if error.is_transient() => Self::outage(error),
            error => Self::give_up(error),
        }
    }
}

impl From<DownloadError> for JobError {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::Store(error) => error.into(),
            // This machine is out of disk space, file handles or threads.
            DownloadError::Disk(_) | DownloadError::Thread(_) => Self::outage(error),
        }
    }
}

impl From<PlatformError> for JobError {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::Unreachable(..) | PlatformError::UnexpectedResponse(..) => Self::outage(error),
            PlatformError::Busy(..) => Self::retry(error),
            PlatformError::RateLimited { retry_after, .. } => Self::Outage {
                after: Some(retry_after),
                why: error.into(),
            },
            PlatformError::NotFound(..)
            | PlatformError::Unauthorized(..)
            | PlatformError::Refused(..)
            | PlatformError::NotAllowed(..)
            | PlatformError::Unsupported(..) => Self::give_up(error),
        }
    }
}

impl From<ReconcileError> for JobError {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Storage(error) => error.into(),
            ReconcileError::Platform(error) => error.into(),
            ReconcileError::Timeout | ReconcileError::Panic => Self::retry(error),
        }
    }
}

impl From<EngineError> for JobError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Unavailable { after, .. } => Self::Outage {
                after,
                why: error.into(),
            },
            EngineError::Failed { .. } | EngineError::Crashed { .. } => Self::retry(error),
            EngineError::Refused(_) => Self::give_up(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_that_do_not_answer_cost_time_and_the_engine_may_say_how_much() {
        let busy = EngineError::Unavailable {
            what: "busy".to_owned(),
            after: Some(Duration::from_secs(9)),
            why: None,
        };
        let denied = ObjectError::Denied {
            action: "read",
            check: "the key".to_owned(),
            source: "403".into(),
        };
        let away = [
            ObjectError::Unavailable("no route".into()).into(),
            denied.into(),
            DownloadError::Disk(std::io::Error::other("too many open files")).into(),
            JobError::from(PlatformError::Unreachable(
                domain::event::PlatformKind::Livekit,
                "refused".into(),
            )),
        ];

        assert!(matches!(busy.into(), JobError::Outage { after: Some(after), .. } if after.as_secs() == 9));
        assert!(
            away.iter().all(|e| matches!(e, JobError::Outage { after: None, .. })),
            "{away:?}"
        );
    }

    #[test]
    fn what_nobody_can_repair_is_given_up_and_the_rest_is_retried() {
        let broken = EngineError::Failed {
            what: "assertion".to_owned(),
            why: None,
        };
        let missing = ObjectError::NotFound(domain::ObjectKey::parse("a.ogg").unwrap());

        assert!(matches!(broken.into(), JobError::Retry { .. }));
        assert!(matches!(missing.into(), JobError::Retry { .. }));
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
