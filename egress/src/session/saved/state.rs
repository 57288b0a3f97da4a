//! `state.json`: what the session has decided so far.

use domain::{
    SampleTime, UnixNanos,
    manifest::{Gap, ManifestClock, Mute, PacketCounts},
};
use media::Summary;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Damaged, VERSION, read};
use crate::session::{
    outcome::{FoundTrack, RecordingEnd},
    presence::Presence,
    spec::RecordingSpec,
    state::{Egress, State},
};

/// The contents of `state.json`. The file appears once livekit-server has accepted the egress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedState {
    pub(in crate::session) version: u32,
    /// The state of the egress, and when it entered it.
    pub state: State,
    pub updated_at: UnixNanos,
    /// The track, once it was found.
    pub track: Option<FoundTrack>,
    /// When the recorder was connected to the track.
    pub presence: Presence,
    /// Why recording ended, once it did.
    pub end: Option<SavedEnd>,
    /// Whether livekit-server has acknowledged the terminal state.
    pub reported: bool,
}

/// The end of a recording. It never changes again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedEnd {
    pub end: RecordingEnd,
    pub at: UnixNanos,
    /// The contents of the file; `None` until the recorder has finished it, and if there is none.
    pub recorded: Option<Recorded>,
}

/// The contents of a finished file: a recorder's [`Summary`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    pub samples: SampleTime,
    pub first_arrived_at: UnixNanos,
    pub clock: ManifestClock,
    pub gaps: Vec<Gap>,
    pub mutes: Vec<Mute>,
    pub counts: PacketCounts,
}

impl SavedState {
    /// The state of an egress that livekit-server has just accepted.
    pub fn new(spec: &RecordingSpec) -> Self {
        Self {
            version: VERSION,
            state: State::Starting,
            updated_at: spec.started_at,
            track: None,
            presence: Presence::default(),
            end: None,
            reported: false,
        }
    }

    pub fn restore(state: Value) -> Result<Self, Damaged> {
        read("state.json", state)
    }

    pub fn egress(&self, spec: &RecordingSpec) -> Egress {
        Egress {
            meta: spec.meta.clone(),
            started_at: spec.started_at,
            updated_at: self.updated_at,
            state: self.state.clone(),
        }
    }
}

impl Recorded {
    /// Returns `None` if no packet was recorded.
    pub fn new(summary: Summary) -> Option<Self> {
        let (first, clock) = summary.first_packet.zip(summary.clock)?;
        (summary.samples > SampleTime::ZERO).then_some(Self {
            samples: summary.samples,
            first_arrived_at: first.arrived_at,
            clock,
            gaps: summary.gaps,
            mutes: summary.mutes,
            counts: summary.counts,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        failure::Failure,
        session::{
            state::{EndReason, OpenFile},
            tests::{found_track, spec},
        },
    };

    fn states() -> Vec<State> {
        let file = OpenFile {
            filename: "a.ogg".into(),
            started_at: Some(UnixNanos(7)),
        };
        vec![
            State::Starting,
            State::Active(file.clone()),
            State::Ending(file, EndReason::StopApi),
            State::Failed {
                failure: Failure::interrupted("gone"),
                reason: EndReason::Failure,
                file: None,
            },
        ]
    }

    #[test]
    fn every_state_is_read_back_as_it_was() {
        for state in states() {
            let saved = SavedState {
                state,
                track: Some(found_track()),
                end: Some(SavedEnd {
                    end: RecordingEnd::Failed(Failure::no_packets("TR_1")),
                    at: UnixNanos(9),
                    recorded: None,
                }),
                ..SavedState::new(&spec("EG_1"))
            };

            let read = SavedState::restore(serde_json::to_value(&saved).unwrap()).unwrap();

            assert_eq!(read, saved);
        }
    }

    #[test]
    fn damaged_states_are_refused() {
        let good = serde_json::to_value(SavedState::new(&spec("EG_1"))).unwrap();
        let with = |key: &str, value: Value| {
            let mut state = good.clone();
            state[key] = value;
            state
        };

        for damaged in [
            json!(null),
            json!({}),
            json!("x"),
            with("version", json!(9)),
            with("version", json!(-1)),
            with("state", json!("exploded")),
            with("updated_at", json!("yesterday")),
            with("track", json!({"publisher": null})),
            with("end", json!({"end": "never"})),
        ] {
            assert!(SavedState::restore(damaged.clone()).is_err(), "{damaged}");
        }
    }
}
