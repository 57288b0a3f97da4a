//! The phase in which a track is found and recorded, until an end is decided.

use std::time::Instant;

use domain::UnixNanos;
use media::{MuteState, RecorderConfig, SavedClock, WallClock};

use super::{
    context::{Interrupted, LeftRecording, Session},
    find::{Found, check, find},
    listen::Listener,
    outcome::{FoundTrack, RecordingEnd},
    presence::Presence,
    saved::SavedEnd,
    track,
    track_writer::TrackWriter,
};
use crate::{
    clock::{self, unix_now},
    failure::Failure,
    room::{AttachRequest, TrackFeed},
};

/// Records the track of a request, or continues what an earlier process left. The end that it decides is saved when it
/// returns.
pub(super) async fn record(session: &mut Session) -> Result<(), Interrupted> {
    let left = session.left.take();
    let presence = presence(session, left.as_ref());
    if left.as_ref().is_some_and(|left| !left.may_continue) {
        let end = Failure::interrupted("the recorder failed again and again").into();
        return give_up(session, left, &presence, end).await;
    }
    let mut feed = attach(session);
    let track = match find(session, &mut feed).await {
        Found::Published(track) => track,
        Found::Interrupted(why) => return Err(why),
        Found::Ended(end) => return give_up(session, left, &presence, end).await,
    };
    let found = match known_or_new(session, &track, &feed) {
        Ok(found) => found,
        Err(failure) => return give_up(session, left, &presence, failure.into()).await,
    };
    session.reporter.save(|saved| saved.track = Some(found.clone()));
    feed.subscribe();
    let is_continued = left.is_some();
    let writer = TrackWriter::new(session.folder.clone(), recorder_config(session, feed.wall()), left);
    let mut listener = Listener::new(session, found, writer, presence, &feed);
    listener.begin(&track, is_continued);
    let observed = listener.until_end(&mut feed, is_continued).await?;
    let at = feed.wall().unix_nanos_at(Instant::now());
    let recorded = listener.finish(&observed, &mut feed).await;
    let presence = listener.into_presence();
    let end = presence.judge(observed, recorded.is_some());
    decide(session, &presence, SavedEnd { end, at, recorded }).await;
    Ok(())
}

/// Ends without recording anything more. What was left is closed by the next phase.
async fn give_up(
    session: &mut Session,
    left: Option<LeftRecording>,
    presence: &Presence,
    observed: RecordingEnd,
) -> Result<(), Interrupted> {
    let has_audio = left.as_ref().is_some_and(LeftRecording::has_audio);
    session.left = left;
    let end = SavedEnd {
        end: presence.judge(observed, has_audio),
        at: unix_now(),
        recorded: None,
    };
    decide(session, presence, end).await;
    Ok(())
}

/// Saves the end, from which there is no return.
async fn decide(session: &Session, presence: &Presence, end: SavedEnd) {
    session.reporter.save(|saved| {
        saved.presence = presence.clone();
        saved.end = Some(end);
    });
    session.reporter.flush().await;
}

/// Where the recorder was until now.
fn presence(session: &Session, left: Option<&LeftRecording>) -> Presence {
    let saved = session.reporter.saved().presence;
    match left {
        Some(left) => saved.after_restart(heard_until(left), mute_state(left)),
        None => saved,
    }
}

fn heard_until(left: &LeftRecording) -> Option<UnixNanos> {
    left.journal.iter().filter_map(|entry| entry.listened_until_ns).max()
}

/// Whether the track was muted when the journal ends.
fn mute_state(left: &LeftRecording) -> MuteState {
    let mut changes = left.journal.iter().filter_map(|entry| entry.mutes.as_ref());
    match changes.next_back().and_then(|change| change.items.last()) {
        Some(mute) if mute.end_sample.is_none() => MuteState::Muted,
        _ => MuteState::Unmuted,
    }
}

fn attach(session: &Session) -> TrackFeed {
    let meta = &session.spec.meta;
    session.context.rooms.attach(AttachRequest {
        room_name: meta.room_name.clone(),
        room_sid: meta.room_sid.clone(),
        track_sid: session.spec.track_sid.clone(),
        egress_id: meta.egress_id.clone(),
        clock: session.reporter.saved().track.and_then(|track| restore(&track.clock)),
    })
}

/// The clock of a recording that is continued. After a restart of the machine it must be read again.
fn restore(saved: &SavedClock) -> Option<WallClock> {
    let clock = clock::restore(saved);
    if clock.is_none() {
        tracing::warn!("the machine was restarted during a recording; its clock is read again");
    }
    clock
}

/// A recording that is continued keeps its name and its clock.
fn known_or_new(session: &Session, track: &rtc::TrackInfo, feed: &TrackFeed) -> Result<FoundTrack, Failure> {
    match session.reporter.saved().track {
        Some(known) => track::check(track).map(|_| FoundTrack {
            clock: clock::save(&feed.wall()),
            ..known
        }),
        None => check(session, track, feed),
    }
}

/// The settings of the recorder of this session.
pub(super) fn recorder_config(session: &Session, wall: WallClock) -> RecorderConfig {
    let tags = vec![
        ("EGRESS_ID".to_owned(), session.spec.meta.egress_id.to_string()),
        ("TRACK_ID".to_owned(), session.spec.track_sid.to_string()),
    ];
    RecorderConfig {
        tags,
        ..RecorderConfig::new(rand::random(), wall)
    }
}
