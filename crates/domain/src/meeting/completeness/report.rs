//! The sums and lists over a whole meeting.

use std::ops::AddAssign;

use chrono::{DateTime, Utc};

use super::cause::{Cause, MissingReason};
use super::track::{MissingPiece, Take, TrackAccount, published, should_be_recorded};
use crate::capture::Capture;
use crate::interval::{Interval, IntervalSet};
use crate::meeting::Meeting;
use crate::participant::Participant;
use crate::recording::{Recording, Transcription};
use crate::track::{NotRecorded, Track, TrackKind};
use crate::transcript::Missing;
use crate::{Identity, RecordingId, TrackSid, UnixNanos};

/// What of a meeting was recorded, person by person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completeness {
    /// The meeting is over and every recording is known: nothing below will change, except guesses.
    pub is_final: bool,
    /// Everyone who took part.
    pub people: Vec<PersonCompleteness>,
}

/// What of one person's tracks was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonCompleteness {
    /// Who.
    pub identity: Identity,
    /// Empty if they have none.
    pub display_name: String,
    /// The sums over all tracks that should be recorded.
    pub sums: Sums,
    /// What is missing, by track and time. Stretches that are too short to hide a word are only in the sums.
    pub missing: Vec<MissingInterval>,
    /// Audio tracks that have no recording, and why.
    pub not_recorded: Vec<UnrecordedTrack>,
}

/// Lengths in milliseconds. What is published is either recorded or missing; silence counts as recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// How long tracks were published.
    pub published_ms: i64,
    /// How much of it was recorded.
    pub recorded_ms: i64,
    /// How much of it is missing.
    pub missing_ms: i64,
}

/// A stretch of a track that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingInterval {
    /// The track.
    pub track_sid: TrackSid,
    /// The recording that the reason concerns; `None` if there is none.
    pub recording_id: Option<RecordingId>,
    /// Start, in milliseconds since the meeting began.
    pub start_ms: i64,
    /// End, in milliseconds since the meeting began.
    pub end_ms: i64,
    /// Why.
    pub reason: MissingReason,
}

/// An audio track without a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnrecordedTrack {
    /// The track.
    pub track_sid: TrackSid,
    /// When it was published, in milliseconds since the meeting began.
    pub start_ms: i64,
    /// When it ended, or now, in milliseconds since the meeting began.
    pub end_ms: i64,
    /// Why it has none.
    pub reason: NotRecorded,
}

impl Meeting {
    /// Returns what was recorded of what has been published until `now`.
    pub fn completeness(&self, now: DateTime<Utc>) -> Completeness {
        let now = self.head.ended_at().unwrap_or(now);
        let is_known = |r: &Recording| !r.is_open() && !r.awaits_acceptance();
        let has_ended = |c: &Capture| !c.is_open();
        Completeness {
            is_final: !self.head.is_open()
                && self.captures.iter().all(has_ended)
                && self.recordings.iter().all(is_known),
            people: self
                .participants
                .iter()
                .map(|person| self.person(person, now))
                .collect(),
        }
    }

    /// Returns whose words a transcript of all that is transcribed lacks: what was not recorded, and what was recorded and
    /// could not be transcribed.
    pub fn missing_words(&self, now: DateTime<Utc>) -> Vec<Missing> {
        let now = self.head.ended_at().unwrap_or(now);
        let mut words = Vec::new();
        for person in &self.participants {
            let accounts = self.accounts(person, now);
            let mut missing: Vec<_> = accounts.iter().flat_map(|account| self.missing(account)).collect();
            missing.extend(accounts.iter().flat_map(|account| self.untranscribed(account)));
            missing.sort_by_key(|m| (m.start_ms, m.end_ms));
            words.extend(missing.into_iter().map(|m| m.words_of(&person.identity)));
        }
        words
    }

    fn person(&self, person: &Participant, now: DateTime<Utc>) -> PersonCompleteness {
        let mut sums = Sums::default();
        let mut missing = Vec::new();
        for account in self.accounts(person, now) {
            sums += Sums::of(&account);
            missing.extend(self.missing(&account));
        }
        let is_unrecorded = |track: &&Track| track.participant_id == person.id && track.kind == TrackKind::Audio;
        let tracks = self.tracks.iter().filter(is_unrecorded);
        PersonCompleteness {
            identity: person.identity.clone(),
            display_name: person.display_name.clone(),
            sums,
            missing,
            not_recorded: tracks.filter_map(|track| self.unrecorded(track, now)).collect(),
        }
    }

    fn accounts(&self, person: &Participant, now: DateTime<Utc>) -> Vec<TrackAccount<'_>> {
        let tracks = self
            .tracks
            .iter()
            .filter(|t| t.participant_id == person.id && should_be_recorded(t));
        tracks
            .map(|track| TrackAccount::new(track, self.recorded(person, track), now))
            .collect()
    }

    /// Returns the recordings that hold a track, each with its capture: those of the track, those of the person whose track
    /// is unknown, and mixed ones.
    fn recorded(&self, person: &Participant, track: &Track) -> impl Iterator<Item = (&Capture, &Recording)> {
        let (track, identity) = (track.id, person.identity.clone());
        let holds = move |r: &&Recording| match &r.track {
            Some(recorded) => recorded.id == track,
            None => r.mixed || r.identity.as_ref() == Some(&identity),
        };
        self.recordings
            .iter()
            .filter(holds)
            .filter_map(|r| Some((self.capture(r.capture_id)?, r)))
    }

    fn missing(&self, account: &TrackAccount<'_>) -> Vec<MissingInterval> {
        let pieces = account.missing();
        pieces
            .into_iter()
            .map(|piece| self.missing_interval(account.track, piece))
            .collect()
    }

    /// What was recorded of a track, could not be transcribed, and is in no other recording. Of a recording that nothing
    /// replaces there is always an entry, however short it is.
    fn untranscribed(&self, account: &TrackAccount<'_>) -> Vec<MissingInterval> {
        let is_dead = |take: &&Take<'_>| {
            take.recording.acceptance.is_some() && take.recording.transcription == Transcription::Dead
        };
        let done = account
            .takes
            .iter()
            .filter(|t| t.recording.transcription == Transcription::Done);
        let transcribed: IntervalSet = done.flat_map(|take| take.heard.iter()).collect();
        let pieces = account.takes.iter().filter(is_dead).flat_map(|take| {
            let cause = Cause::new(MissingReason::TranscriptionFailed, Some(take.recording));
            let heard = take.heard.hull().map(|heard| heard.intersection(account.published));
            let lost = IntervalSet::from_iter(heard).difference(&transcribed);
            let none = lost.is_empty() && transcribed.is_empty();
            let pieces: Vec<Interval> = lost.iter().chain(none.then_some(account.published)).collect();
            pieces.into_iter().map(move |interval| MissingPiece { interval, cause })
        });
        pieces
            .map(|piece| self.missing_interval(account.track, piece))
            .collect()
    }

    fn unrecorded(&self, track: &Track, now: DateTime<Utc>) -> Option<UnrecordedTrack> {
        let published = published(track, now);
        Some(UnrecordedTrack {
            track_sid: track.sid.clone(),
            start_ms: self.meeting_ms(published.from),
            end_ms: self.meeting_ms(published.to),
            reason: track.not_recorded?,
        })
    }

    fn missing_interval(&self, track: &Track, piece: MissingPiece) -> MissingInterval {
        MissingInterval {
            track_sid: track.sid.clone(),
            recording_id: piece.cause.recording,
            start_ms: self.meeting_ms(piece.interval.from),
            end_ms: self.meeting_ms(piece.interval.to),
            reason: piece.cause.reason,
        }
    }

    /// Milliseconds since the meeting began. An event may be dated just before it.
    fn meeting_ms(&self, at: UnixNanos) -> i64 {
        let start = UnixNanos::from_datetime(self.head.started_at);
        at.as_millis().saturating_sub(start.as_millis()).max(0)
    }
}

impl MissingInterval {
    fn words_of(self, speaker: &Identity) -> Missing {
        Missing {
            recording_id: self.recording_id,
            identity: speaker.clone(),
            reason: self.reason.to_string(),
            track_sid: Some(self.track_sid),
            start_ms: Some(self.start_ms),
            end_ms: Some(self.end_ms),
            guess: self.reason.is_guess(),
        }
    }
}

impl Completeness {
    /// Whether nothing is missing that is long enough to hide a word.
    pub fn is_complete(&self) -> bool {
        self.people.iter().all(|person| person.missing.is_empty())
    }

    /// Returns the sums over all people.
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for person in &self.people {
            sums += person.sums;
        }
        sums
    }
}

impl Sums {
    fn of(account: &TrackAccount<'_>) -> Self {
        let published_ms = milliseconds(account.published.nanos());
        let missing_ms = milliseconds(account.missing_nanos());
        Self {
            published_ms,
            recorded_ms: published_ms - missing_ms,
            missing_ms,
        }
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.published_ms += other.published_ms;
        self.recorded_ms += other.recorded_ms;
        self.missing_ms += other.missing_ms;
    }
}

fn milliseconds(nanos: i64) -> i64 {
    nanos / 1_000_000
}
