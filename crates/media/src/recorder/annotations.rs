//! What the manifest says about the audio: gaps, mutes, the publisher's clock.

use domain::manifest::{Anchor, Gap, Mute};
use domain::{SampleTime, UnixNanos};

use super::output::MuteState;
use super::tracked_list::TrackedList;
use crate::SAMPLE_RATE;

/// Gaps listed one by one. An hour of discontinuous transmission by a silent participant has 8600. Beyond this, gaps of
/// one cause within [`JOIN_DISTANCE`] are joined, so that the manifest of a day stays readable.
const MAX_EXACT_GAPS: usize = 20_000;
const JOIN_DISTANCE: SampleTime = SampleTime::SECOND;

/// One sender report per interval of this length, 30 s, is kept; they arrive every 3 s.
const ANCHOR_INTERVAL: i64 = 30 * SAMPLE_RATE as i64;

/// A larger jump of the publisher's clock, 1 s, means that it was set; both sides of the jump are kept.
const CLOCK_STEP_NS: i64 = 1_000_000_000;

/// Intervals that the recorder filled.
#[derive(Debug, Default)]
pub(crate) struct Gaps(pub(super) TrackedList<Gap>);

impl Gaps {
    pub(crate) fn add(&mut self, gap: Gap) {
        let items = self.0.items();
        let distance = if items.len() < MAX_EXACT_GAPS {
            SampleTime::ZERO
        } else {
            JOIN_DISTANCE
        };
        if items.last().is_none_or(|last| !can_join(last, &gap, distance)) {
            self.0.push(gap);
        } else if let Some(last) = self.0.last_mut() {
            last.samples = gap.start_sample + gap.samples - last.start_sample;
            last.lost_packets += gap.lost_packets;
        }
    }

    pub(crate) fn list(&self) -> Vec<Gap> {
        self.0.items().to_vec()
    }
}

fn can_join(last: &Gap, gap: &Gap, distance: SampleTime) -> bool {
    last.cause == gap.cause && gap.start_sample - (last.start_sample + last.samples) <= distance
}

/// Muted intervals as the platform reported them.
#[derive(Debug, Default)]
pub(super) struct Mutes(pub(super) TrackedList<Mute>);

impl Mutes {
    /// `sample` is `None` before the first packet: a track that starts muted is muted from sample 0.
    pub(super) fn add(&mut self, state: MuteState, sample: Option<SampleTime>) {
        let is_open = self.0.items().last().is_some_and(|mute| mute.end_sample.is_none());
        match (state, is_open, sample) {
            (MuteState::Muted, false, _) => {
                self.0.push(Mute {
                    start_sample: sample.unwrap_or_default(),
                    end_sample: None,
                });
            }
            (MuteState::Unmuted, true, Some(end)) => {
                if let Some(open) = self.0.last_mut() {
                    open.end_sample = Some(end.max(open.start_sample));
                }
            }
            (MuteState::Unmuted, true, None) => self.0.clear(),
            (MuteState::Muted, true, _) | (MuteState::Unmuted, false, _) => {}
        }
    }

    /// Returns all mutes, cut at the end of a file of `length`.
    pub(super) fn list(&self, length: SampleTime) -> Vec<Mute> {
        let within = |mute: &Mute| Mute {
            start_sample: mute.start_sample.min(length),
            end_sample: mute.end_sample.map(|end| end.min(length)),
        };
        self.0.items().iter().map(within).collect()
    }
}

/// Sender reports. Of each interval the earliest by the publisher's clock is kept, because reports of publishers that
/// send redundant audio are 0 to 18 ms late.
#[derive(Debug, Default)]
pub(super) struct Anchors(pub(super) TrackedList<Anchor>);

impl Anchors {
    pub(super) fn add(&mut self, anchor: Anchor) {
        let last = self.0.items().last().copied();
        let Some(last) = last.filter(|last| is_same_interval(last, &anchor)) else {
            self.0.push(anchor);
            return;
        };
        let later_ns = time_of_sample_0(&anchor).nanos_since(time_of_sample_0(&last));
        if later_ns.saturating_abs() > CLOCK_STEP_NS {
            self.0.push(anchor);
        } else if later_ns < 0
            && let Some(last) = self.0.last_mut()
        {
            *last = anchor;
        }
    }

    pub(super) fn list(&self) -> Vec<Anchor> {
        self.0.items().to_vec()
    }
}

fn is_same_interval(a: &Anchor, b: &Anchor) -> bool {
    a.sample.0.div_euclid(ANCHOR_INTERVAL) == b.sample.0.div_euclid(ANCHOR_INTERVAL)
}

/// Returns the publisher's time of sample 0 according to an anchor.
fn time_of_sample_0(anchor: &Anchor) -> UnixNanos {
    let since_ns = i128::from(anchor.sample.0) * 1_000_000_000 / i128::from(SAMPLE_RATE);
    let since_ns = i64::try_from(since_ns).unwrap_or(if since_ns < 0 { i64::MIN } else { i64::MAX });
    UnixNanos(anchor.publisher_ns.0.saturating_sub(since_ns))
}

#[cfg(test)]
mod tests {
    use domain::manifest::GapCause;

    use super::*;

    fn anchor(seconds: i64, late_ms: i64) -> Anchor {
        let publisher_ns = seconds * 1_000_000_000 + late_ms * 1_000_000;
        Anchor {
            sample: SampleTime(seconds * 48_000),
            publisher_ns: UnixNanos(publisher_ns),
            arrival_ns: UnixNanos(0),
        }
    }

    #[test]
    fn the_earliest_report_of_an_interval_is_kept() {
        let mut anchors = Anchors::default();

        for (seconds, late_ms) in [(3, 18), (6, 2), (9, 9), (33, 5), (36, 7)] {
            anchors.add(anchor(seconds, late_ms));
        }

        assert_eq!(anchors.list(), [anchor(6, 2), anchor(33, 5)]);
    }

    #[test]
    fn a_step_of_the_publishers_clock_is_kept() {
        let mut anchors = Anchors::default();

        for (seconds, late_ms) in [(3, 0), (6, 5000), (9, 5000)] {
            anchors.add(anchor(seconds, late_ms));
        }

        assert_eq!(anchors.list(), [anchor(3, 0), anchor(6, 5000)]);
    }

    #[test]
    fn extreme_reports_do_not_panic() {
        let mut anchors = Anchors::default();

        for publisher_ns in [i64::MIN, i64::MAX] {
            for sample in [i64::MIN, -1, i64::MAX] {
                anchors.add(Anchor {
                    sample: SampleTime(sample),
                    publisher_ns: UnixNanos(publisher_ns),
                    arrival_ns: UnixNanos(0),
                });
            }
        }

        assert!(!anchors.list().is_empty());
    }

    #[test]
    fn mutes_are_paired_and_end_with_the_file() {
        let mut mutes = Mutes::default();

        mutes.add(MuteState::Unmuted, Some(SampleTime(5)));
        mutes.add(MuteState::Muted, Some(SampleTime(10)));
        mutes.add(MuteState::Muted, Some(SampleTime(12)));
        mutes.add(MuteState::Unmuted, Some(SampleTime(20)));
        mutes.add(MuteState::Muted, Some(SampleTime(90)));

        let open = Mute {
            start_sample: SampleTime(50),
            end_sample: None,
        };
        assert_eq!(
            mutes.list(SampleTime(50)),
            [
                Mute {
                    start_sample: SampleTime(10),
                    end_sample: Some(SampleTime(20))
                },
                open
            ]
        );
    }

    #[test]
    fn a_mute_that_ends_before_the_first_packet_is_not_listed() {
        let mut mutes = Mutes::default();

        mutes.add(MuteState::Muted, None);
        mutes.add(MuteState::Unmuted, None);

        assert_eq!(mutes.list(SampleTime(100)), []);
    }

    #[test]
    fn beyond_the_limit_gaps_close_to_each_other_are_joined() {
        let mut gaps = Gaps::default();

        for number in 0..MAX_EXACT_GAPS as i64 + 100 {
            gaps.add(Gap {
                start_sample: SampleTime(number * 20_000),
                samples: SampleTime(18_000),
                cause: GapCause::Silence,
                lost_packets: 0,
            });
        }

        let gaps = gaps.list();
        assert_eq!(gaps.len(), MAX_EXACT_GAPS);
        assert_eq!(gaps[MAX_EXACT_GAPS - 1].samples, SampleTime(100 * 20_000 + 18_000));
    }
}
