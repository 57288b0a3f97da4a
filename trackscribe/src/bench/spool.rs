//! What the recorder keeps and stores.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use livekit_api::services::egress::{EgressListFilter, EgressListOptions};
use livekit_protocol::EgressStatus;
use media::opus::PacketStream;

use super::env::BenchEnv;

/// Waits until all recordings of the room are stored, so that they do not slow down what follows.
pub async fn wait_for_end(env: &BenchEnv, room: &str, timeout: Duration) -> Result<()> {
    let deadline = Instant::now() + timeout;
    while Instant::now() < deadline {
        let options = EgressListOptions {
            filter: EgressListFilter::Room(room.to_owned()),
            active: false,
            ..Default::default()
        };
        let listed = env.egress.list_egress(options).await.context("ListEgress failed")?;
        if listed
            .iter()
            .all(|info| info.status() as i32 >= EgressStatus::EgressComplete as i32)
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the recordings of {room} did not end within {timeout:?}")
}

/// Whether a file of the spool is a recording with a packet.
pub fn has_packet(file: &Path) -> bool {
    let Ok(bytes) = fs::read(file) else { return false };
    let Ok(mut stream) = PacketStream::open(bytes.as_slice()) else {
        return false;
    };
    matches!(stream.next_packet(), Ok(Some(_)))
}
