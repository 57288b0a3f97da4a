//! Which tracks we want, in portions that the server takes at once, asked for again when nothing comes.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use livekit_protocol::UpdateSubscription;

use crate::{error::SubscriptionError, ids::TrackSid};

/// The server reconciles 50 tracks at once and lets the others wait for a 3 s timer.
const BATCH: usize = 40;
/// Time for the server to work off a portion.
const BATCH_PAUSE: Duration = Duration::from_millis(30);
/// From the request to the track's section in an offer: usually 160 ms, 3.2 s if the server's queue was full.
const OFFER_TIMEOUT: Duration = Duration::from_secs(10);
/// Between giving up a request and making it again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Requests for one track before it is reported as not to be had.
const MAX_ROUNDS: u32 = 3;

#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    wanted: BTreeMap<TrackSid, Progress>,
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
    Asked {
        round: u32,
        until: Instant,
    },
    Pausing {
        round: u32,
        until: Instant,
    },
    /// Its section is there.
    Bound,
}

impl Subscriptions {
    /// Repeating it changes nothing.
    pub fn subscribe(&mut self, now: Instant, sid: TrackSid) {
        if self.wanted.contains_key(&sid) {
            return;
        }
        self.wanted.insert(sid.clone(), asked(now, 1));
        self.queue.push_back(Request { sid, subscribe: true });
    }

    pub fn unsubscribe(&mut self, sid: &TrackSid) {
        if self.wanted.remove(sid).is_some() {
            self.queue.push_back(Request {
                sid: sid.clone(),
                subscribe: false,
            });
        }
    }

    /// The track exists no longer; there is nothing to tell the server.
    pub fn remove(&mut self, sid: &TrackSid) {
        self.wanted.remove(sid);
        self.queue.retain(|request| request.sid != *sid);
    }

    pub fn handle_bound(&mut self, sid: &TrackSid) {
        if let Some(progress) = self.wanted.get_mut(sid) {
            *progress = Progress::Bound;
        }
    }

    /// The section went although the track is wanted: it is asked for again.
    pub fn handle_unbound(&mut self, now: Instant, sid: &TrackSid) {
        if let Some(progress) = self.wanted.get_mut(sid) {
            *progress = asked(now, 1);
        }
    }

    /// The server cannot give the track now: later again, or that was the last time.
    pub fn handle_refused(&mut self, now: Instant, sid: &TrackSid) -> Result<(), SubscriptionError> {
        match self.wanted.get(sid) {
            Some(Progress::Asked { round, .. }) if *round >= MAX_ROUNDS => Err(SubscriptionError::TimedOut),
            Some(Progress::Asked { round, .. }) => {
                let pausing = Progress::Pausing {
                    round: *round,
                    until: now + RETRY_PAUSE,
                };
                self.wanted.insert(sid.clone(), pausing);
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
        self.wanted.contains_key(sid)
    }

    pub fn sids(&self) -> impl Iterator<Item = &TrackSid> {
        self.wanted.keys()
    }

    /// A new session knows nothing of what was asked for in the old one.
    pub fn restart(&mut self, now: Instant) {
        self.next_batch = None;
        self.queue = self
            .wanted
            .keys()
            .map(|sid| Request {
                sid: sid.clone(),
                subscribe: true,
            })
            .collect();
        for progress in self.wanted.values_mut() {
            *progress = asked(now, 1);
        }
    }

    /// While nobody listened no time has passed.
    pub fn extend_deadlines(&mut self, now: Instant) {
        for progress in self.wanted.values_mut() {
            if let Progress::Asked { round, .. } = *progress {
                *progress = asked(now, round);
            }
        }
    }

    /// The next portion that may go out now.
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

    /// Queues what is to be asked for again. Gives the tracks that nobody offered in the last round.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<TrackSid> {
        let mut failed = Vec::new();
        for (sid, progress) in &mut self.wanted {
            match *progress {
                Progress::Asked { round, until } if now >= until && round >= MAX_ROUNDS => failed.push(sid.clone()),
                Progress::Asked { round, until } if now >= until => {
                    *progress = Progress::Pausing {
                        round,
                        until: now + RETRY_PAUSE,
                    };
                    self.queue.push_back(Request {
                        sid: sid.clone(),
                        subscribe: false,
                    });
                }
                Progress::Pausing { round, until } if now >= until => {
                    *progress = asked(now, round + 1);
                    self.queue.push_back(Request {
                        sid: sid.clone(),
                        subscribe: true,
                    });
                }
                _ => {}
            }
        }
        for sid in &failed {
            self.unsubscribe(sid);
        }
        failed
    }

    pub fn deadline(&self) -> Option<Instant> {
        let batch = self.next_batch.filter(|_| !self.queue.is_empty());
        let progress = self.wanted.values().filter_map(|progress| match progress {
            Progress::Asked { until, .. } | Progress::Pausing { until, .. } => Some(*until),
            Progress::Bound => None,
        });
        progress.chain(batch).min()
    }
}

fn asked(now: Instant, round: u32) -> Progress {
    Progress::Asked {
        round,
        until: now + OFFER_TIMEOUT,
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
    fn many_tracks_are_asked_for_in_batches_of_forty() {
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
    fn order_is_kept_when_wishes_change() {
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
    fn a_track_that_is_not_offered_is_asked_for_three_times_and_then_reported() {
        let mut now = Instant::now();
        let mut subscriptions = Subscriptions::default();
        subscriptions.subscribe(now, "TR_1".into());

        let mut asked = Vec::new();
        let failed = loop {
            asked.extend(
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
        assert_eq!(asked, [true, false, true, false, true]);
        assert!(!subscriptions.contains(&"TR_1".into()));
    }

    #[test]
    fn a_bound_track_waits_for_nothing() {
        let now = Instant::now();
        let mut subscriptions = Subscriptions::default();
        subscriptions.subscribe(now, "TR_1".into());
        subscriptions.poll(now);

        subscriptions.handle_bound(&"TR_1".into());

        assert_eq!(subscriptions.deadline(), None);
    }

    #[test]
    fn a_new_session_is_asked_for_everything() {
        let now = Instant::now();
        let mut subscriptions = Subscriptions::default();
        subscriptions.subscribe(now, "TR_1".into());
        subscriptions.subscribe(now, "TR_2".into());
        subscriptions.poll(now);
        subscriptions.unsubscribe(&"TR_2".into());

        subscriptions.restart(now);

        let batch = subscriptions.poll(now).unwrap();
        assert_eq!((batch.track_sids, batch.subscribe), (vec!["TR_1".to_owned()], true));
        assert_eq!(subscriptions.poll(now + 30 * MS), None);
    }
}
