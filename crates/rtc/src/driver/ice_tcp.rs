//! One ICE-TCP stream. We connect; each packet is preceded by its length in two bytes (RFC 4571).

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::timeout,
};

/// Nearby servers accept at once. A server that takes longer is reached over UDP or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Outgoing frames are only RTCP reports and connectivity checks, so a stream with more of them queued is stuck.
const MAX_QUEUED_FRAMES: usize = 512;

/// An input from an ICE-TCP stream.
#[derive(Debug)]
pub(super) enum TcpInput {
    /// The stream is connected. Frames to send go into `frames`.
    Up {
        local: SocketAddr,
        remote: SocketAddr,
        frames: mpsc::Sender<Vec<u8>>,
    },
    Frame {
        local: SocketAddr,
        remote: SocketAddr,
        frame: Bytes,
    },
    Down {
        local: SocketAddr,
    },
}

/// Connects, then reports the connection, each frame and the end to `inputs`. Returns when the server closes the stream
/// or the receiver of `inputs` is dropped.
pub(super) async fn run(remote: SocketAddr, inputs: mpsc::Sender<TcpInput>) {
    let stream = match timeout(CONNECT_TIMEOUT, TcpStream::connect(remote)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%remote, %error, "cannot open the ICE-TCP stream"),
        Err(_elapsed) => return tracing::debug!(%remote, "timed out opening the ICE-TCP stream"),
    };
    let Ok(local) = stream.local_addr() else { return };
    // Real-time media: send small packets at once instead of collecting them.
    let _best_effort = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    let (frames, queue) = mpsc::channel(MAX_QUEUED_FRAMES);
    if inputs.send(TcpInput::Up { local, remote, frames }).await.is_err() {
        return;
    }
    tokio::select! {
        () = read(reader, local, remote, &inputs) => {}
        _written = write(writer, queue) => {}
    }
    let _receiver_may_be_gone = inputs.send(TcpInput::Down { local }).await;
}

async fn read(mut reader: OwnedReadHalf, local: SocketAddr, remote: SocketAddr, inputs: &mpsc::Sender<TcpInput>) {
    while let Ok(frame) = read_frame(&mut reader).await {
        if inputs.send(TcpInput::Frame { local, remote, frame }).await.is_err() {
            return;
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(contents) = queue.recv().await {
        if let Some(frame) = frame(&contents) {
            writer.write_all(&frame).await?;
        }
    }
    Ok(())
}

async fn read_frame(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let length = reader.read_u16().await?;
    let mut frame = vec![0; length.into()];
    reader.read_exact(&mut frame).await?;
    Ok(frame.into())
}

/// Returns `None` if the contents are longer than 65535 bytes.
fn frame(contents: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(contents.len()).ok()?;
    let mut frame = Vec::with_capacity(contents.len() + 2);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(contents);
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_are_read_as_they_were_written() {
        let mut stream = Vec::new();
        for contents in [&b"first"[..], b"", &[7; 60_000]] {
            stream.extend(frame(contents).unwrap());
        }

        let mut reader = &stream[..];

        assert_eq!(read_frame(&mut reader).await.unwrap(), &b"first"[..]);
        assert_eq!(read_frame(&mut reader).await.unwrap(), &b""[..]);
        assert_eq!(read_frame(&mut reader).await.unwrap().len(), 60_000);
        assert!(read_frame(&mut reader).await.is_err());
    }

    #[tokio::test]
    async fn a_stream_that_ends_within_a_frame_is_an_error() {
        let mut reader = &[0, 9, b'x'][..];

        assert!(read_frame(&mut reader).await.is_err());
        assert_eq!(frame(&[0; 65_536]), None);
    }
}
