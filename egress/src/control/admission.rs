//! Decides whether this worker offers to serve a request, with which affinity, and how soon.
//!
//! livekit-server grants an offer of 1.0 at once, and waits 500 ms for a better one after any lower offer. So a track that
//! we can record is always offered at 1.0, and preference is expressed by time: a worker that is in the room already offers
//! at once, others a moment later, the fuller the later. An installation with one worker pays this moment once per room
//! instead of half a second.

use std::time::Duration;

use crate::{psrpc::Offer, spool::SpaceLevel};

/// The affinity for a track that we can record.
const TRACK_AFFINITY: f32 = 1.0;

/// The affinity for requests that we refuse. Every worker that can serve them offers more: LiveKit's own at least 0.5. If
/// there is none, the caller gets our error at once instead of a timeout after twenty seconds.
const REFUSAL_AFFINITY: f32 = 0.01;

/// How long an empty worker that is not in the room waits before its offer. The offer of one that is in the room takes a
/// few milliseconds to be granted.
const NEW_ROOM_DELAY: Duration = Duration::from_millis(20);
/// How much longer a full worker waits.
const MAX_LOAD_DELAY: Duration = Duration::from_millis(20);

/// The state of the worker on which the decision depends.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Recordings that are running.
    pub recording: usize,
    pub max_recordings: usize,
    pub is_stopping: bool,
    pub space: SpaceLevel,
    /// Whether the worker offers to answer requests that it must refuse.
    pub declines: bool,
}

/// Why a request is not served. The names are values of a metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Stopping,
    DiskLow,
    Full,
    /// The request asks for what this worker does not do.
    Unsupported,
    /// A field is missing or not valid, or there is no store.
    Invalid,
    /// The egress could not be registered at livekit-server, or its folder could not be written.
    NotStarted,
}

impl Refusal {
    /// Returns the value of the metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::DiskLow => "disk_low",
            Self::Full => "full",
            Self::Unsupported => "unsupported",
            Self::Invalid => "invalid",
            Self::NotStarted => "not_started",
        }
    }
}

impl Load {
    /// Returns why nothing more is accepted now, if so. A running recording is never stopped for a new one.
    pub fn refusal(&self) -> Option<Refusal> {
        if self.is_stopping {
            Some(Refusal::Stopping)
        } else if self.space != SpaceLevel::Enough {
            Some(Refusal::DiskLow)
        } else if self.recording >= self.max_recordings {
            Some(Refusal::Full)
        } else {
            None
        }
    }

    /// Returns the offer for a request that was `checked`, or why there is none.
    ///
    /// A worker that is stopping or short of disk space offers nothing: it will be able to serve the caller's next attempt,
    /// or its successor will.
    pub fn offer(&self, checked: Result<(), Refusal>, is_in_room: bool) -> Result<Offer, Refusal> {
        match self.refusal() {
            Some(refusal @ (Refusal::Stopping | Refusal::DiskLow)) => Err(refusal),
            Some(refusal) => self.decline(refusal),
            None => match checked {
                Ok(()) => Ok(Offer {
                    affinity: TRACK_AFFINITY,
                    delay: if is_in_room {
                        Duration::ZERO
                    } else {
                        self.new_room_delay()
                    },
                }),
                Err(refusal) => self.decline(refusal),
            },
        }
    }

    /// Returns the offer to refuse a request.
    fn decline(&self, refusal: Refusal) -> Result<Offer, Refusal> {
        let offer = Offer {
            affinity: REFUSAL_AFFINITY,
            delay: Duration::ZERO,
        };
        if self.declines { Ok(offer) } else { Err(refusal) }
    }

    fn new_room_delay(&self) -> Duration {
        let share = self.recording as f64 / self.max_recordings.max(1) as f64;
        NEW_ROOM_DELAY + MAX_LOAD_DELAY.mul_f64(share.min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Load = Load {
        recording: 0,
        max_recordings: 2,
        is_stopping: false,
        space: SpaceLevel::Enough,
        declines: true,
    };

    const DECLINED: Offer = Offer {
        affinity: 0.01,
        delay: Duration::ZERO,
    };

    #[test]
    fn a_worker_in_the_room_offers_first_then_the_emptiest() {
        let half_full = Load { recording: 1, ..IDLE };

        let delays = [(half_full, true), (IDLE, false), (half_full, false)].map(|(load, is_in_room)| {
            let offer = load.offer(Ok(()), is_in_room).unwrap();
            assert_eq!(offer.affinity, 1.0);
            offer.delay.as_millis()
        });

        assert_eq!(delays, [0, 20, 30]);
    }

    #[test]
    fn a_worker_that_is_stopping_or_short_of_disk_space_offers_nothing() {
        let stopping = Load {
            is_stopping: true,
            ..IDLE
        };
        let low = [SpaceLevel::Low, SpaceLevel::Full].map(|space| Load { space, ..IDLE });

        assert_eq!(stopping.offer(Ok(()), true), Err(Refusal::Stopping));
        assert_eq!(low.map(|load| load.offer(Ok(()), true)), [Err(Refusal::DiskLow); 2]);
        assert_eq!(low[0].offer(Err(Refusal::Invalid), false), Err(Refusal::DiskLow));
    }

    #[test]
    fn what_would_be_refused_is_offered_lowest_or_not_at_all() {
        let full = Load { recording: 2, ..IDLE };
        let silent = |load| Load {
            declines: false,
            ..load
        };

        assert_eq!(full.offer(Ok(()), true), Ok(DECLINED));
        assert_eq!(IDLE.offer(Err(Refusal::Unsupported), true), Ok(DECLINED));
        assert_eq!(silent(full).offer(Ok(()), true), Err(Refusal::Full));
        assert_eq!(silent(IDLE).offer(Err(Refusal::Invalid), true), Err(Refusal::Invalid));
    }

    #[test]
    fn a_worker_without_any_capacity_is_full() {
        let none = Load {
            max_recordings: 0,
            ..IDLE
        };

        assert_eq!(none.refusal(), Some(Refusal::Full));
        assert!(none.new_room_delay() <= NEW_ROOM_DELAY + MAX_LOAD_DELAY);
    }
}
