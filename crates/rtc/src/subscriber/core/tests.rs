//! A subscriber on a simulated clock, with a scripted server and without a network.

use std::{net::SocketAddr, time::Duration};

use livekit_protocol::{Pong, signal_request::Message as Request, signal_response::Message as Response};

use super::*;
use crate::{
    peer::{Codec, PeerConnection},
    rtc_engine::IoAction,
    signal::testing::join,
};

const LOCAL: &str = "10.0.0.2:2000";
const MEDIA_SERVER: &str = "10.0.0.1:1000";

/// Runs the client until it ends. The server answers pings and sends `first` after the join. Returns why the client ended
/// and after how many seconds.
fn run(first: Response) -> (LeaveReason, u64) {
    let start = Instant::now();
    let mut now = start;
    let policy = JoinPolicy {
        resume_after: Duration::ZERO,
        attempts: 1,
        jitter_seed: 1,
    };
    let mut core = SubscriberCore::new(now, policy);
    core.engine.signal.handle_opened(now);
    core.engine.signal.handle_message(now, join("RM_1", &["TR_1"]));
    let mut first = Some(first);
    loop {
        match core.poll_output(now) {
            ClientOutput::Io(IoAction::OpenSockets) => {
                core.engine.handle_sockets(now, &[LOCAL.parse::<SocketAddr>().unwrap()]);
            }
            ClientOutput::Io(IoAction::Send(request)) if matches!(*request, Request::PingReq(_)) => {
                let pong = Response::PongResp(Pong::default());
                core.engine.signal.handle_message(now, pong);
            }
            ClientOutput::Event(RoomEvent::Left(reason)) => return (reason, (now - start).as_secs()),
            ClientOutput::Wait(until) => {
                if let Some(first) = first.take() {
                    core.engine.signal.handle_message(now, first);
                    continue;
                }
                now = until.expect("a joined client has deadlines").max(now);
                assert!(now - start < Duration::from_secs(600), "the client never ends");
                core.handle_timeout(now);
            }
            ClientOutput::Done => panic!("the client ended without a reason"),
            _ => {}
        }
    }
}

#[test]
fn media_that_never_connects_is_reported_by_name_after_fifteen_seconds() {
    let now = Instant::now();
    let mut server = PeerConnection::publisher(now, &[MEDIA_SERVER.parse().unwrap()]);
    let (_, sdp) = server.offer_track(now, "TR_1", Codec::Opus).unwrap();
    let offer = SessionDescription {
        r#type: "offer".into(),
        sdp,
        ..Default::default()
    };

    let (reason, seconds) = run(Response::Offer(offer));

    assert_eq!((reason, seconds), (LeaveReason::MediaUnreachable, 15));
}

#[test]
fn an_offer_that_cannot_be_used_ends_the_connection() {
    let offer = SessionDescription {
        r#type: "offer".into(),
        sdp: "v=0\r\n".into(),
        ..Default::default()
    };

    let (reason, _) = run(Response::Offer(offer));

    assert!(matches!(reason, LeaveReason::Disconnected { .. }));
}
