//! Whether this worker wants a request, and how much.

use super::wire::start_egress_request::Request;

/// The offer for a track: livekit-server grants an offer of 1.0 at once instead of waiting for a better one.
const TRACK: f32 = 1.0;

/// The offer for what we refuse: LiveKit's own worker offers at least 0.5 and wins where there is one; where there is
/// none, the caller hears a clear no at once instead of a time-out after twenty seconds.
const REFUSAL: f32 = 0.01;

/// What decides.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub running: usize,
    pub max_recordings: usize,
    pub is_stopping: bool,
    /// Whether requests that this worker cannot serve are answered.
    pub declines: bool,
}

/// The affinity to offer; `None` offers nothing. A running recording is never given up for a new one.
pub fn affinity(request: Option<&Request>, load: Load) -> Option<f32> {
    if load.is_stopping {
        return None;
    }
    match request {
        Some(Request::Track(_)) => (load.running < load.max_recordings).then_some(TRACK),
        _ => load.declines.then_some(REFUSAL),
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
        declines: true,
    };

    #[test]
    fn tracks_are_wanted_until_the_worker_is_full_or_stopping() {
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
    fn other_kinds_are_left_to_others_and_refused_where_there_are_none() {
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
