//! How an event changes a meeting.

use super::lifecycle::{close_older, open};
use super::{Change, Meeting, Outcome, Source};
use crate::event::{EventKind, EventRoom, PlatformEvent, TrackEvent};
use crate::participant::{ParticipantKind, ParticipantSeen};
use crate::room::Room;

/// What must be known to judge an event of one platform room.
#[derive(Clone, Debug)]
pub struct Situation {
    /// Our room; for an event of a known meeting the room of that meeting, also when it has been deleted since.
    pub room: Room,
    /// The meeting of the event's platform room.
    pub meeting: Option<Meeting>,
    /// The room's newest meeting of another platform room, open or closed.
    pub newest_other: Option<Meeting>,
    /// Earlier events of the same platform room whose outcome is [`Outcome::Kept`].
    pub kept: Vec<PlatformEvent>,
}

impl Situation {
    /// What `event` changes. A repeated event changes nothing, but it is cheaper to know it by its key.
    pub fn apply(&self, event: &PlatformEvent, source: Source<'_>) -> Change {
        if event.kind == EventKind::Unknown {
            return Change::new(Outcome::UnknownEvent);
        }
        let Some(place) = &event.room else {
            return Change::new(Outcome::Ignored);
        };
        let mut scene = Scene::of(self);
        close_older(&mut scene, place, event);
        if scene.meeting.is_none() && self.shows_person(event) {
            scene.meeting = Some(open(&scene, place, event.occurred_at, source));
        }
        let outcome = match &mut scene.meeting {
            Some(meeting) => self.take_all(meeting, event, source),
            None => outcome_without_meeting(&event.kind),
        };
        scene.change_from(self, outcome)
    }

    /// Takes the event, then whatever waited for it.
    fn take_all(&self, meeting: &mut Meeting, event: &PlatformEvent, source: Source<'_>) -> Outcome {
        let outcome = meeting.take(event, &self.room, source);
        self.take_kept(meeting, source);
        if event.kind == EventKind::MeetingStarted {
            meeting.bound_times(&[event.occurred_at]);
        }
        outcome
    }

    /// Takes every earlier event that had to wait; what has been taken before changes nothing.
    pub(super) fn take_kept(&self, meeting: &mut Meeting, source: Source<'_>) {
        for earlier in &self.kept {
            meeting.take(earlier, &self.room, source);
        }
        let starts = self
            .kept
            .iter()
            .filter(|e| e.kind == EventKind::MeetingStarted)
            .map(|e| e.occurred_at);
        meeting.bound_times(&starts.collect::<Vec<_>>());
        meeting.mark_silent_tracks();
    }

    /// A meeting opens when someone is seen who speaks, or a track of someone of whom nothing else is known.
    fn shows_person(&self, event: &PlatformEvent) -> bool {
        match &event.kind {
            EventKind::ParticipantJoined(seen) | EventKind::ParticipantLeft(seen) => seen.kind.is_person(),
            EventKind::TrackPublished(of) | EventKind::TrackUnpublished(of) => {
                self.kept_kind(of).is_none_or(ParticipantKind::is_person)
            }
            _ => false,
        }
    }

    fn kept_kind(&self, of: &TrackEvent) -> Option<ParticipantKind> {
        self.kept.iter().find_map(|earlier| match &earlier.kind {
            EventKind::ParticipantJoined(seen) | EventKind::ParticipantLeft(seen) if seen.identity == of.identity => {
                Some(seen.kind)
            }
            _ => None,
        })
    }
}

/// The meetings that an event may touch, as they become.
pub(super) struct Scene {
    pub room: Room,
    pub meeting: Option<Meeting>,
    pub other: Option<Meeting>,
}

impl Scene {
    pub fn of(situation: &Situation) -> Self {
        Self {
            room: situation.room.clone(),
            meeting: situation.meeting.clone(),
            other: situation.newest_other.clone(),
        }
    }

    pub fn change_from(&self, before: &Situation, outcome: Outcome) -> Change {
        let mut change = Change::new(outcome);
        for (before, after) in [(&before.newest_other, &self.other), (&before.meeting, &self.meeting)] {
            if let Some(after) = after {
                change.add(before.as_ref(), after);
            }
        }
        change
    }
}

impl Meeting {
    fn take(&mut self, event: &PlatformEvent, room: &Room, source: Source<'_>) -> Outcome {
        if let Some(EventRoom {
            created_at: Some(created_at),
            ..
        }) = event.room
        {
            self.start_at(created_at);
        }
        match &event.kind {
            EventKind::MeetingStarted => Outcome::Kept,
            EventKind::MeetingEnded => self.take_end(event),
            EventKind::ParticipantJoined(seen) => {
                self.take_person(seen, |m| m.joined(seen, event.occurred_at, room, source))
            }
            EventKind::ParticipantLeft(seen) => {
                self.take_person(seen, |m| m.left(seen, event.occurred_at, room, source))
            }
            EventKind::TrackPublished(of) => self.published(of, event.occurred_at, room, source),
            EventKind::TrackUnpublished(of) => self.unpublished(of, event.occurred_at, room, source),
            EventKind::RecordingStarted(report)
            | EventKind::RecordingUpdated(report)
            | EventKind::RecordingEnded(report) => self.take_report(report, source),
            EventKind::ParticipantAborted | EventKind::Unknown => Outcome::Ignored,
        }
    }

    fn take_end(&mut self, event: &PlatformEvent) -> Outcome {
        self.close(event.occurred_at);
        Outcome::Applied
    }

    /// Recorders are no participants: they come and go with our own work.
    fn take_person(&mut self, seen: &ParticipantSeen, take: impl FnOnce(&mut Self)) -> Outcome {
        if seen.kind == ParticipantKind::Egress {
            return Outcome::Ignored;
        }
        take(self);
        Outcome::Applied
    }
}

/// What happens to an event of a platform room in which nobody has been seen.
fn outcome_without_meeting(kind: &EventKind) -> Outcome {
    match kind {
        EventKind::ParticipantJoined(seen) | EventKind::ParticipantLeft(seen)
            if seen.kind == ParticipantKind::Egress =>
        {
            Outcome::Ignored
        }
        EventKind::ParticipantAborted | EventKind::Unknown => Outcome::Ignored,
        _ => Outcome::Kept,
    }
}
