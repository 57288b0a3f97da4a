//! The tracks that are subscribed to: requests in batches, repeated when the server does not offer a track.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use livekit_protocol::UpdateSubscription;

use crate::{error::SubscriptionError, ids::TrackSid};

/// Tracks per request. The server processes 50 at once and the others only after a timer of 3 s.
const BATCH: usize = 40;
/// Time for the server to process a batch.
const BATCH_PAUSE: Duration = Duration::from_millis(30);
/// From the request to an offer with the track: usually 160 ms, 3.2 s if the server's queue was full.
const OFFER_TIMEOUT: Duration = Duration::from_secs(10);
/// Between cancelling a request and repeating it.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Requests for one track before it is reported as failed.
const MAX_ATTEMPTS: u32 = 3;

#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    tracks: BTreeMap<TrackSid, Progress>,
    queue: VecDeque<Request>,
    next_batch: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    sid: TrackSid,
    subscribe: bool,
}

#[derive(Debug, Clone, Copy)]
enum Progress {
    /// Requested; waiting for an offer with the track.
    Requested { attempt: u32, until: Instant },
    /// Cancelled; waiting to request it again.
    Pausing { attempt: u32, until: Instant },
    /// The newest offer contains the track.
    Bound,
}

impl Subscriptions {
    /// Subscribes to a track. Repeated calls change nothing.
    pub fn subscribe(&mut self, now: Instant, sid: TrackSid) {
        if self.tracks.contains_key(&sid) {
            return;
        }
        self.tracks.insert(sid.clone(), requested(now, 1));
        self.queue.push_back(Request { sid, subscribe: true });
    }

    /// Unsubscribes from a track and tells the server.
    pub fn unsubscribe(&mut self, sid: &TrackSid) {
        if self.tracks.remove(sid).is_some() {
            self.queue.push_back(Request {
                sid: sid.clone(),
                subscribe: false,
            });
        }
    }

    /// Removes a track that no longer exists, without telling the server.
    pub fn remove(&mut self, sid: &TrackSid) {
        self.tracks.remove(sid);
        self.queue.retain(|request| request.sid != *sid);
    }

    /// An offer contains the track.
    pub fn handle_bound(&mut self, sid: &TrackSid) {
        if let Some(progress) = self.tracks.get_mut(sid) {
            *progress = Progress::Bound;
        }
    }

    /// The newest offer no longer contains the track: wait for it again.
    pub fn handle_unbound(&mut self, now: Instant, sid: &TrackSid) {
        if let Some(progress) = self.tracks.get_mut(sid) {
            *progress = requested(now, 1);
        }
    }

    /// The server cannot send the track now. Schedules another attempt; fails if this was the last.
    pub fn handle_refused(&mut self, now: Instant, sid: &TrackSid) -> Result<(), SubscriptionError> {
        match self.tracks.get(sid) {
            Some(&Progress::Requested { attempt, .. }) if attempt >= MAX_ATTEMPTS => Err(SubscriptionError::TimedOut),
            Some(&Progress::Requested { attempt, .. }) => {
                self.tracks.insert(sid.clone(), pausing(now, attempt));
                self.queue.push_back(Request {
                    sid: sid.clone(),
                    subscribe: false,
                });
                Ok(())
            }
            Some(Progress::Pausing { .. } | Progress::Bound) | None => Ok(()),
        }
    }

    pub fn contains(&self, sid: &TrackSid) -> bool {
        self.tracks.contains_key(sid)
    }

    pub fn sids(&self) -> impl Iterator<Item = &TrackSid> {
        self.tracks.keys()
    }

    /// Extends the deadlines by the time that signalling was lost.
    pub fn extend_deadlines(&mut self, now: Instant) {
        for progress in self.tracks.values_mut() {
            if let Progress::Requested { attempt, .. } = *progress {
                *progress = requested(now, attempt);
            }
        }
    }

    /// Returns the next batch of requests, if one may be sent now.
    pub fn poll(&mut self, now: Instant) -> Option<UpdateSubscription> {
        if self.next_batch.is_some_and(|at| now < at) {
            return None;
        }
        let subscribe = self.queue.front()?.subscribe;
        let count = self
            .queue
            .iter()
            .take(BATCH)
            .take_while(|request| request.subscribe == subscribe)
            .count();
        let track_sids = self
            .queue
            .drain(..count)
            .map(|request| request.sid.to_string())
            .collect();
        self.next_batch = Some(now + BATCH_PAUSE);
        Some(UpdateSubscription {
            track_sids,
            subscribe,
            participant_tracks: Vec::new(),
        })
    }

    /// Queues requests that are due again. Returns the tracks whose last attempt timed out.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<TrackSid> {
        let mut failed = Vec::new();
        for (sid, progress) in &mut self.tracks {
            let subscribe = match *progress {
                Progress::Requested { attempt, until } if now >= until && attempt >= MAX_ATTEMPTS => {
                    failed.push(sid.clone());
                    continue;
                }
                Progress::Requested { attempt, until } if now >= until => {
                    *progress = pausing(now, attempt);
                    false
                }
                Progress::Pausing { attempt, until } if now >= until => {
                    *progress = requested(now, attempt + 1);
                    true
                }
                _ => continue,
            };
            self.queue.push_back(Request {
                sid: sid.clone(),
                subscribe,
            });
        }
        for sid in &failed {
            self.unsubscribe(sid);
        }
        failed
    }

    pub fn deadline(&self) -> Option<Instant> {
        let batch = self.next_batch.filter(|_| !self.queue.is_empty());
        let progress = self.tracks.values().filter_map(|progress| match progress {
            Progress::Requested { until, .. } | Progress::Pausing { until, .. } => Some(*until),
            Progress::Bound => None,
        });
        progress.chain(batch).min()
    }
}

fn requested(now: Instant, attempt: u32) -> Progress {
    Progress::Requested {
        attempt,
        until: now + OFFER_TIMEOUT,
    }
}

fn pausing(now: Instant, attempt: u32) -> Progress {
    Progress::Pausing {
        attempt,
        until: now + RETRY_PAUSE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn sizes(subscriptions: &mut Subscriptions, mut now: Instant) -> Vec<(usize, bool)> {
        let mut sizes = Vec::new();
        while let Some(batch) = subscriptions.poll(now) {
            sizes.push((batch.track_sids.len(), batch.subscribe));
            now += 30 * MS;
        }
        sizes
    }

    #[test]
    fn many_tracks_are_requested_in_batches_of_forty() {
        let now = Instant::now();
        let mut subscriptions = Subscriptions::default();

        for track in 0..90 {
            subscriptions.subscribe(now, format!("TR_{track}").into());
        }

        assert_eq!(sizes(&mut subscriptions, now), [(40, true), (40, true), (10, true)]);
    }

    #[test]
    fn the_next_batch_waits_thirty_milliseconds() {
        let now = Instant::now();
        let mut subscriptions = Subscriptions::default();
        for track in 0..41 {
            subscriptions.subscribe(now, format!("TR_{track}").into());
        }

        subscriptions.poll(now).unwrap();

        assert_eq!(subscriptions.deadline(), Some(now + 30 * MS));
        assert_eq!(subscriptions.poll(now + 29 * MS), None);
        assert!(subscriptions.poll(now + 30 * MS).is_some());
    }

    #[test]
    fn requests_for_a_track_keep_their_order() {
        let now = Instant::now();
        let mut subscriptions = Subscriptions::default();

        subscriptions.subscribe(now, "TR_1".into());
        subscriptions.subscribe(now, "TR_1".into());
        subscriptions.unsubscribe(&"TR_1".into());
        subscriptions.unsubscribe(&"TR_1".into());
        subscriptions.subscribe(now, "TR_1".into());

        assert_eq!(sizes(&mut subscriptions, now), [(1, true), (1, false), (1, true)]);
    }

    #[test]
    fn a_track_that_is_not_offered_is_requested_three_times_and_then_fails() {
        let mut now = Instant::now();
        let mut subscriptions = Subscriptions::default();
        subscriptions.subscribe(now, "TR_1".into());

        let mut requests = Vec::new();
        let failed = loop {
            requests.extend(
                sizes(&mut subscriptions, now)
                    .into_iter()
                    .map(|(_, subscribe)| subscribe),
            );
            now = subscriptions.deadline().unwrap();
            let failed = subscriptions.handle_timeout(now);
            if !failed.is_empty() {
                break failed;
            }
        };

        assert_eq!(failed, ["TR_1".into()]);
        assert_eq!(requests, [true, false, true, false, true]);
        assert!(!subscriptions.contains(&"TR_1".into()));
    }

    #[test]
    fn a_bound_track_has_no_deadline() {
        let now = Instant::now();
        let mut subscriptions = Subscriptions::default();
        subscriptions.subscribe(now, "TR_1".into());
        subscriptions.poll(now);

        subscriptions.handle_bound(&"TR_1".into());

        assert_eq!(subscriptions.deadline(), None);
    }
}
