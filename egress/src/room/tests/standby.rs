//! Connections that lose their signalling or carry nothing, and those that take their place.

use std::collections::BTreeSet;

use domain::PlatformCaptureId as EgressId;
use media::{RtpPacket, rtp::Ssrc};
use test_support::{Fault, FaultyProxy};
use tokio::time::sleep;

use super::*;

/// Between two cuts: some come before the new connection is ready, some after.
const PAUSES: [u64; 6] = [700, 100, 1500, 300, 50, 900];

/// Longer than the room waits for the first packet of a track.
const SILENCE: Duration = Duration::from_secs(30);

/// What a recording has received.
#[derive(Default)]
struct Received {
    packets: Vec<RtpPacket>,
    events: Vec<String>,
}

impl Received {
    /// Reads the feed until `work` is done.
    async fn during(feed: &mut TrackFeed, work: impl Future<Output = ()>) -> Self {
        let mut received = Self::default();
        tokio::pin!(work);
        loop {
            tokio::select! {
                () = &mut work => return received,
                event = feed.next() => match event {
                    FeedEvent::Packet(packet) => received.packets.push(packet),
                    FeedEvent::SenderReport(_) => {}
                    other => received.events.push(format!("{other:?}")),
                },
            }
        }
    }

    /// Packets that are missing between the first and the last one.
    fn missing(&self) -> usize {
        let numbers: BTreeSet<_> = self.packets.iter().map(|packet| packet.seq_no.0).collect();
        let span = numbers.last().unwrap() - numbers.first().unwrap() + 1;
        usize::try_from(span).unwrap() - numbers.len()
    }

    fn sources(&self) -> BTreeSet<u32> {
        self.packets
            .iter()
            .map(|packet| packet.ssrc)
            .map(|Ssrc(ssrc)| ssrc)
            .collect()
    }
}

async fn proxy_before(livekit: &LivekitServer) -> (FaultyProxy, String) {
    let server = livekit.http_url().trim_start_matches("http://").parse().unwrap();
    let proxy = FaultyProxy::before(server).await;
    let url = format!("ws://{}", proxy.address());
    (proxy, url)
}

/// One participant of ours is left, which announces the egress.
async fn one_recorder_is_left(livekit: &LivekitServer, egress: &EgressId) {
    let announced = format!("trackscribe.egress.{egress}");
    wait_until("one connection is left", TIMEOUT, async || {
        let listed = recorders(livekit).await;
        (listed.len() == 1 && listed[0].1 == [announced.as_str()]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_signalling_is_cut() {
    let livekit = LivekitServer::start_without_redis().await;
    let (proxy, url) = proxy_before(&livekit).await;
    let ada = TrackPublisher::join(&livekit, ROOM, "ada", AudioOptions::default()).await;
    let rooms = rooms_at(&url, &livekit, "one");
    let mut feed = record(&rooms, &room_sid(&livekit).await, &ada, "EG_1").await;
    let cuts = async {
        for pause in PAUSES {
            sleep(Duration::from_millis(pause)).await;
            proxy.set(Fault::None);
        }
    };

    let work = async {
        tokio::join!(ada.play_tone(440.0, 7000), cuts);
    };
    let received = Received::during(&mut feed, work).await;

    assert!(received.packets.len() > 300, "{} packets", received.packets.len());
    assert_eq!(
        (received.missing(), received.sources().len()),
        (0, 1),
        "{:?}",
        received.events
    );
    assert!(
        received.events.iter().all(|event| event == "Joined"),
        "{:?}",
        received.events
    );
    one_recorder_is_left(&livekit, &"EG_1".into()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_signalling_is_refused_and_the_track_moves_after_that() {
    let livekit = LivekitServer::start_without_redis().await;
    let (proxy, url) = proxy_before(&livekit).await;
    let ada = TrackPublisher::join(&livekit, ROOM, "ada", AudioOptions::default()).await;
    let rooms = rooms_at(&url, &livekit, "one");
    let mut feed = record(&rooms, &room_sid(&livekit).await, &ada, "EG_1").await;
    let before = recorders(&livekit).await;
    let outage = async {
        sleep(Duration::from_secs(1)).await;
        proxy.set(Fault::Refuse);
        sleep(Duration::from_secs(3)).await;
        proxy.set(Fault::None);
    };

    let work = async {
        tokio::join!(ada.play_tone(440.0, 8000), outage);
    };
    let received = Received::during(&mut feed, work).await;

    let ended = |event: &String| event.starts_with("Lost") || event.starts_with("Reconnected");
    assert_eq!(
        (received.missing(), received.sources().len()),
        (0, 1),
        "{:?}",
        received.events
    );
    assert!(!received.events.iter().any(ended), "{:?}", received.events);
    one_recorder_is_left(&livekit, &"EG_1".into()).await;
    assert_ne!(recorders(&livekit).await[0].0, before[0].0, "another connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_that_sends_nothing_is_tried_on_another_connection() {
    let livekit = LivekitServer::start_without_redis().await;
    let ada = TrackPublisher::join(&livekit, ROOM, "ada", AudioOptions::default()).await;
    let rooms = rooms(&livekit, "one");
    let mut feed = record(&rooms, &room_sid(&livekit).await, &ada, "EG_1").await;

    let second = wait_until("another connection is made", SILENCE, async || {
        let listed = recorders(&livekit).await;
        let is_announced = |(_, ids): &(String, Vec<String>)| !ids.is_empty();
        (listed.len() == 2 && listed.iter().all(is_announced)).then_some(listed)
    })
    .await;
    let work = ada.play_tone(440.0, 2000);
    let received = Received::during(&mut feed, work).await;

    assert_eq!(second[0].1, second[1].1);
    assert!(
        received.events.iter().any(|event| event.contains("no_packets")),
        "{:?}",
        received.events
    );
    assert!(received.packets.len() > 80, "{} packets", received.packets.len());
    one_recorder_is_left(&livekit, &"EG_1".into()).await;
}
