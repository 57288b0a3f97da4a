//! A proxy in front of an S3 server that can be down, refuse, or break off.

use std::{io, net::Ipv4Addr};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use super::signal::find;

/// Longest head of a request.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// What the store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreMood {
    Up,
    /// Connections are closed at once.
    Down,
    /// Every request is refused, as with wrong credentials.
    Denied,
    /// Every third request is answered with 503.
    OneInThree,
    /// The connection is closed in the middle of every body.
    CutBody,
}

/// A proxy. It stops when it is dropped.
pub struct S3Proxy {
    pub port: u16,
    mood: watch::Sender<StoreMood>,
    task: JoinHandle<()>,
}

impl S3Proxy {
    pub async fn start(upstream: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no port is free")?;
        let port = listener.local_addr()?.port();
        let (mood, receiver) = watch::channel(StoreMood::Up);
        let task = tokio::spawn(accept(listener, upstream, receiver));
        Ok(Self { port, mood, task })
    }

    pub fn set(&self, mood: StoreMood) {
        self.mood.send_replace(mood);
    }
}

impl Drop for S3Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, upstream: u16, mood: watch::Receiver<StoreMood>) {
    let mut count = 0_u64;
    while let Ok((client, _)) = listener.accept().await {
        count += 1;
        let mood = *mood.borrow();
        let exchange = Exchange {
            client,
            upstream,
            mood,
            count,
        };
        tokio::spawn(exchange.run());
    }
}

/// One request and its response; every connection carries one.
struct Exchange {
    client: TcpStream,
    upstream: u16,
    mood: StoreMood,
    count: u64,
}

impl Exchange {
    async fn run(mut self) -> io::Result<()> {
        if self.mood == StoreMood::Down {
            return Ok(());
        }
        let (head, body) = self.read_head().await?;
        let length = content_length(&head);
        match self.mood {
            StoreMood::Denied => {
                self.refuse("403 Forbidden", "InvalidAccessKeyId", length, body.len())
                    .await
            }
            StoreMood::OneInThree if self.count.is_multiple_of(3) => {
                self.refuse("503 Service Unavailable", "SlowDown", length, body.len())
                    .await
            }
            _ => self.forward(&head, &body, length).await,
        }
    }

    /// Reads up to the empty line, and what follows it already.
    async fn read_head(&mut self) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let mut head = Vec::new();
        loop {
            if let Some(end) = find(&head, b"\r\n\r\n") {
                let body = head.split_off(end + 4);
                return Ok((head, body));
            }
            if self.client.read_buf(&mut head).await? == 0 || head.len() > MAX_HEAD_BYTES {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads the request to its end, so that the client reads the answer.
    async fn refuse(mut self, status: &str, code: &str, length: u64, already: usize) -> io::Result<()> {
        self.client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        let mut rest = (&mut self.client).take(length.saturating_sub(already as u64));
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
        let body = format!("<Error><Code>{code}</Code><Message>a fault of the bench</Message></Error>");
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        self.client.write_all(answer.as_bytes()).await
    }

    async fn forward(mut self, head: &[u8], body: &[u8], length: u64) -> io::Result<()> {
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.upstream)).await?;
        server.write_all(&closing(head)).await?;
        server.write_all(body).await?;
        let (mut client_in, mut client_out) = self.client.split();
        let (mut server_in, mut server_out) = server.split();
        let (mut upload, mut download) = (u64::MAX, u64::MAX);
        if self.mood == StoreMood::CutBody {
            (upload, download) = (length / 2, 1000);
        }
        let mut request = (&mut client_in).take(upload.min(length.saturating_sub(body.len() as u64)));
        let mut response = (&mut server_in).take(download);
        let answer = tokio::io::copy(&mut response, &mut client_out);
        tokio::pin!(answer);
        tokio::select! {
            answered = &mut answer => return answered.map(drop),
            sent = tokio::io::copy(&mut request, &mut server_out) => sent?,
        };
        if self.mood == StoreMood::CutBody && length > 0 {
            return Ok(());
        }
        answer.await.map(drop)
    }
}

fn content_length(head: &[u8]) -> u64 {
    header(head, "content-length")
        .and_then(|value| value.parse().ok())
        .unwrap_or_default()
}

fn header(head: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// The head with a request to close the connection, which no signature covers.
fn closing(head: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(head);
    let lines = text.trim_end().lines();
    let kept = lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head: String = kept.map(|line| format!("{line}\r\n")).collect();
    format!("{head}Connection: close\r\n\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_kept_apart_from_the_connection() {
        let head = b"PUT /b/k HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 12\r\n\r\n";

        let text = String::from_utf8(closing(head)).unwrap();

        assert_eq!(
            text,
            "PUT /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(content_length(head), 12);
        assert_eq!(content_length(b"GET / HTTP/1.1\r\n\r\n"), 0);
    }
}
