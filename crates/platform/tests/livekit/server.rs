//! A real livekit-server: `LIVEKIT_SERVER_BIN`, else the one on `PATH`. Without one this fails, as it would without a
//! compiler: what no server has seen is not tested.

use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{KEY, SECRET, config, key, livekit_at};
use chrono::Utc;
use domain::participant::Role;
use domain::{EgressId, RoomName};
use platform::livekit::{Livekit, LivekitConfig};
use platform::{JoinRequest, Platform, PlatformError, WhichRecordings};
use secrecy::ExposeSecret;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a server may take to come up.
const STARTED_WITHIN: Duration = Duration::from_secs(20);

/// How often a start is tried again, for a port that someone else took in between.
const STARTS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_takes_our_tokens_and_calls() {
    let server = LivekitServer::start().await;
    let livekit = livekit_at(&server.url("ws"), vec![key(KEY, SECRET)]);
    let request = JoinRequest {
        room: RoomName::parse("standup").unwrap(),
        identity: None,
        display_name: "Zoë 寿".to_owned(),
        role: Role::Listener,
        ttl: None,
    };

    let token = livekit.join_token(&request, Utc::now()).unwrap().token;
    let status = server.validate(token.expose_secret()).await;
    let damaged = server.validate(&format!("{}x", token.expose_secret())).await;

    assert_eq!((status, damaged), (200, 401));
    assert!(livekit.ping().await.is_ok());
    assert_eq!(livekit.list_rooms().await.unwrap(), []);
    assert_eq!(livekit.list_participants("standup").await.unwrap(), []);
    assert_eq!(
        livekit.get_participant("standup", &"nobody".into()).await.unwrap(),
        None
    );
    assert!(
        livekit.delete_room("standup").await.is_ok(),
        "no room is as good as a deleted one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_redis_says_that_it_cannot_record() {
    let server = LivekitServer::start().await;
    let livekit = livekit_at(&server.url("http"), vec![]);

    let start = livekit
        .start_track_recording("standup", &"TR_1".into(), "a-{egress_id}.ogg")
        .await;
    let list = livekit.list_recordings("standup", WhichRecordings::Active).await;
    let stop = livekit.stop_recording(&EgressId::from("EG_1")).await;

    assert!(matches!(start, Err(PlatformError::NotFound(..))), "{start:?}");
    assert!(list.unwrap_err().is_transient());
    assert!(stop.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_and_a_server_that_is_down_are_told_apart() {
    let server = LivekitServer::start().await;
    let url = server.url("http");
    let api_secret = "another-secret-that-is-long-enough-000000".into();
    let other_secret = Livekit::new(LivekitConfig {
        api_secret,
        ..config(&url, vec![])
    });

    let refused = other_secret.list_rooms().await.unwrap_err();
    drop(server);
    let gone = livekit_at(&url, vec![]).list_rooms().await.unwrap_err();

    assert!(matches!(refused, PlatformError::Garbled(..)), "{refused:?}");
    assert!(refused.to_string().contains("key and secret"), "{refused}");
    assert!(
        matches!(gone, PlatformError::Unreachable(..)) && gone.is_transient(),
        "{gone:?}"
    );
}

/// A livekit-server of our own, without Redis; ends with the value.
struct LivekitServer {
    process: Child,
    port: u16,
    /// Its configuration and what it says.
    _folder: TempDir,
}

impl LivekitServer {
    async fn start() -> Self {
        for _ in 0..STARTS {
            let mut server = Self::spawn();
            if server.is_up().await {
                return server;
            }
        }
        panic!("livekit-server did not start; is it on PATH or in LIVEKIT_SERVER_BIN?");
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// What the signalling endpoint says of a token, without joining.
    async fn validate(&self, token: &str) -> u16 {
        get(self.port, &format!("/rtc/validate?access_token={token}"))
            .await
            .expect("an answer")
    }

    fn spawn() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_tcp_port();
        let config = folder.path().join("livekit.yaml");
        std::fs::write(&config, configuration(port)).unwrap();
        Self {
            process: command(&config, folder.path()).spawn().expect("livekit-server"),
            port,
            _folder: folder,
        }
    }

    async fn is_up(&mut self) -> bool {
        let until = Instant::now() + STARTED_WITHIN;
        while Instant::now() < until && self.process.try_wait().unwrap().is_none() {
            if get(self.port, "/").await.is_ok_and(|status| status == 200) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }
}

impl Drop for LivekitServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The status of a GET.
async fn get(port: u16, path: &str) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream
        .write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| std::io::Error::other("no status line"))
}

fn command(config: &Path, folder: &Path) -> Command {
    let program = std::env::var_os("LIVEKIT_SERVER_BIN").unwrap_or_else(|| "livekit-server".into());
    let log = std::fs::File::create(folder.join("livekit.log")).unwrap();
    let mut command = Command::new(program);
    command
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    command
}

fn configuration(port: u16) -> String {
    let (tcp, udp) = (free_tcp_port(), free_udp_port());
    format!(
        "port: {port}\nbind_addresses: [127.0.0.1]\nkeys: {{{KEY}: {SECRET}}}\n\
         rtc: {{tcp_port: {tcp}, udp_port: {udp}, node_ip: 127.0.0.1, enable_loopback_candidate: true}}\n"
    )
}

fn free_tcp_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn free_udp_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
