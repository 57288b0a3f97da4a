//! Compares what a speaker sent with what the files hold, packet by packet, and attributes what is missing to faults.

use std::{
    collections::BTreeSet,
    ops::Range,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{file::RecordedFile, sent::Sent, truth};

/// What is missing this long before a fault may be its work: packets that were heard and not yet written.
const BEFORE: Duration = Duration::from_secs(5);

/// A file whose packets are further from their places than this is wrong.
const MAX_DISPLACEMENT_MS: f64 = 50.0;

/// A fault, as the bench caused it.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub at: Instant,
    /// When the thing that failed answered again; recording can continue from then on.
    pub answered: Instant,
}

/// What one fault did to one track.
#[derive(Clone, Debug, Serialize)]
pub struct Observation {
    pub track: String,
    /// Audio that was sent before the fault and is missing.
    pub heard_before_ms: f64,
    /// All audio that is missing around the fault.
    pub missing_ms: f64,
    /// The longest hole.
    pub hole_ms: f64,
    /// From the end of the fault to the next recorded packet; no shorter than what was sent if none was recorded. `None`
    /// if nothing was sent.
    pub again_ms: Option<f64>,
    /// Files of the speaker, in the whole meeting.
    pub files: usize,
    /// Tracks that the speaker published; more than one if LiveKit dropped the speaker.
    pub tracks: usize,
}

/// Attributes what is missing to the faults, in the order of time.
pub fn observe(sent: &Sent, files: &[RecordedFile], faults: &[Fault]) -> Vec<Observation> {
    let recorded: BTreeSet<i64> = files
        .iter()
        .flat_map(|file| &file.placed)
        .map(|packet| packet.number)
        .collect();
    let start = recorded.first().copied();
    let bounds = windows(sent, faults);
    faults
        .iter()
        .zip(bounds)
        .map(|(fault, window)| {
            let from = start.map_or(window.start, |start| start.max(window.start));
            let holes = holes(sent, &recorded, from..window.end);
            let before = sent.number_at(fault.at);
            Observation {
                track: sent.label.clone(),
                heard_before_ms: packets_ms(count(&holes, sent, i64::MIN..before)),
                missing_ms: packets_ms(count(&holes, sent, i64::MIN..i64::MAX)),
                hole_ms: packets_ms(longest(&holes, sent)),
                again_ms: again_ms(sent, &recorded, fault, window.end),
                files: files.len(),
                tracks: sent.track_sids.len(),
            }
        })
        .collect()
}

/// The packets that belong to each fault: from shortly before it until shortly before the next one. The first fault
/// also answers for everything before it.
fn windows(sent: &Sent, faults: &[Fault]) -> Vec<Range<i64>> {
    let mut starts: Vec<i64> = faults
        .iter()
        .map(|fault| sent.number_at(fault.at.checked_sub(BEFORE).unwrap_or(sent.start)))
        .collect();
    if let Some(first) = starts.first_mut() {
        *first = 0;
    }
    let ends = starts.iter().skip(1).copied().chain([i64::MAX]);
    starts
        .iter()
        .copied()
        .zip(ends)
        .map(|(start, end)| start..end)
        .collect()
}

/// Intervals of packets that were sent and are missing. An interval in which nothing was sent does not split a hole.
fn holes(sent: &Sent, recorded: &BTreeSet<i64>, range: Range<i64>) -> Vec<Range<i64>> {
    let mut holes: Vec<Range<i64>> = Vec::new();
    let mut is_open = false;
    for number in sent.numbers(range) {
        if recorded.contains(&number) {
            is_open = false;
        } else if let Some(hole) = holes.last_mut().filter(|_| is_open) {
            hole.end = number + 1;
        } else {
            holes.push(number..number + 1);
            is_open = true;
        }
    }
    holes
}

fn count(holes: &[Range<i64>], sent: &Sent, within: Range<i64>) -> i64 {
    let inside = |hole: &Range<i64>| {
        let range = hole.start.max(within.start)..hole.end.min(within.end);
        sent.numbers(range).count() as i64
    };
    holes.iter().map(inside).sum()
}

fn longest(holes: &[Range<i64>], sent: &Sent) -> i64 {
    let lengths = holes.iter().map(|hole| sent.numbers(hole.clone()).count() as i64);
    lengths.max().unwrap_or_default()
}

fn again_ms(sent: &Sent, recorded: &BTreeSet<i64>, fault: &Fault, end: i64) -> Option<f64> {
    let answered = sent.number_at(fault.answered);
    // A speaker who is muted can be recorded once packets are sent again; one whom LiveKit dropped, on the new track.
    let mut after = sent.runs.iter().filter(|run| run.until > answered && run.first < end);
    let first = after.next()?;
    let dropped = first.first < sent.number_at(fault.at);
    let rejoined = after.find(|run| dropped && run.track_sid != first.track_sid);
    let from = rejoined.unwrap_or(first).first.max(answered);
    let next = recorded.range(from..end).next().copied();
    Some(packets_ms(next.map_or_else(
        || sent.numbers(from..end).count() as i64,
        |next| next - from,
    )))
}

fn packets_ms(packets: i64) -> f64 {
    Sent::duration(packets).as_secs_f64() * 1000.0
}

/// Describes everything that is wrong with the files of a speaker, apart from missing audio.
pub fn problems(sent: &Sent, files: &[RecordedFile]) -> Vec<String> {
    let mut found = Vec::new();
    if files.iter().all(|file| file.placed.is_empty()) && !sent.runs.is_empty() {
        found.push("nothing is recorded".to_owned());
    }
    for file in files {
        found.extend(file.problems.iter().cloned());
        found.extend(truth::untruths(file, sent));
        found.extend(misplaced(file));
        if file.manifest.is_none() {
            found.push("a file has no manifest".to_owned());
        }
    }
    found
        .into_iter()
        .map(|problem| format!("{}: {problem}", sent.label))
        .collect()
}

fn misplaced(file: &RecordedFile) -> Vec<String> {
    let mut found = Vec::new();
    let displacement = file.worst_displacement_ms();
    if displacement > MAX_DISPLACEMENT_MS {
        found.push(format!("sound is up to {displacement:.0} ms away from its place"));
    }
    if file.repeated() > 0 {
        found.push(format!("{} packets are repeated or out of order", file.repeated()));
    }
    if file.foreign > 0 {
        found.push(format!("{} packets were never sent", file.foreign));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::faults::{file::Placed, sent::SentRun};

    fn sent(runs: &[(i64, i64)]) -> Sent {
        let mut sent = Sent::new("alice".into(), "alice".into(), 0);
        sent.track_sids = vec!["TR_1".into()];
        sent.runs = runs
            .iter()
            .map(|&(first, until)| SentRun {
                track_sid: "TR_1".into(),
                first,
                until,
            })
            .collect();
        sent
    }

    fn file(numbers: impl IntoIterator<Item = i64>) -> RecordedFile {
        let placed = numbers.into_iter().map(|number| Placed {
            number,
            position: number * 960,
        });
        RecordedFile {
            placed: placed.collect(),
            ..RecordedFile::default()
        }
    }

    fn fault(sent: &Sent, at: i64, answered: i64) -> Fault {
        Fault {
            at: sent.instant_of(at),
            answered: sent.instant_of(answered),
        }
    }

    #[test]
    fn what_is_missing_is_split_at_the_fault() {
        let sent = sent(&[(0, 1000)]);
        let files = [file((20..480).chain(600..1000))];

        let seen = observe(&sent, &files, &[fault(&sent, 500, 550)]);

        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].heard_before_ms, seen[0].missing_ms), (400.0, 2400.0));
        assert_eq!((seen[0].hole_ms, seen[0].again_ms), (2400.0, Some(1000.0)));
    }

    #[test]
    fn each_fault_has_its_own_holes() {
        let sent = sent(&[(0, 3000)]);
        let files = [file((0..1000).chain(1100..2000).chain(2010..3000))];

        let faults = [fault(&sent, 1000, 1050), fault(&sent, 2000, 2005)];
        let seen = observe(&sent, &files, &faults);

        assert_eq!((seen[0].missing_ms, seen[1].missing_ms), (2000.0, 200.0));
        assert_eq!((seen[0].heard_before_ms, seen[1].heard_before_ms), (0.0, 0.0));
    }

    #[test]
    fn muted_time_is_not_missing() {
        let sent = sent(&[(0, 400), (700, 1000)]);
        let files = [file((0..400).chain(700..1000))];

        let seen = observe(&sent, &files, &[fault(&sent, 500, 600)]);

        assert_eq!((seen[0].missing_ms, seen[0].hole_ms), (0.0, 0.0));
        assert_eq!(seen[0].again_ms, Some(0.0));
    }

    #[test]
    fn someone_who_was_dropped_is_recorded_again_on_the_new_track() {
        let mut sent = sent(&[(0, 550), (600, 1000)]);
        sent.runs[1].track_sid = "TR_2".into();
        let files = [file(0..500), file(640..1000)];

        let seen = observe(&sent, &files, &[fault(&sent, 500, 510)]);

        assert_eq!((seen[0].again_ms, seen[0].heard_before_ms), (Some(800.0), 0.0));
    }

    #[test]
    fn a_track_without_a_file_is_missing_altogether() {
        let sent = sent(&[(0, 1000)]);

        let seen = observe(&sent, &[], &[fault(&sent, 200, 300)]);

        assert_eq!((seen[0].missing_ms, seen[0].again_ms), (20_000.0, Some(14_000.0)));
        assert_eq!(problems(&sent, &[]), ["alice: nothing is recorded"]);
    }

    #[test]
    fn displaced_and_repeated_packets_are_found() {
        let sent = sent(&[(0, 100)]);
        let mut wrong = file((0..50).chain(40..90));
        wrong.placed[60].position += 48 * 60;
        wrong.foreign = 1;

        let found = problems(&sent, &[wrong]).join("\n");

        for part in [
            "away from its place",
            "1 packets are repeated",
            "never sent",
            "no manifest",
        ] {
            assert!(found.contains(part), "{part}: {found}");
        }
    }
}
