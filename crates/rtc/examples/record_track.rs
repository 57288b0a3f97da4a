//! Records one microphone of a LiveKit room to an Ogg/Opus file.

use std::{env, error::Error, fs::File, io::Write, time::Duration, time::Instant};

use media::{Output, RecorderConfig, RtpPacket, TrackRecorder, WallClock, rtp};
use rtc::{ConnectConfig, TrackSource, subscriber, subscriber::RoomEvent, token::ApiKey};

const USAGE: &str = "usage: record_track ROOM FILE.ogg [IDENTITY]\n
Records the microphone of the participant IDENTITY, or the first one in the room, until its track ends or Ctrl-C.
The environment names the server: LIVEKIT_URL (ws://… or wss://…), LIVEKIT_API_KEY, LIVEKIT_API_SECRET.";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some(room), Some(file)) = (args.next(), args.next()) else {
        println!("{USAGE}");
        return Ok(());
    };
    let key = ApiKey::new(env::var("LIVEKIT_API_KEY")?, env::var("LIVEKIT_API_SECRET")?);
    let token = key.recorder_token(&room, "record_track")?;
    let config = ConnectConfig::new(env::var("LIVEKIT_URL")?.parse()?, move || token.clone());
    record(config, args.next().as_deref(), File::create(file)?).await
}

/// Joins the room, waits for the microphone and writes Ogg pages to `file` until the recording ends.
pub async fn record(config: ConnectConfig, identity: Option<&str>, mut file: impl Write) -> Result<(), Box<dyn Error>> {
    let (subscriber, mut events) = subscriber::join(config).await?;
    let (instant, unix_nanos) = (Instant::now(), Default::default()); // wall times only matter for manifests
    let mut recorder = TrackRecorder::new(RecorderConfig::new(1, WallClock { instant, unix_nanos }));
    let mut subscribed = false;
    loop {
        while let Output::Page(page) = recorder.poll_output() {
            file.write_all(&page)?;
        }
        let deadline = match recorder.poll_output() {
            Output::Done(_) => break subscriber.leave().await,
            Output::Wait(deadline) => deadline,
            _ => Instant::now() + Duration::from_secs(60),
        };
        tokio::select! {
            event = events.recv() => match event {
                Some(RoomEvent::TrackPublished(track)) if track.source == TrackSource::Microphone
                    && identity.is_none_or(|identity| identity == track.identity)
                    && !std::mem::replace(&mut subscribed, true) => subscriber.subscribe(track.sid),
                Some(RoomEvent::Packet { packet: p, .. }) => recorder.handle_packet(RtpPacket {
                    ssrc: rtp::Ssrc(p.ssrc.0), seq_no: rtp::SeqNo(p.seq_no.0), timestamp: p.timestamp, arrival: p.arrival,
                    payload: p.payload,
                }),
                Some(RoomEvent::SubscriptionFailed { error, .. }) => return Err(error.into()),
                Some(RoomEvent::TrackEnded { .. } | RoomEvent::Left(_)) | None => recorder.finish(Instant::now()),
                Some(_) => {}
            },
            _ = tokio::signal::ctrl_c() => recorder.finish(Instant::now()),
            () = tokio::time::sleep_until(deadline.into()) => recorder.handle_timeout(Instant::now()),
        }
    }
    Ok(())
}
