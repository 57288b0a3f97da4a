//! Which of the listed recorders are alive.
//!
//! If a recorder and livekit-server die together, the next livekit-server lists the recorder with what it announced until
//! the room ends. A live recorder of ours changes an attribute every 10 s; a dead one cannot. Clocks are not compared: what
//! counts is whether the value changes between two lists.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::{ParticipantSid, PlatformRoomKey, meeting::LiveParticipant};

/// A recorder whose value has been the same for this long is dead: three times the interval at which it changes.
const DEAD_AFTER: Duration = Duration::from_secs(30);

/// Rooms that were not listed for this long are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// What this process has seen of the recorders in each room.
#[derive(Debug, Default)]
pub struct Beats(Mutex<HashMap<PlatformRoomKey, Seen>>);

#[derive(Debug)]
struct Seen {
    listed_at: Instant,
    recorders: HashMap<ParticipantSid, Beat>,
}

#[derive(Clone, Debug)]
struct Beat {
    value: String,
    changed_at: Instant,
}

impl Beats {
    /// Removes recorders that are dead from a list that was made at `now`. A recorder that shows no sign of life, as those of
    /// others, may be alive.
    pub fn remove_dead(&self, room: &PlatformRoomKey, listed: &mut Vec<LiveParticipant>, now: Instant) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.retain(|_, seen| now.duration_since(seen.listed_at) < FORGET_AFTER);
        let before = rooms.remove(room).map(|seen| seen.recorders).unwrap_or_default();
        let beats = listed
            .iter()
            .filter_map(|p| Some((&p.participant.sid, p.beat.as_ref()?)));
        let recorders: HashMap<_, _> = beats
            .map(|(sid, value)| (sid.clone(), next(before.get(sid), value, now)))
            .collect();
        let is_dead = |p: &LiveParticipant| {
            let beat = recorders.get(&p.participant.sid);
            beat.is_some_and(|beat| now.duration_since(beat.changed_at) >= DEAD_AFTER)
        };
        for dead in listed.extract_if(.., |p| is_dead(p)) {
            tracing::debug!(participant = %dead.participant.identity, "a listed recorder shows no sign of life");
        }
        let listed_at = now;
        rooms.insert(room.clone(), Seen { listed_at, recorders });
    }
}

fn next(before: Option<&Beat>, value: &str, now: Instant) -> Beat {
    match before.filter(|before| before.value == value) {
        Some(unchanged) => unchanged.clone(),
        None => Beat {
            value: value.to_owned(),
            changed_at: now,
        },
    }
}

#[cfg(test)]
mod tests {
    use domain::participant::{ObservedParticipant, ParticipantKind};

    use super::*;

    fn recorder(sid: &str, beat: Option<&str>) -> LiveParticipant {
        LiveParticipant {
            participant: ObservedParticipant {
                sid: sid.into(),
                identity: sid.into(),
                display_name: String::new(),
                kind: ParticipantKind::Recorder,
                joined_at: None,
            },
            tracks: Vec::new(),
            capture_ids: Vec::new(),
            beat: beat.map(str::to_owned),
        }
    }

    /// Lists recorders `after` seconds, and returns which of them are left.
    fn left(beats: &Beats, start: Instant, after: u64, mut listed: Vec<LiveParticipant>) -> Vec<String> {
        beats.remove_dead(&"RM_1".into(), &mut listed, start + Duration::from_secs(after));
        listed.into_iter().map(|p| p.participant.sid.to_string()).collect()
    }

    #[test]
    fn a_recorder_whose_beat_stands_still_for_30_s_is_dead_until_it_beats_again() {
        let (beats, start) = (Beats::default(), Instant::now());
        let listed = |beat| vec![recorder("PA_1", Some(beat))];

        let table = [
            (0, "7", 1),
            (29, "7", 1),
            (30, "7", 0),
            (45, "7", 0),
            (46, "8", 1),
            (75, "8", 1),
            (76, "8", 0),
        ];
        for (after, beat, expected) in table {
            assert_eq!(left(&beats, start, after, listed(beat)).len(), expected, "{after} s");
        }
    }

    #[test]
    fn recorders_without_a_beat_and_new_connections_are_alive() {
        let (beats, start) = (Beats::default(), Instant::now());
        let older = || recorder("PA_other", None);
        left(&beats, start, 0, vec![recorder("PA_1", Some("7")), older()]);

        let after = left(
            &beats,
            start,
            60,
            vec![recorder("PA_1", Some("7")), recorder("PA_2", Some("7")), older()],
        );

        assert_eq!(after, ["PA_2", "PA_other"]);
    }

    #[test]
    fn a_room_that_is_not_listed_any_more_is_forgotten() {
        let (beats, start) = (Beats::default(), Instant::now());
        left(&beats, start, 0, vec![recorder("PA_1", Some("7"))]);

        beats.remove_dead(&"RM_2".into(), &mut Vec::new(), start + FORGET_AFTER);

        assert_eq!(beats.0.lock().unwrap().len(), 1);
    }
}
