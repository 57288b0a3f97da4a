//! The other participants and their tracks, from the server's lists.

use std::collections::{BTreeMap, VecDeque};

use livekit_protocol::{ParticipantInfo, participant_info::State};

use crate::{
    ids::{ParticipantSid, TrackSid},
    track_info::TrackInfo,
};

/// How many participants that left are remembered, so that a late message does not add them again.
const REMEMBERED_DEPARTURES: usize = 1000;

/// How a track differs between two lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TrackChange {
    Published(TrackInfo),
    Muted {
        sid: TrackSid,
        muted: bool,
    },
    /// Something other than its mute state.
    Changed(TrackInfo),
    Unpublished {
        sid: TrackSid,
    },
}

/// The participants and their tracks.
#[derive(Debug, Default)]
pub(crate) struct Participants {
    present: BTreeMap<ParticipantSid, Participant>,
    departed: VecDeque<(ParticipantSid, u32)>,
}

#[derive(Debug)]
struct Participant {
    identity: String,
    /// Grows with each change; older messages are ignored.
    version: u32,
    tracks: BTreeMap<TrackSid, TrackInfo>,
}

impl Participants {
    /// Applies a list of some participants. The others stay unchanged.
    pub fn update(&mut self, local_sid: &ParticipantSid, updates: &[ParticipantInfo]) -> Vec<TrackChange> {
        updates
            .iter()
            .filter(|info| info.sid != local_sid.as_str())
            .flat_map(|info| self.apply(info))
            .collect()
    }

    /// Applies a list of all participants. Those that it lacks have left.
    pub fn replace(&mut self, local_sid: &ParticipantSid, all: &[ParticipantInfo]) -> Vec<TrackChange> {
        let gone: Vec<_> = self
            .present
            .keys()
            .filter(|sid| !all.iter().any(|info| info.sid == sid.as_str()))
            .cloned()
            .collect();
        let mut changes: Vec<_> = gone.iter().flat_map(|sid| self.remove(sid.as_str())).collect();
        changes.extend(self.update(local_sid, all));
        changes
    }

    /// Returns a track of any participant.
    pub fn track(&self, sid: &TrackSid) -> Option<&TrackInfo> {
        self.present
            .values()
            .find_map(|participant| participant.tracks.get(sid))
    }

    fn apply(&mut self, info: &ParticipantInfo) -> Vec<TrackChange> {
        if self.is_outdated(info) {
            return Vec::new();
        }
        if info.state() == State::Disconnected {
            return self.handle_disconnected(info);
        }
        let mut changes = self.remove_earlier_connections(info);
        let participant = self
            .present
            .entry(info.sid.as_str().into())
            .or_insert_with(|| Participant {
                identity: info.identity.clone(),
                version: 0,
                tracks: BTreeMap::new(),
            });
        participant.version = info.version;
        changes.extend(participant.replace_tracks(info));
        changes
    }

    fn is_outdated(&self, info: &ParticipantInfo) -> bool {
        let present = self
            .present
            .get(info.sid.as_str())
            .is_some_and(|known| info.version < known.version);
        let departed = self
            .departed
            .iter()
            .any(|(sid, version)| sid.as_str() == info.sid && info.version <= *version);
        present || departed
    }

    /// Removes earlier connections of the same identity, which have ended even if the server does not say so.
    fn remove_earlier_connections(&mut self, info: &ParticipantInfo) -> Vec<TrackChange> {
        let same_identity = |(sid, known): (&ParticipantSid, &Participant)| {
            (known.identity == info.identity && !info.identity.is_empty() && sid.as_str() != info.sid)
                .then(|| sid.clone())
        };
        let earlier: Vec<_> = self.present.iter().filter_map(same_identity).collect();
        earlier.iter().flat_map(|sid| self.remove(sid.as_str())).collect()
    }

    fn handle_disconnected(&mut self, info: &ParticipantInfo) -> Vec<TrackChange> {
        self.departed.push_back((info.sid.as_str().into(), info.version));
        if self.departed.len() > REMEMBERED_DEPARTURES {
            self.departed.pop_front();
        }
        self.remove(&info.sid)
    }

    fn remove(&mut self, sid: &str) -> Vec<TrackChange> {
        let tracks = self
            .present
            .remove(sid)
            .map(|participant| participant.tracks)
            .unwrap_or_default();
        tracks.into_keys().map(|sid| TrackChange::Unpublished { sid }).collect()
    }
}

impl Participant {
    /// Replaces all tracks and returns the differences.
    fn replace_tracks(&mut self, info: &ParticipantInfo) -> Vec<TrackChange> {
        let named = info.tracks.iter().filter(|track| !track.sid.is_empty());
        let new: BTreeMap<_, _> = named
            .map(|track| (track.sid.as_str().into(), TrackInfo::new(info, track)))
            .collect();
        let old = std::mem::replace(&mut self.tracks, new);
        let gone = old.keys().filter(|sid| !self.tracks.contains_key(*sid));
        let mut changes: Vec<_> = gone.map(|sid| TrackChange::Unpublished { sid: sid.clone() }).collect();
        for (sid, track) in &self.tracks {
            match old.get(sid) {
                None => changes.push(TrackChange::Published(track.clone())),
                Some(before) => changes.extend(differences(before, track)),
            }
        }
        changes
    }
}

fn differences(before: &TrackInfo, now: &TrackInfo) -> Vec<TrackChange> {
    let mut changes = Vec::new();
    if before.muted != now.muted {
        changes.push(TrackChange::Muted {
            sid: now.sid.clone(),
            muted: now.muted,
        });
    }
    if (&TrackInfo {
        muted: now.muted,
        ..before.clone()
    }) != now
    {
        changes.push(TrackChange::Changed(now.clone()));
    }
    changes
}

#[cfg(test)]
mod tests {
    use livekit_protocol as lk;

    use super::*;

    fn me() -> ParticipantSid {
        "PA_me".into()
    }

    fn participant(sid: &str, identity: &str, version: u32, tracks: &[&str]) -> ParticipantInfo {
        ParticipantInfo {
            sid: sid.into(),
            identity: identity.into(),
            version,
            state: State::Active as i32,
            tracks: tracks
                .iter()
                .map(|sid| lk::TrackInfo {
                    sid: (*sid).into(),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        }
    }

    fn outline(changes: &[TrackChange]) -> Vec<String> {
        changes
            .iter()
            .map(|change| match change {
                TrackChange::Published(track) => format!("+{}", track.sid),
                TrackChange::Unpublished { sid } => format!("-{sid}"),
                TrackChange::Muted { sid, muted } => format!("{sid} muted={muted}"),
                TrackChange::Changed(track) => format!("~{}", track.sid),
            })
            .collect()
    }

    #[test]
    fn a_track_is_identified_by_its_sid() {
        let mut room = Participants::default();

        let first = room.update(&me(), &[participant("PA_a", "alice", 3, &["TR_1"])]);
        let repeated = room.update(&me(), &[participant("PA_a", "alice", 3, &["TR_1"])]);
        let republished = room.update(&me(), &[participant("PA_a", "alice", 4, &["TR_2"])]);

        assert_eq!(outline(&first), ["+TR_1"]);
        assert!(repeated.is_empty());
        assert_eq!(outline(&republished), ["-TR_1", "+TR_2"]);
    }

    #[test]
    fn an_older_version_is_ignored() {
        let mut room = Participants::default();
        room.update(&me(), &[participant("PA_a", "alice", 9, &["TR_1"])]);

        let old = room.update(&me(), &[participant("PA_a", "alice", 8, &[])]);

        assert!(old.is_empty());
        assert!(room.track(&"TR_1".into()).is_some());
    }

    #[test]
    fn a_late_message_does_not_add_a_participant_that_left() {
        let mut room = Participants::default();
        room.update(&me(), &[participant("PA_a", "alice", 5, &["TR_1"])]);
        let mut leaving = participant("PA_a", "alice", 7, &[]);
        leaving.state = State::Disconnected as i32;

        let left = room.update(&me(), &[leaving]);
        let late = room.update(&me(), &[participant("PA_a", "alice", 6, &["TR_1"])]);

        assert_eq!(outline(&left), ["-TR_1"]);
        assert!(late.is_empty());
    }

    #[test]
    fn an_identity_that_returns_ends_its_earlier_connection() {
        let mut room = Participants::default();
        room.update(&me(), &[participant("PA_a", "alice", 5, &["TR_1"])]);

        let back = room.update(&me(), &[participant("PA_b", "alice", 1, &["TR_2"])]);

        assert_eq!(outline(&back), ["-TR_1", "+TR_2"]);
    }

    #[test]
    fn a_full_list_removes_participants_that_it_lacks() {
        let mut room = Participants::default();
        room.update(
            &me(),
            &[
                participant("PA_a", "alice", 5, &["TR_1"]),
                participant("PA_b", "bob", 5, &["TR_2"]),
            ],
        );

        let changes = room.replace(&me(), &[participant("PA_b", "bob", 6, &["TR_2", "TR_3"])]);

        assert_eq!(outline(&changes), ["-TR_1", "+TR_3"]);
    }

    #[test]
    fn mutes_are_reported_apart_from_other_changes() {
        let mut room = Participants::default();
        room.update(&me(), &[participant("PA_a", "alice", 5, &["TR_1"])]);
        let mut muted = participant("PA_a", "alice", 6, &["TR_1"]);
        muted.tracks[0].muted = true;
        let mut encrypted = muted.clone();
        encrypted.tracks[0].encryption = 1;

        let changes = [room.update(&me(), &[muted]), room.update(&me(), &[encrypted])].concat();

        assert_eq!(outline(&changes), ["TR_1 muted=true", "~TR_1"]);
    }

    #[test]
    fn our_own_entry_and_tracks_without_sid_are_ignored() {
        let mut room = Participants::default();

        assert!(
            room.update(&me(), &[participant("PA_me", "me", 1, &["TR_1"])])
                .is_empty()
        );
        assert!(room.update(&me(), &[participant("PA_x", "x", 1, &[""])]).is_empty());
    }
}
