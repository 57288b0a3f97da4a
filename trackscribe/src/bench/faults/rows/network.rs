//! The recorder's connections to livekit-server break, and nobody else's.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::{END_TIMEOUT, Figure, Play};
use crate::bench::faults::{
    account::Fault,
    meeting::Meeting,
    proxy::{
        candidates::{self, Relays},
        tcp::{Direction, Rewrite, TcpProxy},
        udp::UdpRelay,
    },
    stack::{FaultStack, wait_for},
};

/// How often signalling is cut.
const CUTS: u32 = 20;

/// The pause between two cuts is random and no longer than this, so that some come while the recorder reconnects.
const MAX_PAUSE_S: f64 = 1.0;

/// How long UDP is blocked.
const BLOCKED: Duration = Duration::from_secs(10);

/// How long the whole network is down in the long form: longer than livekit-server waits for a participant.
const DOWN: Duration = Duration::from_secs(60);

/// A recorder without any media says so by then.
const NAMED_LIMIT_S: f64 = 45.0;

/// The name of that failure.
const NAME: &str = "media_unreachable";

/// Everything between the recorder and livekit-server.
struct Network {
    signal: TcpProxy,
    udp: UdpRelay,
    tcp: TcpProxy,
}

impl Network {
    /// Lets the recorder take the way through our proxies.
    async fn start(stack: &FaultStack) -> Result<Self> {
        let ports = stack.prepared().site.ports;
        let failed = "cannot start a proxy";
        let udp = UdpRelay::start(ports.livekit_udp).await.context(failed)?;
        let tcp = TcpProxy::start(ports.livekit_tcp, None).await.context(failed)?;
        let relays = Relays {
            udp: udp.port,
            tcp: tcp.port,
        };
        let rewrite: Rewrite = Arc::new(move |direction: Direction, message: &mut [u8]| {
            candidates::rewrite(relays, direction, message);
        });
        let signal = TcpProxy::start(ports.livekit, Some(rewrite)).await.context(failed)?;
        let url = format!("ws_url: ws://127.0.0.1:{}", signal.port);
        stack
            .configure_egress(|text| replace_line(&text, "ws_url:", &url), || Ok(()))
            .await?;
        Ok(Self { signal, udp, tcp })
    }

    fn set_blocked(&self, is_blocked: bool) {
        self.signal.set_blocked(is_blocked);
        self.set_media_blocked(is_blocked);
    }

    fn set_media_blocked(&self, is_blocked: bool) {
        self.udp.set_blocked(is_blocked);
        self.tcp.set_blocked(is_blocked);
    }
}

/// Replaces the line that starts with `key`.
pub fn replace_line(text: &str, key: &str, new: &str) -> String {
    let replace = |line: &str| {
        if line.starts_with(key) {
            format!("{new}\n")
        } else {
            format!("{line}\n")
        }
    };
    text.lines().map(replace).collect()
}

pub async fn signal_cut(play: &mut Play<'_>) -> Result<()> {
    let network = Network::start(play.stack).await?;
    for _ in 0..play.seeds {
        play.meet(async |play: &mut Play<'_>, _: &mut Meeting<'_>| {
            let at = Instant::now();
            for _ in 0..CUTS {
                network.signal.cut();
                play.random_pause(MAX_PAUSE_S).await;
            }
            Ok(Fault {
                at,
                answered: Instant::now(),
            })
        })
        .await?;
    }
    Ok(())
}

/// UDP is blocked for a while.
pub async fn udp_blocked(play: &mut Play<'_>) -> Result<()> {
    block(play, |network, is_blocked| network.udp.set_blocked(is_blocked), BLOCKED).await
}

/// All media is blocked for a while: also over TCP, which could replace UDP.
pub async fn media_blocked(play: &mut Play<'_>) -> Result<()> {
    block(play, Network::set_media_blocked, BLOCKED).await
}

/// The recorder reaches nothing of livekit-server for a while.
pub async fn network_down(play: &mut Play<'_>) -> Result<()> {
    let outage = play.outage(BLOCKED, DOWN);
    block(play, Network::set_blocked, outage).await
}

/// Blocks a part of the network in each meeting.
async fn block(play: &mut Play<'_>, set_blocked: impl Fn(&Network, bool), outage: Duration) -> Result<()> {
    let network = Network::start(play.stack).await?;
    for _ in 0..play.seeds {
        play.meet(async |_: &mut Play<'_>, _: &mut Meeting<'_>| {
            let at = Instant::now();
            set_blocked(&network, true);
            sleep(outage).await;
            set_blocked(&network, false);
            Ok(Fault {
                at,
                answered: Instant::now(),
            })
        })
        .await?;
    }
    Ok(())
}

/// UDP never works, but TCP does.
pub async fn udp_never(play: &mut Play<'_>) -> Result<()> {
    let network = Network::start(play.stack).await?;
    network.udp.set_blocked(true);
    for _ in 0..play.seeds {
        play.meet(async |_: &mut Play<'_>, _: &mut Meeting<'_>| {
            let now = Instant::now();
            Ok(Fault { at: now, answered: now })
        })
        .await?;
    }
    Ok(())
}

/// No media ever arrives.
pub async fn media_never(play: &mut Play<'_>) -> Result<()> {
    let network = Network::start(play.stack).await?;
    network.set_media_blocked(true);
    let mut meeting = Meeting::empty(play.stack).await?;
    let guest = meeting.invite().await?;
    meeting.admit(guest);
    let started = Instant::now();
    let timeout = Duration::from_secs_f64(NAMED_LIMIT_S * 1.5);
    let named = wait_for("the failure has its name", timeout, async || {
        let recordings = meeting.recordings().await.ok()?;
        let texts = recordings
            .iter()
            .flat_map(|recording| [&recording.reason, &recording.error]);
        let mut texts = texts.flatten();
        texts.any(|text| text.contains(NAME)).then_some(())
    })
    .await;
    play.played.figures.push(Figure {
        what: "reported by name after",
        value: named.map_or(f64::INFINITY, |()| started.elapsed().as_secs_f64()),
        limit: NAMED_LIMIT_S,
        unit: "s",
    });
    meeting.end(END_TIMEOUT / 4).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_replaced() {
        let text = "a: 1\nws_url: ws://x # setup: livekit_url\nb: 2\n";

        assert_eq!(replace_line(text, "ws_url:", "ws_url: y"), "a: 1\nws_url: y\nb: 2\n");
    }
}
