//! Whose words the recordings of a meeting hold.
//!
//! A recording holds one track, one person whose track is unknown, or several people in one. Recordings of one track are
//! joined, so that what two of them hold counts once; if a person has a recording of an unknown track, all of theirs are. The
//! words of a mixed recording have no known speaker. They are used only where no other recording holds sound.

use std::collections::BTreeMap;

use domain::{
    Identity, RecordingId, TrackId,
    meeting::Meeting,
    recording::Recording,
    transcript::{UNKNOWN_SPEAKER, Word},
};

use super::{
    merge::TrackTranscript,
    overlap::{RecordedWords, join},
};

/// The recordings of one person, each with its track if that is known.
type Own<'a> = Vec<(Option<TrackId>, &'a RecordedWords)>;

/// Returns the words of each track or person, in meeting time. `recorded` holds the words of the meeting's recordings.
pub fn voices(meeting: &Meeting, recorded: &[(RecordingId, RecordedWords)]) -> Vec<TrackTranscript> {
    let mut people: BTreeMap<Identity, Own<'_>> = BTreeMap::new();
    let mut mixed: Vec<RecordedWords> = Vec::new();
    for (id, words) in recorded {
        let Some(recording) = meeting.recording(*id) else {
            continue;
        };
        match speaker(meeting, recording) {
            Some(identity) => {
                let track = recording.track.as_ref().map(|track| track.id);
                people.entry(identity).or_default().push((track, words));
            }
            None => mixed.push(words.clone()),
        }
    }
    let mut voices: Vec<TrackTranscript> = people.iter().flat_map(|(who, own)| of_person(who, own)).collect();
    if !mixed.is_empty() {
        let named: Vec<&RecordedWords> = people.values().flatten().map(|(_, words)| *words).collect();
        voices.push(of_nobody(&mixed, &named));
    }
    voices
}

fn speaker(meeting: &Meeting, recording: &Recording) -> Option<Identity> {
    let track = recording.track.as_ref().and_then(|track| meeting.track(&track.sid));
    let publisher = track.and_then(|track| meeting.publisher(track.participant_id));
    let known = publisher.map(|p| p.identity.clone()).or(recording.identity.clone());
    known.filter(|_| !recording.mixed)
}

fn of_person(speaker: &Identity, own: &Own<'_>) -> Vec<TrackTranscript> {
    let mut tracks: BTreeMap<Option<TrackId>, Vec<RecordedWords>> = BTreeMap::new();
    let one_voice = own.iter().any(|(track, _)| track.is_none());
    for (track, words) in own {
        let key = track.filter(|_| !one_voice);
        tracks.entry(key).or_default().push((*words).clone());
    }
    let transcript = |recordings: &Vec<RecordedWords>| TrackTranscript {
        speaker: speaker.clone(),
        words: join(recordings),
    };
    tracks.values().map(transcript).collect()
}

fn of_nobody(mixed: &[RecordedWords], named: &[&RecordedWords]) -> TrackTranscript {
    let is_named = |word: &Word| {
        let middle = word.start_ms.midpoint(word.end_ms);
        named
            .iter()
            .any(|r| r.sound.iter().any(|sound| sound.contains(&middle)))
    };
    TrackTranscript {
        speaker: UNKNOWN_SPEAKER.into(),
        words: join(mixed).into_iter().filter(|word| !is_named(word)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::{
        CaptureId, MeetingId, ParticipantId, PlatformFileId,
        event::PlatformKind,
        meeting::{MeetingHead, MeetingState},
        participant::Participant,
        platform_room::PlatformRoomRef,
        recording::{RecordedTrack, RecordingState, Transcription},
        track::{Track, TrackKind, TrackSource},
    };
    use uuid::Uuid;

    use super::*;

    /// A meeting with Ada, who publishes TR_1 and TR_2, and its recordings with their words.
    struct Case(Meeting, Vec<(RecordingId, RecordedWords)>);

    fn id<T: From<Uuid>>(number: usize) -> T {
        Uuid::from_u64_pair(0, number as u64).into()
    }

    fn meeting() -> Case {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default();
        let track = |number: usize| Track {
            id: id(number),
            meeting_id: id(1),
            participant_id: ParticipantId(Uuid::nil()),
            sid: format!("TR_{number}").as_str().into(),
            kind: TrackKind::Audio,
            source: TrackSource::Microphone,
            mime_type: String::new(),
            encrypted: false,
            published_at: now,
            unpublished_at: None,
            not_recorded: None,
        };
        let head = MeetingHead {
            id: MeetingId(Uuid::nil()),
            room_id: id(1),
            platform_room: PlatformRoomRef {
                platform: PlatformKind::Daily,
                key: "room".into(),
                session: None,
                url: None,
            },
            started_at: now,
            state: MeetingState::Closed { ended_at: now },
        };
        let ada = Participant {
            id: ParticipantId(Uuid::nil()),
            meeting_id: head.id,
            identity: "ada".into(),
            display_name: String::new(),
            kind: None,
        };
        let meeting = Meeting {
            head,
            participants: vec![ada],
            connections: Vec::new(),
            tracks: vec![track(1), track(2)],
            captures: Vec::new(),
            recordings: Vec::new(),
        };
        Case(meeting, Vec::new())
    }

    impl Case {
        /// Adds a recording of a track, of a person, or of both; mixed if it names neither. It lasts from 0 to `to_s`.
        fn recorded(mut self, track: Option<usize>, identity: Option<&str>, to_s: i64, words: &[(&str, i64)]) -> Self {
            let number = self.1.len() + 1;
            self.0.recordings.push(Recording {
                id: id(number),
                capture_id: CaptureId(Uuid::nil()),
                meeting_id: self.0.head.id,
                identity: identity.map(Into::into),
                track: track.map(|number| RecordedTrack {
                    id: id(number),
                    sid: format!("TR_{number}").as_str().into(),
                }),
                mixed: track.is_none() && identity.is_none(),
                platform_file_id: Some(PlatformFileId(number.to_string())),
                state: RecordingState::Requested,
                missing_since: None,
                last_error: None,
                acceptance: None,
                transcription: Transcription::Done,
            });
            let word = |(text, second): &(&str, i64)| Word {
                text: (*text).to_owned(),
                start_ms: second * 1_000,
                end_ms: second * 1_000 + 400,
                confidence: None,
            };
            let words = RecordedWords {
                sound: std::iter::once(0..to_s * 1_000).collect(),
                words: words.iter().map(word).collect(),
            };
            self.1.push((id(number), words));
            self
        }

        fn outline(&self) -> Vec<String> {
            let line = |voice: TrackTranscript| {
                let words: Vec<&str> = voice.words.iter().map(|word| word.text.as_str()).collect();
                format!("{}: {}", voice.speaker, words.join(" "))
            };
            voices(&self.0, &self.1).into_iter().map(line).collect()
        }
    }

    #[test]
    fn recordings_of_one_track_are_joined_and_those_of_two_are_not() {
        let case = meeting()
            .recorded(Some(1), Some("ada"), 10, &[("hello", 1)])
            .recorded(Some(1), Some("ada"), 9, &[("hello", 1)])
            .recorded(Some(2), None, 10, &[("music", 1)]);

        assert_eq!(case.outline(), ["ada: hello", "ada: music"]);
    }

    #[test]
    fn a_person_is_known_without_a_track_and_without_a_participant() {
        let case = meeting()
            .recorded(None, Some("ada"), 10, &[("hello", 1)])
            .recorded(Some(1), Some("ada"), 9, &[("hello", 1)])
            .recorded(None, Some("bob"), 10, &[("hi", 2)]);

        assert_eq!(case.outline(), ["ada: hello", "bob: hi"]);
    }

    #[test]
    fn a_mixed_recording_speaks_for_nobody_and_only_where_nothing_else_is_recorded() {
        let alone = meeting().recorded(None, None, 10, &[("hello", 1), ("hi", 3)]);
        let beside = meeting().recorded(None, None, 10, &[("hello", 1), ("hi", 3)]).recorded(
            Some(1),
            Some("ada"),
            2,
            &[("hello", 1)],
        );

        assert_eq!(alone.outline(), [": hello hi"]);
        assert_eq!(beside.outline(), ["ada: hello", ": hi"]);
    }
}
