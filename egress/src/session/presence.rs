//! What the recorder witnessed of its track, and what it may therefore say about the end. Pure.

use domain::{UnixNanos, manifest::Listened};
use media::MuteState;
use serde::{Deserialize, Serialize};

use super::{outcome::RecordingEnd, state::EndReason};
use crate::failure::Failure;

/// Whether the recorder was, and is, connected to its track.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    listened: Vec<Listened>,
    /// Since when it is connected.
    since: Option<UnixNanos>,
    /// It was away: its connection was lost, or its process was replaced.
    was_away: bool,
    /// When it went away the track was not muted, and it has heard nothing since: the end of the file may be missing.
    is_cut: bool,
}

impl Presence {
    /// The presence of a recorder whose process was replaced. `heard_until` is its last sign of life.
    pub fn after_restart(mut self, heard_until: Option<UnixNanos>, mute: MuteState) -> Self {
        self.lose(heard_until.unwrap_or_default(), mute);
        self
    }

    /// A packet was heard. What was missed before is a hole within the file.
    pub fn hear(&mut self) {
        self.is_cut = false;
    }

    /// The track is there, and its packets are delivered from now on.
    pub fn begin(&mut self, at: UnixNanos) {
        self.since.get_or_insert(at);
    }

    /// The connection to a track in this mute state was lost at `at`.
    pub fn lose(&mut self, at: UnixNanos, mute: MuteState) {
        self.was_away = true;
        self.is_cut |= mute == MuteState::Unmuted;
        self.close(at);
    }

    /// When the recorder was connected, until `now`.
    pub fn listened(&self, now: UnixNanos) -> Vec<Listened> {
        let mut until_now = self.clone();
        until_now.close(now);
        until_now.listened
    }

    /// Returns the end that may be reported for the `observed` one. A recording whose end was not witnessed is
    /// interrupted. So is one that was not heard again before its end, and one without audio that was not witnessed as a
    /// whole: the person may have spoken.
    pub fn judge(&self, observed: RecordingEnd, has_audio: bool) -> RecordingEnd {
        let is_away = self.was_away && self.since.is_none();
        match &observed {
            RecordingEnd::Failed(failure) if failure.is_interruption() => observed,
            _ if is_away => Failure::interrupted(format!("{} while the recorder was away", describe(&observed))).into(),
            RecordingEnd::Stopped(_) if self.was_away && !has_audio => {
                Failure::interrupted("nothing was heard, but the recorder was away for a part of the time").into()
            }
            RecordingEnd::Stopped(_) | RecordingEnd::LimitReached if self.is_cut => {
                Failure::interrupted(format!("{} before anything was heard again", describe(&observed))).into()
            }
            _ => observed,
        }
    }

    fn close(&mut self, at: UnixNanos) {
        if let Some(from_ns) = self.since.take() {
            let to_ns = at.max(from_ns);
            self.listened.push(Listened { from_ns, to_ns });
        }
    }
}

fn describe(end: &RecordingEnd) -> &str {
    match end {
        RecordingEnd::Failed(failure) => &failure.message,
        RecordingEnd::LimitReached => "the limit was reached",
        RecordingEnd::Stopped(EndReason::SourceClosed) => "the track ended",
        RecordingEnd::Stopped(EndReason::StopApi) => "the recording was stopped",
        RecordingEnd::Stopped(_) => "the recording was ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: RecordingEnd = RecordingEnd::Stopped(EndReason::SourceClosed);
    const STOPPED: RecordingEnd = RecordingEnd::Stopped(EndReason::StopApi);

    fn fresh() -> Presence {
        Presence::default()
    }

    fn connected() -> Presence {
        let mut presence = fresh();
        presence.begin(UnixNanos(10));
        presence
    }

    fn lost() -> Presence {
        let mut presence = connected();
        presence.lose(UnixNanos(20), MuteState::Unmuted);
        presence
    }

    fn restored() -> Presence {
        let mut presence = lost();
        presence.begin(UnixNanos(30));
        presence.hear();
        presence
    }

    fn restarted() -> Presence {
        connected().after_restart(Some(UnixNanos(20)), MuteState::Unmuted)
    }

    /// The track is there, but nothing has been heard again.
    fn returned() -> Presence {
        let mut presence = restarted();
        presence.begin(UnixNanos(30));
        presence
    }

    /// The same of a track that was muted all the time.
    fn muted() -> Presence {
        let mut presence = connected().after_restart(None, MuteState::Muted);
        presence.begin(UnixNanos(30));
        presence
    }

    fn continued() -> Presence {
        let mut presence = returned();
        presence.hear();
        presence
    }

    #[test]
    fn an_end_that_was_not_witnessed_is_an_interruption() {
        let audio = true;
        let table = [
            ("a request for a track that never came", fresh(), STOPPED, !audio, true),
            ("no interruption", connected(), CLOSED, audio, true),
            ("no interruption, never a packet", connected(), CLOSED, !audio, true),
            (
                "no interruption, limit",
                connected(),
                RecordingEnd::LimitReached,
                audio,
                true,
            ),
            ("connection lost", lost(), CLOSED, audio, false),
            ("connection lost, stopped", lost(), STOPPED, audio, false),
            ("connection lost, never a packet", lost(), CLOSED, !audio, false),
            ("connection restored", restored(), CLOSED, audio, true),
            ("connection restored, never a packet", restored(), CLOSED, !audio, false),
            ("recorder down", restarted(), CLOSED, audio, false),
            ("recorder down, stopped", restarted(), STOPPED, audio, false),
            (
                "recorder down, limit",
                restarted(),
                RecordingEnd::LimitReached,
                audio,
                false,
            ),
            ("recorder down, never a packet", restarted(), CLOSED, !audio, false),
            ("recorder back, nothing heard", returned(), CLOSED, audio, false),
            (
                "recorder back, nothing heard, limit",
                returned(),
                RecordingEnd::LimitReached,
                audio,
                false,
            ),
            ("recorder back, muted all the time", muted(), CLOSED, audio, true),
            ("recorder back", continued(), CLOSED, audio, true),
            ("recorder back, stopped", continued(), STOPPED, audio, true),
            (
                "recorder back, limit",
                continued(),
                RecordingEnd::LimitReached,
                audio,
                true,
            ),
            ("recorder back, never a packet", continued(), STOPPED, !audio, false),
        ];

        for (case, presence, observed, has_audio, is_witnessed) in table {
            let end = presence.judge(observed.clone(), has_audio);
            assert_eq!(end == observed, is_witnessed, "{case}: {end:?}");
            if let RecordingEnd::Failed(failure) = end {
                assert!(failure.message.starts_with("interrupted: "), "{case}: {failure}");
            }
        }
    }

    #[test]
    fn a_failure_that_was_witnessed_keeps_its_name() {
        let encrypted = RecordingEnd::from(Failure::encrypted("TR_1"));
        let gone = RecordingEnd::from(Failure::room_not_found("standup"));
        let replaced = RecordingEnd::from(Failure::interrupted("replaced"));

        assert_eq!(continued().judge(encrypted.clone(), true), encrypted);
        assert_eq!(fresh().judge(gone.clone(), false), gone);
        assert_eq!(restarted().judge(replaced.clone(), true), replaced);
        let away = restarted().judge(gone, true);
        assert!(
            matches!(&away, RecordingEnd::Failed(failure) if failure.message.contains("no longer exists")
            && failure.is_interruption()),
            "{away:?}"
        );
    }

    #[test]
    fn the_intervals_of_connection_are_listed() {
        let interval = |from, to| Listened {
            from_ns: UnixNanos(from),
            to_ns: UnixNanos(to),
        };

        assert_eq!(restored().listened(UnixNanos(40)), [interval(10, 20), interval(30, 40)]);
        assert_eq!(
            continued().listened(UnixNanos(40)),
            [interval(10, 20), interval(30, 40)]
        );
        assert_eq!(lost().listened(UnixNanos(40)), [interval(10, 20)]);
        assert_eq!(fresh().listened(UnixNanos(40)), []);
    }

    #[test]
    fn a_clock_that_ran_backwards_gives_an_empty_interval() {
        assert_eq!(connected().listened(UnixNanos(3))[0].to_ns, UnixNanos(10));
    }
}
