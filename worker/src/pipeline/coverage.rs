//! What a recorder heard of its track, from its manifest.
//!
//! The file alone does not tell: where it holds silence, the publisher may have been silent or the recorder away.

use std::collections::HashSet;

use domain::{
    SampleTime,
    interval::{Interval, IntervalSet},
    manifest::{Gap, GapCause, Manifest, Mute},
    recording::{Coverage, Hole},
};
use media::timeline::wall_time;

/// A track that was silent before and after an absence of up to this length counts as silent throughout. A recorder that
/// is restarted needs 3 s; hardly anyone unmutes, says something and mutes again in a few seconds.
const SILENT_ABSENCE_NS: i64 = 10_000_000_000;

/// A silence that ends within this time after the recorder came back may have ended while it was away: the recorder learns
/// of it when it joins. Unmuted publishers send a packet at least every 400 ms, also with discontinuous transmission.
const LEARNED_NS: i64 = 500_000_000;

/// Longest audio in one Opus packet (RFC 6716 section 2.1.4): a gap in which few packets were lost is mostly silence.
const MAX_PACKET: SampleTime = SampleTime(SampleTime::SECOND.0 * 120 / 1000);

/// Most holes that are kept per recording; beyond it, those closest to each other are joined. They are read with every
/// change of the meeting.
const MAX_HOLES: usize = 1_000;

/// Returns when the recorder was connected to the track, and what it missed meanwhile.
pub fn coverage(manifest: &Manifest) -> Coverage {
    let file = RecordedFile(manifest);
    let stated = file.stated();
    let listened = match &stated {
        Some(stated) => stated.union(&file.sound()),
        None => file.whole_capture().into(),
    };
    let absences: Vec<Interval> = listened.between().collect();
    let bridged = absences
        .iter()
        .copied()
        .filter(|absence| file.is_silent_across(*absence));
    let listened = listened.union(&bridged.collect());
    let mut holes: Vec<Hole> = listened.between().map(|absence| file.absence(absence)).collect();
    holes.extend(file.gaps().filter_map(|gap| file.hole(gap, &absences)));
    Coverage {
        listened: listened.iter().map(Into::into).collect(),
        holes: joined(holes, MAX_HOLES),
    }
}

struct RecordedFile<'a>(&'a Manifest);

impl RecordedFile<'_> {
    fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.0.trackscribe.gaps.iter()
    }

    fn interval(&self, start: SampleTime, end: SampleTime) -> Interval {
        let fit = &self.0.trackscribe.clock.fit;
        Interval::new(wall_time(fit, start), wall_time(fit, end))
    }

    fn interval_of(&self, gap: &Gap) -> Interval {
        self.interval(gap.start_sample, gap.start_sample + gap.samples)
    }

    fn extent(&self) -> Interval {
        self.interval(SampleTime::ZERO, self.0.trackscribe.samples)
    }

    /// When the recorder says that it was connected; `None` if it does not say.
    fn stated(&self) -> Option<IntervalSet> {
        let stated: IntervalSet = self
            .0
            .trackscribe
            .listened
            .iter()
            .copied()
            .map(Interval::from)
            .collect();
        (!stated.is_empty()).then_some(stated)
    }

    /// From the start of the capture, which is connected before the first packet, to its end, if it saw the end.
    fn whole_capture(&self) -> Interval {
        let extent = self.extent();
        let saw_end = ["EGRESS_COMPLETE", "EGRESS_LIMIT_REACHED"].contains(&self.0.trackscribe.end.status.as_str());
        let end = if saw_end {
            extent.to.max(self.0.ended_at)
        } else {
            extent.to
        };
        Interval::new(extent.from.min(self.0.started_at), end)
    }

    /// When packets arrived: the recorder was connected then, whatever it says.
    fn sound(&self) -> IntervalSet {
        let gaps = self.gaps().map(|gap| self.interval_of(gap)).collect();
        IntervalSet::from(self.extent()).difference(&gaps)
    }

    /// Whether the track was muted, or had not sent its first packet, both before and after an absence.
    fn is_silent_across(&self, absence: Interval) -> bool {
        let back = absence.to.saturating_add(LEARNED_NS);
        let is_muted = |mute: &Mute| {
            let end = mute.end_sample.unwrap_or(SampleTime(i64::MAX));
            let mute = self.interval(mute.start_sample, end);
            mute.from <= absence.from && back < mute.to
        };
        absence.nanos() <= SILENT_ABSENCE_NS
            && (back < self.extent().from || self.0.trackscribe.mutes.iter().any(is_muted))
    }

    /// An absence has the cause of the gap that it left in the file. If the publisher was silent around it, there is none.
    fn absence(&self, absence: Interval) -> Hole {
        let causes = self.gaps().filter(|gap| is_absence(gap));
        let longest = causes
            .map(|gap| (self.interval_of(gap).intersection(absence).nanos(), gap.cause))
            .filter(|(shared_ns, _)| *shared_ns > 0)
            .max_by_key(|(shared_ns, _)| *shared_ns);
        hole(absence, longest.map_or(GapCause::ConnectionLost, |(_, cause)| cause))
    }

    /// Returns what was lost in a gap; `None` if nothing was, or if `absences` tell it more exactly.
    fn hole(&self, gap: &Gap, absences: &[Interval]) -> Option<Hole> {
        let interval = self.interval_of(gap);
        if is_absence(gap) {
            let is_told = absences
                .iter()
                .any(|absence| !absence.intersection(interval).is_empty());
            return (!is_told && !self.is_silent_across(interval)).then(|| hole(interval, gap.cause));
        }
        is_lost(gap).then(|| match gap.cause {
            GapCause::DiskFull | GapCause::Overload => hole(interval, gap.cause),
            _ => {
                let packets = i64::try_from(gap.lost_packets).unwrap_or(i64::MAX);
                let most = SampleTime(MAX_PACKET.0.saturating_mul(packets));
                let end = gap.start_sample + gap.samples.min(most);
                hole(self.interval(gap.start_sample, end), GapCause::Loss)
            }
        })
    }
}

fn hole(interval: Interval, cause: GapCause) -> Hole {
    Hole {
        from_ns: interval.from,
        to_ns: interval.to,
        cause,
    }
}

/// Whether packets were lost although the recorder was connected. After a jump of the timestamps nothing is missing if
/// the sequence numbers continue.
fn is_lost(gap: &Gap) -> bool {
    match gap.cause {
        GapCause::Silence | GapCause::ConnectionLost | GapCause::RecorderRestarted | GapCause::Other => false,
        GapCause::Loss | GapCause::TimestampJump => gap.lost_packets > 0,
        GapCause::DiskFull | GapCause::Overload => true,
    }
}

/// Whether the recorder was away, or may have been.
fn is_absence(gap: &Gap) -> bool {
    matches!(
        gap.cause,
        GapCause::ConnectionLost | GapCause::RecorderRestarted | GapCause::Other
    )
}

/// Returns the holes in order, at most `limit` of them: those closest to each other are joined, with the cause of the
/// longer one.
fn joined(mut holes: Vec<Hole>, limit: usize) -> Vec<Hole> {
    holes.retain(|hole| hole.to_ns > hole.from_ns);
    holes.sort_by_key(|hole| (hole.from_ns, hole.to_ns));
    let surplus = holes.len().saturating_sub(limit);
    if surplus == 0 {
        return holes;
    }
    let distance = |pair: &[Hole]| pair[1].from_ns.nanos_since(pair[0].to_ns);
    let mut closest: Vec<(i64, usize)> = holes.windows(2).map(distance).zip(1..).collect();
    closest.sort_unstable();
    let joins: HashSet<usize> = closest.iter().take(surplus).map(|(_, index)| *index).collect();
    let mut kept: Vec<Hole> = Vec::with_capacity(limit);
    for (index, next) in holes.into_iter().enumerate() {
        match kept.last_mut() {
            Some(last) if joins.contains(&index) => *last = join(*last, next),
            _ => kept.push(next),
        }
    }
    kept
}

fn join(first: Hole, second: Hole) -> Hole {
    let [a, b] = [first, second].map(|hole| Interval::from(hole).nanos());
    Hole {
        from_ns: first.from_ns,
        to_ns: first.to_ns.max(second.to_ns),
        cause: if b > a { second.cause } else { first.cause },
    }
}

#[cfg(test)]
mod tests;
