//! One TCP stream of ICE: we connect, packets go in frames of two bytes' length and contents (RFC 4571).

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

use super::TcpInput;

/// A server next to us answers at once; one that does not is reached by UDP or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Frames on their way out: reports and checks only, so a stream with more of them stands still.
const MAX_QUEUED_FRAMES: usize = 512;

/// Connects and tells of it, then of each frame, then of the end. Ends when `inputs` closes or the server does.
pub(super) async fn run(remote: SocketAddr, inputs: mpsc::Sender<TcpInput>) {
    let stream = match timeout(CONNECT_TIMEOUT, TcpStream::connect(remote)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%remote, %error, "no ICE stream"),
        Err(_elapsed) => return tracing::debug!(%remote, "no ICE stream in time"),
    };
    let Ok(local) = stream.local_addr() else { return };
    // Media is small packets now, not big ones later.
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

/// `None`: too long for its length to be said.
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
    async fn frames_come_out_as_they_went_in() {
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
