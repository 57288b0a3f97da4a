//! Decides whether this worker offers to serve a request, and with which affinity.

use super::wire::start_egress_request::Request;

/// The affinity for a track. livekit-server grants an offer of 1.0 at once instead of waiting for a better one.
const TRACK_AFFINITY: f32 = 1.0;

/// The affinity for requests that we refuse. LiveKit's own worker offers at least 0.5, so it wins if it is running.
/// If it is not, the caller gets our error at once instead of a timeout after twenty seconds.
const REFUSAL_AFFINITY: f32 = 0.01;

/// The state of the worker on which the decision depends.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub running: usize,
    pub max_recordings: usize,
    pub is_stopping: bool,
    /// Whether the disk has too little room for more recordings.
    pub is_disk_low: bool,
    /// Whether the worker offers to answer requests that it must refuse.
    pub declines: bool,
}

/// Returns the affinity to offer, or `None` to make no offer. A running recording is never stopped for a new one.
pub fn affinity(request: Option<&Request>, load: Load) -> Option<f32> {
    if load.is_stopping {
        return None;
    }
    match request {
        Some(Request::Track(_)) if load.is_disk_low => None,
        Some(Request::Track(_)) => (load.running < load.max_recordings).then_some(TRACK_AFFINITY),
        _ => load.declines.then_some(REFUSAL_AFFINITY),
    }
}

#[cfg(test)]
mod tests {
    use livekit_protocol as proto;

    use super::*;

    const IDLE: Load = Load {
        running: 0,
        max_recordings: 2,
        is_stopping: false,
        is_disk_low: false,
        declines: true,
    };

    #[test]
    fn tracks_are_accepted_until_the_worker_is_full_or_stopping() {
        let track = Request::Track(proto::TrackEgressRequest::default());

        assert_eq!(affinity(Some(&track), IDLE), Some(1.0));
        assert_eq!(affinity(Some(&track), Load { running: 1, ..IDLE }), Some(1.0));
        assert_eq!(affinity(Some(&track), Load { running: 2, ..IDLE }), None);
        assert_eq!(
            affinity(
                Some(&track),
                Load {
                    is_stopping: true,
                    ..IDLE
                }
            ),
            None
        );
    }

    #[test]
    fn other_kinds_are_offered_for_at_the_lowest_affinity() {
        let web = Request::Web(proto::WebEgressRequest::default());

        assert_eq!(affinity(Some(&web), IDLE), Some(0.01));
        assert_eq!(affinity(None, Load { running: 2, ..IDLE }), Some(0.01));
        assert_eq!(
            affinity(
                Some(&web),
                Load {
                    declines: false,
                    ..IDLE
                }
            ),
            None
        );
        assert_eq!(
            affinity(
                Some(&web),
                Load {
                    is_stopping: true,
                    ..IDLE
                }
            ),
            None
        );
    }
}
