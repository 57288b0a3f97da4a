//! Passes bytes between a client and livekit-server until one of them ends the connection.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    time::timeout,
};

/// Bytes that are on their way in one direction. Who sends more waits.
const BUFFER_BYTES: usize = 16 * 1024;

/// A side from which nothing came for this long is gone. LiveKit's clients ping every few seconds, and the server answers.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// A side that takes nothing for this long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// When one side has ended, what the other had sent may still arrive.
const LINGER: Duration = Duration::from_secs(1);

/// Passes bytes in both directions until nothing came from one side for `idle`. Frames are not interpreted, so pings, close codes and extensions pass as they are.
pub(super) async fn run(client: impl AsyncRead + AsyncWrite, livekit: impl AsyncRead + AsyncWrite, idle: Duration) {
    let (mut from_client, mut to_client) = split(client);
    let (mut from_livekit, mut to_livekit) = split(livekit);
    let up = pass(&mut from_client, &mut to_livekit, idle);
    let down = pass(&mut from_livekit, &mut to_client, idle);
    tokio::pin!(up, down);
    let (ended, rest) = tokio::select! {
        ended = &mut up => (ended, timeout(LINGER, down).await),
        ended = &mut down => (ended, timeout(LINGER, up).await),
    };
    tracing::debug!(?ended, ?rest, "a signalling connection ended");
}

/// Passes bytes until the end, then passes the end.
async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    idle: Duration,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = timeout(idle, from.read(&mut buffer)).await??;
        if read == 0 {
            return timeout(WRITE_TIMEOUT, to.shutdown()).await?;
        }
        let write = async {
            to.write_all(&buffer[..read]).await?;
            to.flush().await
        };
        timeout(WRITE_TIMEOUT, write).await??;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[tokio::test]
    async fn a_slow_reader_slows_the_sender_down() {
        let (mut client, near) = duplex(1024);
        let (far, _livekit) = duplex(1024);
        let tunnel = tokio::spawn(run(near, far, IDLE_TIMEOUT));

        let mut sent = 0;
        let block = [7; 1024];
        while let Ok(written) = timeout(Duration::from_millis(200), client.write(&block)).await {
            sent += written.unwrap();
            assert!(sent < 4 * BUFFER_BYTES, "the tunnel takes all that is sent");
        }

        assert!(sent >= 1024);
        tunnel.abort();
    }

    #[tokio::test]
    async fn what_was_sent_before_the_end_arrives() {
        let (client, near) = duplex(1024);
        let (far, mut livekit) = duplex(1024);
        let tunnel = tokio::spawn(run(near, far, IDLE_TIMEOUT));
        let (mut reader, mut writer) = split(client);
        livekit.write_all(b"bye").await.unwrap();
        writer.write_all(b"me too").await.unwrap();
        drop(writer);
        let mut at_livekit = [0; 6];
        livekit.read_exact(&mut at_livekit).await.unwrap();
        drop(livekit);

        let mut at_client = Vec::new();
        reader.read_to_end(&mut at_client).await.unwrap();

        assert_eq!((&at_client[..], &at_livekit), (&b"bye"[..], b"me too"));
        tunnel.await.unwrap();
    }

    #[tokio::test]
    async fn silent_connections_are_ended() {
        let (_client, near) = duplex(64);
        let (far, _livekit) = duplex(64);

        let ended = timeout(Duration::from_secs(10), run(near, far, Duration::from_millis(50)));

        ended.await.unwrap();
    }
}
