//! The phases of a session, pure. What is in its folder decides which one it enters.
//!
//! | `state.json` | phase | what happens |
//! | --- | --- | --- |
//! | missing | `Start` | livekit-server is asked to accept the egress |
//! | no end | `Record` | the track is found, and recorded until an end is decided; existing audio is continued |
//! | an end, but no terminal state | `Store` | the file is closed and stored with its manifest |
//! | a terminal state | `Report` | it is reported until livekit-server acknowledges it |
//! | acknowledged | `Remove` | the folder is removed |

use super::saved::SavedState;

/// What a session does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Start,
    Record,
    Store,
    Report,
    Remove,
}

/// Returns the phase of a folder with this `state.json`.
pub fn phase(state: Option<&SavedState>) -> Phase {
    match state {
        None => Phase::Start,
        Some(state) if state.reported => Phase::Remove,
        Some(state) if state.state.is_terminal() => Phase::Report,
        Some(state) if state.end.is_some() => Phase::Store,
        Some(_) => Phase::Record,
    }
}

#[cfg(test)]
mod tests {
    use domain::UnixNanos;

    use super::*;
    use crate::{
        failure::Failure,
        session::{
            outcome::RecordingEnd,
            saved::SavedEnd,
            state::{EndReason, OpenFile, State},
            tests::spec,
        },
    };

    fn file() -> OpenFile {
        OpenFile {
            filename: "a.ogg".into(),
            started_at: None,
        }
    }

    fn saved(state: State, end: Option<RecordingEnd>, reported: bool) -> SavedState {
        SavedState {
            state,
            end: end.map(|end| SavedEnd {
                end,
                at: UnixNanos(1),
                recorded: None,
            }),
            reported,
            ..SavedState::new(&spec("EG_1"))
        }
    }

    fn failed() -> State {
        State::Failed {
            failure: Failure::no_packets("TR_1"),
            reason: EndReason::Failure,
            file: None,
        }
    }

    #[test]
    fn the_contents_of_a_folder_decide_where_its_session_continues() {
        let stopped = || Some(RecordingEnd::Stopped(EndReason::StopApi));
        let table = [
            ("killed before the start was answered", None, Phase::Start),
            (
                "killed while it waited for the track",
                Some(saved(State::Starting, None, false)),
                Phase::Record,
            ),
            (
                "killed while it recorded",
                Some(saved(State::Active(file()), None, false)),
                Phase::Record,
            ),
            (
                "killed before ENDING was noted",
                Some(saved(State::Active(file()), stopped(), false)),
                Phase::Store,
            ),
            (
                "killed while it stored",
                Some(saved(State::Ending(file(), EndReason::StopApi), stopped(), false)),
                Phase::Store,
            ),
            (
                "killed while it stored after a limit",
                Some(saved(State::Active(file()), Some(RecordingEnd::LimitReached), false)),
                Phase::Store,
            ),
            (
                "ended before it had a file",
                Some(saved(State::Starting, stopped(), false)),
                Phase::Store,
            ),
            (
                "killed before the last report was answered",
                Some(saved(failed(), stopped(), false)),
                Phase::Report,
            ),
            (
                "killed before the folder was removed",
                Some(saved(failed(), stopped(), true)),
                Phase::Remove,
            ),
        ];

        for (case, state, expected) in table {
            assert_eq!(phase(state.as_ref()), expected, "{case}");
        }
    }
}
