//! Whether a manifest tells the truth: every hole in the sound is listed with a cause, and every listed hole is one.

use std::ops::Range;

use domain::manifest::{Gap, GapCause};

use super::{file::RecordedFile, sent::Sent, tones::PACKET_SAMPLES};

/// Differences up to this length count as equal: one packet.
const TOLERANCE: i64 = PACKET_SAMPLES;

/// Describes everything in the manifest that is not true. A file without a manifest has nothing to check.
pub fn untruths(file: &RecordedFile, sent: &Sent) -> Vec<String> {
    let Some(manifest) = &file.manifest else {
        return Vec::new();
    };
    let gaps = &manifest.trackscribe.gaps;
    let mut found = Vec::new();
    if manifest.trackscribe.samples.0 != file.samples {
        let said = manifest.trackscribe.samples.0;
        found.push(format!(
            "the manifest lists {said} samples, the file has {}",
            file.samples
        ));
    }
    found.extend(unlisted(&file.fillers, gaps).map(|hole| format!("a hole at {} is not listed", describe(&hole))));
    found.extend(gaps.iter().filter_map(|gap| wrong_gap(gap, file, sent)));
    found
}

fn unlisted<'a>(fillers: &'a [Range<i64>], gaps: &'a [Gap]) -> impl Iterator<Item = Range<i64>> + 'a {
    let is_unlisted = move |filler: &&Range<i64>| {
        let covered: i64 = gaps.iter().map(|gap| overlap(filler, &range(gap))).sum();
        covered + TOLERANCE < filler.end - filler.start
    };
    fillers.iter().filter(is_unlisted).cloned()
}

fn wrong_gap(gap: &Gap, file: &RecordedFile, sent: &Sent) -> Option<String> {
    let gap_range = range(gap);
    let sound: i64 = file
        .placed
        .iter()
        .map(|packet| overlap(&gap_range, &(packet.position..packet.position + PACKET_SAMPLES)))
        .sum();
    let place = describe(&gap_range);
    if sound > TOLERANCE {
        return Some(format!("a hole is listed at {place}, but there is sound"));
    }
    let lost = sent_inside(&gap_range, file, sent);
    if gap.cause == GapCause::Silence && lost > 2 {
        return Some(format!(
            "a hole at {place} is listed as silence, but {lost} packets were sent then"
        ));
    }
    None
}

/// Packets that were sent while the file has a hole.
fn sent_inside(gap: &Range<i64>, file: &RecordedFile, sent: &Sent) -> usize {
    let before = file.placed.iter().rev().find(|packet| packet.position < gap.start);
    let Some(before) = before else { return 0 };
    let number = |position: i64| before.number + (position - before.position) / PACKET_SAMPLES;
    let range = number(gap.start) + 1..number(gap.end);
    sent.numbers(range)
        .filter(|n| !file.placed.iter().any(|p| p.number == *n))
        .count()
}

fn range(gap: &Gap) -> Range<i64> {
    gap.start_sample.0..gap.start_sample.0 + gap.samples.0
}

fn overlap(a: &Range<i64>, b: &Range<i64>) -> i64 {
    (a.end.min(b.end) - a.start.max(b.start)).max(0)
}

fn describe(range: &Range<i64>) -> String {
    let seconds = |samples: i64| samples as f64 / 48_000.0;
    format!(
        "{:.2} s ({:.2} s long)",
        seconds(range.start),
        seconds(range.end - range.start)
    )
}

#[cfg(test)]
mod tests {
    use domain::{SampleTime, manifest::Manifest};

    use super::*;
    use crate::bench::faults::{file::Placed, sent::SentRun};

    const STORED: &str = include_str!("../../../../crates/domain/fixtures/manifest.json");

    fn gap(start: i64, samples: i64, cause: GapCause) -> Gap {
        Gap {
            start_sample: SampleTime(start),
            samples: SampleTime(samples),
            cause,
            lost_packets: 0,
        }
    }

    /// 100 packets, of which the middle twenty are a hole in the file.
    fn file_with(gaps: Vec<Gap>) -> (RecordedFile, Sent) {
        let stored: String = STORED.lines().map(str::trim_start).collect();
        let mut manifest = Manifest::from_json(stored.as_bytes()).unwrap();
        manifest.trackscribe.gaps = gaps;
        manifest.trackscribe.samples = SampleTime(100 * 960);
        let mut sent = Sent::new("alice".into(), "alice".into(), 0);
        sent.runs.push(SentRun {
            track_sid: "TR_1".into(),
            first: 0,
            until: 100,
        });
        let heard = (0..40).chain(60..100);
        let file = RecordedFile {
            placed: heard
                .map(|number| Placed {
                    number,
                    position: number * 960,
                })
                .collect(),
            fillers: Vec::from([Range {
                start: 40 * 960,
                end: 60 * 960,
            }]),
            samples: 100 * 960,
            manifest: Some(manifest),
            ..RecordedFile::default()
        };
        (file, sent)
    }

    #[test]
    fn a_listed_hole_is_the_truth() {
        let (file, sent) = file_with(vec![gap(40 * 960, 20 * 960, GapCause::ConnectionLost)]);

        assert!(untruths(&file, &sent).is_empty(), "{:?}", untruths(&file, &sent));
    }

    #[test]
    fn a_missing_an_invented_and_a_mislabelled_hole_are_found() {
        for (gaps, expected) in [
            (vec![], "is not listed"),
            (
                vec![
                    gap(40 * 960, 20 * 960, GapCause::Loss),
                    gap(80 * 960, 10 * 960, GapCause::Loss),
                ],
                "but there is sound",
            ),
            (vec![gap(40 * 960, 20 * 960, GapCause::Silence)], "listed as silence"),
        ] {
            let (file, sent) = file_with(gaps);

            let found = untruths(&file, &sent);

            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(expected), "{found:?}");
        }
    }
}
