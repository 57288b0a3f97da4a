//! What a resume reports to the server about the state that both sides agreed on before.

use livekit_protocol::{SessionDescription, SyncState, TrackPublishedResponse, UpdateSubscription};

/// The last descriptions that were exchanged, and the tracks that we publish.
#[derive(Debug, Default)]
pub(super) struct ResumeInfo {
    last_offer: Option<SessionDescription>,
    last_answer: Option<SessionDescription>,
    published: Vec<TrackPublishedResponse>,
}

impl ResumeInfo {
    /// Notes an offer of the server and our answer.
    pub fn set_descriptions(&mut self, offer: SessionDescription, answer: SessionDescription) {
        self.last_offer = Some(offer);
        self.last_answer = Some(answer);
    }

    pub fn set_published(&mut self, published: Vec<TrackPublishedResponse>) {
        self.published = published;
    }

    /// Returns the message to send after a resume. `subscribed` is `None` for publishers.
    pub fn sync_state(&self, subscribed: Option<Vec<String>>) -> SyncState {
        SyncState {
            offer: self.last_offer.clone(),
            answer: self.last_answer.clone(),
            subscription: subscribed.map(|track_sids| UpdateSubscription {
                track_sids,
                subscribe: true,
                participant_tracks: Vec::new(),
            }),
            publish_tracks: self.published.clone(),
            ..Default::default()
        }
    }
}
