//! The states of a recording. Transitions consume the state and may refuse; a repeated report changes nothing.

use chrono::{DateTime, Utc};

use crate::ObjectKey;
use crate::text_enum::text_enum;

text_enum! {
    /// Why there is no usable recording; a stable word.
    FailureReason {
        /// The track ended before it carried a single packet.
        NoAudio = "no_audio",
        /// The egress was given up on after its first packet.
        Aborted = "aborted",
        /// The recorder could not go on.
        EgressFailed = "egress_failed",
        /// The egress says that it is done and names no file, or one that is no object key.
        NoFile = "no_file",
        /// The platform refused to start an egress, or nobody took it.
        StartFailed = "start_failed",
        /// The track was gone before an egress could be asked for.
        TrackGone = "track_gone",
        /// Open long after its meeting had closed.
        Stuck = "stuck",
        /// The object is not in the store.
        ObjectMissing = "object_missing",
        /// The manifest is missing or cannot be read.
        ManifestMissing = "manifest_missing",
        /// Object and manifest do not belong together.
        Mismatch = "mismatch",
    }
}

impl FailureReason {
    /// Whether we concluded it ourselves, so that the recorder's own word may still come and counts more.
    fn is_our_guess(self) -> bool {
        matches!(self, Self::Stuck | Self::StartFailed | Self::TrackGone)
    }
}

/// How far a recording is, with what is known then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingState {
    /// We want it; an egress may or may not run yet.
    Requested,
    Active(Active),
    Complete(Complete),
    Failed(Failed),
}

/// An egress that is connected to its track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// Wall time of the first packet, or of the egress's start until there is one.
    pub started_at: Option<DateTime<Utc>>,
}

/// An object that an egress has stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complete {
    pub object: ObjectKey,
    pub manifest: ObjectKey,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub size_bytes: Option<i64>,
    /// The recorder reached a limit before the track ended.
    pub truncated: bool,
}

/// Why and when it came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub reason: FailureReason,
    /// What the recorder or the platform said, for people.
    pub error: Option<String>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// A transition that the state does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recording that is {from} cannot become {to}")]
pub struct IllegalTransition {
    pub from: &'static str,
    pub to: &'static str,
}

impl RecordingState {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active(_) => "active",
            Self::Complete(_) => "complete",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether an egress may still be at work.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Requested | Self::Active(_))
    }

    /// Wall time of the first packet, as far as it is known.
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Requested => None,
            Self::Active(Active { started_at })
            | Self::Complete(Complete { started_at, .. })
            | Self::Failed(Failed { started_at, .. }) => *started_at,
        }
    }

    /// Notes that the egress is at work. Whatever ended it before stands: reports come in any order.
    pub fn activate(self, active: Active) -> Result<Self, IllegalTransition> {
        match self {
            Self::Requested => Ok(Self::Active(active)),
            Self::Active(known) => Ok(Self::Active(Active {
                started_at: active.started_at.or(known.started_at),
            })),
            Self::Complete(_) | Self::Failed(_) => Err(self.cannot("active")),
        }
    }

    /// Notes that the egress has stored its object, also where no report of its work arrived before. A recording that
    /// only we had given up comes back: audio that exists counts more than our guess.
    pub fn complete(self, complete: Complete) -> Result<Self, IllegalTransition> {
        match self {
            Self::Requested | Self::Active(_) => Ok(Self::Complete(complete)),
            Self::Failed(failed) if failed.reason.is_our_guess() => Ok(Self::Complete(complete)),
            Self::Complete(_) => Ok(self),
            Self::Failed(_) => Err(self.cannot("complete")),
        }
    }

    /// Notes that nothing usable will come. Our own guess gives way to the recorder's word.
    pub fn fail(self, failed: Failed) -> Result<Self, IllegalTransition> {
        match self {
            Self::Requested | Self::Active(_) => Ok(Self::Failed(failed)),
            Self::Failed(known) if known.reason.is_our_guess() && !failed.reason.is_our_guess() => {
                Ok(Self::Failed(failed))
            }
            Self::Failed(_) => Ok(self),
            Self::Complete(_) => Err(self.cannot("failed")),
        }
    }

    /// Notes that a stored object turned out not to be what it should be.
    pub fn reject(self, reason: FailureReason, error: String) -> Result<Self, IllegalTransition> {
        match self {
            Self::Complete(Complete {
                started_at, ended_at, ..
            }) => Ok(Self::Failed(Failed {
                reason,
                error: Some(error),
                started_at,
                ended_at,
            })),
            Self::Failed(_) => Ok(self),
            Self::Requested | Self::Active(_) => Err(self.cannot("rejected")),
        }
    }

    fn cannot(&self, to: &'static str) -> IllegalTransition {
        IllegalTransition {
            from: self.as_str(),
            to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transition_leads_where_it_should_or_refuses() {
        let to_active: fn(RecordingState) -> _ = |s| s.activate(Active { started_at: None });
        let to_complete: fn(RecordingState) -> _ = |s| s.complete(done());
        let to_failed: fn(RecordingState) -> _ = |s| s.fail(broken(FailureReason::EgressFailed));
        let table = [
            (RecordingState::Requested, ["active", "complete", "failed"]),
            (
                RecordingState::Active(Active { started_at: None }),
                ["active", "complete", "failed"],
            ),
            (RecordingState::Complete(done()), ["refused", "complete", "refused"]),
            (
                RecordingState::Failed(broken(FailureReason::EgressFailed)),
                ["refused", "refused", "failed"],
            ),
            (
                RecordingState::Failed(broken(FailureReason::Stuck)),
                ["refused", "complete", "failed"],
            ),
        ];

        for (state, expected) in table {
            let got = [to_active, to_complete, to_failed].map(|to| to(state.clone()).map_or("refused", |s| s.as_str()));
            assert_eq!(got, expected, "{state:?}");
        }
    }

    #[test]
    fn a_refusal_says_from_what_to_what() {
        let refused = RecordingState::Complete(done())
            .fail(broken(FailureReason::Stuck))
            .unwrap_err();

        assert_eq!(refused.to_string(), "a recording that is complete cannot become failed");
    }

    #[test]
    fn the_recorders_word_replaces_our_guess_and_not_the_other_way_round() {
        let reason = |from, to| match RecordingState::Failed(broken(from)).fail(broken(to)) {
            Ok(RecordingState::Failed(failed)) => failed.reason,
            other => panic!("{other:?}"),
        };

        assert_eq!(
            reason(FailureReason::Stuck, FailureReason::EgressFailed),
            FailureReason::EgressFailed
        );
        assert_eq!(
            reason(FailureReason::EgressFailed, FailureReason::Stuck),
            FailureReason::EgressFailed
        );
    }

    fn done() -> Complete {
        let object = ObjectKey::parse("a.ogg").unwrap();
        Complete {
            manifest: object.manifest(),
            object,
            started_at: None,
            ended_at: None,
            size_bytes: None,
            truncated: false,
        }
    }

    fn broken(reason: FailureReason) -> Failed {
        Failed {
            reason,
            error: None,
            started_at: None,
            ended_at: None,
        }
    }
}
