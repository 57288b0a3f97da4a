//! What the manifest will say beside the audio: gaps, mutes, the publisher's clock.

use domain::manifest::{Anchor, Gap, Mute};

use super::output::MuteState;
use crate::SAMPLE_RATE;

/// Gaps listed one by one: an hour of a silent talker's discontinuous transmission has 8600. Beyond, gaps of one
/// cause within [`JOINED_GAP_SAMPLES`] become one, so that a day's manifest stays readable.
const MAX_EXACT_GAPS: usize = 20_000;
const JOINED_GAP_SAMPLES: u64 = SAMPLE_RATE as u64;

/// One anchor of this many samples, 30 s, is kept; sender reports come every 3 s.
const ANCHOR_WINDOW: i64 = 30 * SAMPLE_RATE as i64;

/// A publisher's clock that jumps by more was set anew; the jump must stay visible. 1 s.
const CLOCK_STEP_NS: i64 = 1_000_000_000;

/// Stretches that we filled.
#[derive(Debug, Default)]
pub(super) struct Gaps(Vec<Gap>);

impl Gaps {
    pub(super) fn add(&mut self, gap: Gap) {
        let is_full = self.0.len() >= MAX_EXACT_GAPS;
        match self.0.last_mut() {
            Some(last) if is_full && last.cause == gap.cause && is_near(last, &gap) => {
                last.samples = gap.start_sample + gap.samples - last.start_sample;
                last.lost_packets += gap.lost_packets;
            }
            _ => self.0.push(gap),
        }
    }

    pub(super) fn list(&self) -> Vec<Gap> {
        self.0.clone()
    }
}

fn is_near(last: &Gap, gap: &Gap) -> bool {
    gap.start_sample.saturating_sub(last.start_sample + last.samples) <= JOINED_GAP_SAMPLES
}

/// Muted stretches as the platform reported them.
#[derive(Debug, Default)]
pub(super) struct Mutes(Vec<Mute>);

impl Mutes {
    /// `sample` is none before the first packet: a track that starts muted is muted from sample 0.
    pub(super) fn add(&mut self, state: MuteState, sample: Option<u64>) {
        let open = self.0.last_mut().filter(|mute| mute.end_sample.is_none());
        match (state, open, sample) {
            (MuteState::Muted, None, _) => {
                self.0.push(Mute {
                    start_sample: sample.unwrap_or(0),
                    end_sample: None,
                });
            }
            (MuteState::Unmuted, Some(open), Some(end)) => open.end_sample = Some(end.max(open.start_sample)),
            (MuteState::Unmuted, Some(_), None) => self.0.clear(),
            (MuteState::Muted, Some(_), _) | (MuteState::Unmuted, None, _) => {}
        }
    }

    /// All mutes, none of them beyond the end of a file of `samples`.
    pub(super) fn list(&self, samples: u64) -> Vec<Mute> {
        let within = |mute: &Mute| Mute {
            start_sample: mute.start_sample.min(samples),
            end_sample: mute.end_sample.map(|end| end.min(samples)),
        };
        self.0.iter().map(within).collect()
    }
}

/// Pairs of the publisher's clock. Of each window the earliest by that clock stays: reports of publishers that send
/// redundant audio lie 0 to 18 ms late.
#[derive(Debug, Default)]
pub(super) struct Anchors(Vec<Anchor>);

impl Anchors {
    pub(super) fn add(&mut self, anchor: Anchor) {
        let Some(last) = self.0.last_mut().filter(|last| is_same_window(last, &anchor)) else {
            self.0.push(anchor);
            return;
        };
        let later_ns = zero_ns(&anchor).saturating_sub(zero_ns(last));
        if later_ns.saturating_abs() > CLOCK_STEP_NS {
            self.0.push(anchor);
        } else if later_ns < 0 {
            *last = anchor;
        }
    }

    pub(super) fn list(&self) -> Vec<Anchor> {
        self.0.clone()
    }
}

fn is_same_window(a: &Anchor, b: &Anchor) -> bool {
    a.sample.div_euclid(ANCHOR_WINDOW) == b.sample.div_euclid(ANCHOR_WINDOW)
}

/// The publisher's time of sample 0 according to an anchor.
fn zero_ns(anchor: &Anchor) -> i64 {
    let since_ns = i128::from(anchor.sample) * 1_000_000_000 / i128::from(SAMPLE_RATE);
    let since_ns = i64::try_from(since_ns).unwrap_or(if since_ns < 0 { i64::MIN } else { i64::MAX });
    anchor.publisher_ns.saturating_sub(since_ns)
}

#[cfg(test)]
mod tests {
    use domain::manifest::GapCause;

    use super::*;

    fn anchor(seconds: i64, late_ms: i64) -> Anchor {
        let publisher_ns = seconds * 1_000_000_000 + late_ms * 1_000_000;
        Anchor {
            sample: seconds * 48_000,
            publisher_ns,
            arrival_ns: 0,
        }
    }

    #[test]
    fn the_earliest_report_of_a_window_is_kept() {
        let mut anchors = Anchors::default();

        for (seconds, late_ms) in [(3, 18), (6, 2), (9, 9), (33, 5), (36, 7)] {
            anchors.add(anchor(seconds, late_ms));
        }

        assert_eq!(anchors.list(), [anchor(6, 2), anchor(33, 5)]);
    }

    #[test]
    fn a_publishers_clock_that_was_set_anew_stays_visible() {
        let mut anchors = Anchors::default();

        for (seconds, late_ms) in [(3, 0), (6, 5000), (9, 5000)] {
            anchors.add(anchor(seconds, late_ms));
        }

        assert_eq!(anchors.list(), [anchor(3, 0), anchor(6, 5000)]);
    }

    #[test]
    fn hostile_reports_do_no_harm() {
        let mut anchors = Anchors::default();

        for publisher_ns in [i64::MIN, i64::MAX] {
            for sample in [i64::MIN, -1, i64::MAX] {
                anchors.add(Anchor {
                    sample,
                    publisher_ns,
                    arrival_ns: 0,
                });
            }
        }

        assert!(!anchors.list().is_empty());
    }

    #[test]
    fn mutes_are_paired_and_end_with_the_file() {
        let mut mutes = Mutes::default();

        mutes.add(MuteState::Unmuted, Some(5));
        mutes.add(MuteState::Muted, Some(10));
        mutes.add(MuteState::Muted, Some(12));
        mutes.add(MuteState::Unmuted, Some(20));
        mutes.add(MuteState::Muted, Some(90));

        let open = Mute {
            start_sample: 50,
            end_sample: None,
        };
        assert_eq!(
            mutes.list(50),
            [
                Mute {
                    start_sample: 10,
                    end_sample: Some(20)
                },
                open
            ]
        );
    }

    #[test]
    fn a_mute_that_was_over_before_the_first_packet_is_none() {
        let mut mutes = Mutes::default();

        mutes.add(MuteState::Muted, None);
        mutes.add(MuteState::Unmuted, None);

        assert_eq!(mutes.list(100), []);
    }

    #[test]
    fn beyond_many_gaps_near_ones_become_one() {
        let mut gaps = Gaps::default();

        for number in 0..MAX_EXACT_GAPS as u64 + 100 {
            gaps.add(Gap {
                start_sample: number * 20_000,
                samples: 18_000,
                cause: GapCause::Silence,
                lost_packets: 0,
            });
        }

        let gaps = gaps.list();
        assert_eq!(gaps.len(), MAX_EXACT_GAPS);
        assert_eq!(gaps[MAX_EXACT_GAPS - 1].samples, 100 * 20_000 + 18_000);
    }
}
