//! How an event changes a meeting.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::lifecycle::{MeetingDraft, close_older_meeting, open_meeting};
use super::{Change, Env, Meeting, Outcome};
use crate::event::{EventKey, EventKind, EventRoom, PlatformEvent, TrackEvent};
use crate::participant::ParticipantKind;
use crate::room::Room;

/// What an event of one platform room is judged against.
#[derive(Clone, Debug)]
pub struct EventContext {
    /// Our room. For an event of a known meeting this is the meeting's room, even if it has been deleted since.
    pub room: Room,
    /// Where people open the platform room, if it is one that we made.
    pub url: Option<String>,
    /// The meeting that the event belongs to ([`Sighting::meeting`](super::Sighting::meeting)).
    pub meeting: Option<Meeting>,
    /// The room's newest other meeting, open or closed.
    pub newest_other: Option<Meeting>,
    /// Earlier events of the same platform room whose outcome is [`Outcome::Deferred`].
    pub deferred: Vec<PlatformEvent>,
}

impl EventContext {
    /// Returns what `event` changes. Applying an event again changes nothing; callers still skip a known
    /// [`EventKey`](crate::event::EventKey), which is cheaper.
    pub fn apply(&self, event: &PlatformEvent, env: Env<'_>) -> Change {
        if event.kind == EventKind::Unknown {
            return Change::new(Outcome::UnknownEvent);
        }
        let Some(platform_room) = &event.room else {
            return Change::new(Outcome::Ignored);
        };
        let mut draft = self.draft();
        close_older_meeting(&mut draft, platform_room, event);
        if draft.meeting.is_none() && self.opens_meeting(event) {
            draft.meeting = Some(open_meeting(&draft, platform_room, event.occurred_at, env));
        }
        let (outcome, panicked) = match &mut draft.meeting {
            Some(meeting) => self.apply_to(meeting, event, env),
            None => (outcome_without_meeting(&event.kind), Vec::new()),
        };
        Change {
            panicked,
            ..self.change_to(&draft, outcome)
        }
    }

    /// Copies the meetings, to be changed.
    pub(super) fn draft(&self) -> MeetingDraft {
        MeetingDraft {
            room: self.room.clone(),
            url: self.url.clone(),
            meeting: self.meeting.clone(),
            newest_other: self.newest_other.clone(),
        }
    }

    /// Returns the difference between these meetings and the draft's.
    pub(super) fn change_to(&self, draft: &MeetingDraft, outcome: Outcome) -> Change {
        let mut change = Change::new(outcome);
        for (before, after) in [
            (&self.newest_other, &draft.newest_other),
            (&self.meeting, &draft.meeting),
        ] {
            if let Some(after) = after {
                change.add(before.as_ref(), after);
            }
        }
        change
    }

    /// Applies the event, then the deferred ones, which it may have made applicable. Returns those that panicked, too.
    fn apply_to(&self, meeting: &mut Meeting, event: &PlatformEvent, env: Env<'_>) -> (Outcome, Vec<EventKey>) {
        let outcome = meeting.handle_event(event, &self.room, env);
        let panicked = self.apply_deferred(meeting, env);
        if is_restart(event) {
            meeting.end_intervals(&[event.occurred_at]);
        }
        (outcome, panicked)
    }

    /// Applies all deferred events; those applied before change nothing. Returns those that panicked. They have changed
    /// nothing either: otherwise one event that this program has a fault with would hold up its room.
    pub(super) fn apply_deferred(&self, meeting: &mut Meeting, env: Env<'_>) -> Vec<EventKey> {
        let mut panicked = Vec::new();
        for earlier in &self.deferred {
            if !meeting.may_be_of(earlier) {
                continue; // it belongs to another session
            }
            let mut draft = meeting.clone();
            match catch_unwind(AssertUnwindSafe(|| draft.handle_event(earlier, &self.room, env))) {
                Ok(_) => *meeting = draft,
                Err(_) => panicked.push(earlier.key.clone()),
            }
        }
        let starts = self.deferred.iter().filter(|e| is_restart(e)).map(|e| e.occurred_at);
        meeting.end_intervals(&starts.collect::<Vec<_>>());
        meeting.mark_unrecorded_tracks();
        panicked
    }

    /// A meeting opens on the first person, or the first track whose publisher's kind is unknown.
    fn opens_meeting(&self, event: &PlatformEvent) -> bool {
        match &event.kind {
            EventKind::ParticipantJoined(participant) | EventKind::ParticipantLeft(participant) => {
                participant.kind.is_person()
            }
            EventKind::TrackPublished(track) | EventKind::TrackUnpublished(track) => {
                self.deferred_kind(track).is_none_or(ParticipantKind::is_person)
            }
            _ => false,
        }
    }

    /// Returns the kind of a track's publisher if a deferred event names it.
    fn deferred_kind(&self, track: &TrackEvent) -> Option<ParticipantKind> {
        self.deferred.iter().find_map(|earlier| match &earlier.kind {
            EventKind::ParticipantJoined(participant) | EventKind::ParticipantLeft(participant)
                if participant.identity == track.identity =>
            {
                Some(participant.kind)
            }
            _ => None,
        })
    }
}

impl Meeting {
    /// Whether an event of this meeting's platform room can belong to this meeting.
    fn may_be_of(&self, event: &PlatformEvent) -> bool {
        event
            .room
            .as_ref()
            .is_none_or(|room| self.head.platform_room.may_be(room))
    }

    /// Notes the session that the event names.
    fn learn_session(&mut self, event: &PlatformEvent) {
        let session = &mut self.head.platform_room.session;
        if let (None, Some(room)) = (&session, &event.room) {
            session.clone_from(&room.session);
        }
    }

    fn handle_event(&mut self, event: &PlatformEvent, room: &Room, env: Env<'_>) -> Outcome {
        if let Some(EventRoom {
            created_at: Some(created_at),
            ..
        }) = event.room
        {
            self.set_start(created_at);
        }
        self.learn_session(event);
        let at = event.occurred_at;
        match &event.kind {
            EventKind::MeetingStarted => Outcome::Deferred,
            EventKind::MeetingEnded => {
                self.close(at);
                Outcome::Applied
            }
            // Recorders are not participants: they come and go with our own work.
            EventKind::ParticipantJoined(participant) if participant.kind == ParticipantKind::Recorder => {
                Outcome::Ignored
            }
            EventKind::ParticipantJoined(participant) => {
                self.joined(participant, at, room, env);
                Outcome::Applied
            }
            EventKind::ParticipantLeft(participant) if participant.kind == ParticipantKind::Recorder => {
                self.recorder_left(env.now);
                Outcome::Applied
            }
            EventKind::ParticipantLeft(participant) => {
                self.left(participant, at, room, env);
                Outcome::Applied
            }
            EventKind::TrackPublished(track) => self.published(track, at, room, env),
            EventKind::TrackUnpublished(track) => self.unpublished(track, at, room, env),
            EventKind::CaptureStarted(report) | EventKind::CaptureUpdated(report) | EventKind::CaptureEnded(report) => {
                match self.lacks_speaker(report) {
                    true => Outcome::Deferred,
                    false => self.handle_report(report, env),
                }
            }
            EventKind::ParticipantAborted | EventKind::Unknown => Outcome::Ignored,
        }
    }
}

/// Whether the event may tell of a restart of the platform, which ends what was live before. A room with sessions begins a
/// new one instead.
fn is_restart(event: &PlatformEvent) -> bool {
    event.kind == EventKind::MeetingStarted && !event.key.platform.has_sessions()
}

/// Returns the outcome of an event in a platform room that has no meeting yet.
fn outcome_without_meeting(kind: &EventKind) -> Outcome {
    match kind {
        EventKind::ParticipantJoined(participant) | EventKind::ParticipantLeft(participant)
            if participant.kind == ParticipantKind::Recorder =>
        {
            Outcome::Ignored
        }
        EventKind::ParticipantAborted | EventKind::Unknown => Outcome::Ignored,
        _ => Outcome::Deferred,
    }
}
