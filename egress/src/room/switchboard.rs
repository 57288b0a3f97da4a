//! Which recording hears what: pure routing between one connection and its feeds.

use std::collections::HashMap;

use media::MuteState;
use rtc::TrackInfo;

use super::feed::{FeedEnd, FeedEvent, FeedId, FeedSender};

/// The tracks of a room and who listens to them.
#[derive(Debug, Default)]
pub struct Switchboard {
    tracks: HashMap<String, TrackInfo>,
    feeds: HashMap<String, Vec<Line>>,
}

#[derive(Debug)]
struct Line {
    id: FeedId,
    events: FeedSender,
}

impl Switchboard {
    pub fn attach(&mut self, id: FeedId, track_sid: String, events: FeedSender) {
        if let Some(track) = self.tracks.get(&track_sid) {
            let _listener_is_gone = events.send(FeedEvent::Found(Box::new(track.clone())));
        }
        self.feeds.entry(track_sid).or_default().push(Line { id, events });
    }

    /// Forgets a feed; gives its track if nobody else listens to it.
    pub fn detach(&mut self, id: FeedId) -> Option<String> {
        let (track_sid, lines) = self
            .feeds
            .iter_mut()
            .find(|(_, lines)| lines.iter().any(|line| line.id == id))?;
        lines.retain(|line| line.id != id);
        let track_sid = lines.is_empty().then(|| track_sid.clone())?;
        self.feeds.remove(&track_sid);
        Some(track_sid)
    }

    pub fn is_empty(&self) -> bool {
        self.feeds.is_empty()
    }

    /// A track is there, or something about it other than its mute state has changed.
    pub fn published(&mut self, track: TrackInfo) {
        self.tell(&track.sid, || FeedEvent::Found(Box::new(track.clone())));
        self.tracks.insert(track.sid.clone(), track);
    }

    pub fn muted(&mut self, track_sid: &str, muted: bool) {
        if let Some(track) = self.tracks.get_mut(track_sid) {
            track.muted = muted;
        }
        let state = if muted { MuteState::Muted } else { MuteState::Unmuted };
        self.tell(track_sid, || FeedEvent::Mute(state));
    }

    pub fn unpublished(&mut self, track_sid: &str) {
        self.tracks.remove(track_sid);
        self.tell(track_sid, || FeedEvent::Ended(FeedEnd::SourceClosed));
    }

    /// Says it to everybody who listens to this track.
    pub fn tell(&self, track_sid: &str, event: impl Fn() -> FeedEvent) {
        for line in self.feeds.get(track_sid).into_iter().flatten() {
            let _listener_is_gone = line.events.send(event());
        }
    }

    /// Says it to everybody.
    pub fn tell_all(&self, event: impl Fn() -> FeedEvent) {
        for line in self.feeds.values().flatten() {
            let _listener_is_gone = line.events.send(event());
        }
    }
}

#[cfg(test)]
mod tests {
    use rtc::{ParticipantKind, TrackKind, TrackSource};
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    fn track(sid: &str, muted: bool) -> TrackInfo {
        TrackInfo {
            sid: sid.into(),
            identity: "ada".into(),
            participant_sid: "PA_1".into(),
            display_name: "Ada".into(),
            participant_kind: ParticipantKind::Standard,
            kind: TrackKind::Audio,
            source: TrackSource::Microphone,
            name: String::new(),
            muted,
            mime_type: "audio/opus".into(),
            encrypted: false,
            stereo: false,
        }
    }

    fn listen(board: &mut Switchboard, id: FeedId, sid: &str) -> UnboundedReceiver<FeedEvent> {
        let (events, heard) = unbounded_channel();
        board.attach(id, sid.into(), events);
        heard
    }

    fn heard(events: &mut UnboundedReceiver<FeedEvent>) -> Vec<String> {
        std::iter::from_fn(|| events.try_recv().ok())
            .map(|event| match event {
                FeedEvent::Found(track) => format!("found {}", track.sid),
                FeedEvent::Mute(state) => format!("{state:?}"),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_track_is_found_whether_it_came_before_or_after_its_recording() {
        let mut board = Switchboard::default();
        let mut early = listen(&mut board, 1, "TR_a");
        board.published(track("TR_a", false));
        board.published(track("TR_b", false));
        let mut late = listen(&mut board, 2, "TR_b");

        assert_eq!(
            (heard(&mut early), heard(&mut late)),
            (vec!["found TR_a".into()], vec!["found TR_b".into()])
        );
    }

    #[test]
    fn mutes_and_the_end_are_told_to_their_track_only() {
        let mut board = Switchboard::default();
        let (mut a, mut b) = (listen(&mut board, 1, "TR_a"), listen(&mut board, 2, "TR_b"));
        board.published(track("TR_a", true));
        board.muted("TR_a", false);
        board.unpublished("TR_a");

        let told = heard(&mut a);

        assert_eq!(told, ["found TR_a", "Unmuted", "Ended(SourceClosed)"]);
        assert!(heard(&mut b).is_empty());
    }

    #[test]
    fn who_comes_later_finds_the_track_as_it_is_by_then() {
        let mut board = Switchboard::default();
        board.published(track("TR_a", false));
        board.muted("TR_a", true);

        let mut late = listen(&mut board, 1, "TR_a");

        assert!(matches!(late.try_recv(), Ok(FeedEvent::Found(track)) if track.muted));
    }

    #[test]
    fn a_track_is_given_back_when_its_last_listener_goes() {
        let mut board = Switchboard::default();
        let _feeds = [
            listen(&mut board, 1, "TR_a"),
            listen(&mut board, 2, "TR_a"),
            listen(&mut board, 3, "TR_b"),
        ];

        assert_eq!(board.detach(1), None);
        assert_eq!(board.detach(1), None);
        assert_eq!(board.detach(2), Some("TR_a".into()));
        assert!(!board.is_empty());
        assert_eq!(board.detach(3), Some("TR_b".into()));
        assert!(board.is_empty());
    }
}
