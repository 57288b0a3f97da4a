//! A livekit-server of a test's own, on a Redis of its own: Redis' messages ignore the database number, so two
//! livekit-servers on one Redis would hear each other.

use std::{fs, process::Command, time::Duration};

use livekit_api::{
    access_token::{AccessToken, VideoGrants},
    services::{egress::EgressClient, room::RoomClient},
};
use tempfile::TempDir;

use super::{End, PORT_TRIES, Port, Process, ProgramEnded, RedisServer, answers};

/// The key of a test's livekit-server.
const API_KEY: &str = "test-key";

/// How long a token of [`LivekitServer::token`] is good for.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// What a test may want to be different.
#[derive(Clone, Debug)]
pub struct LivekitBuilder {
    webhook_urls: Vec<String>,
    departure_timeout_s: u32,
    empty_timeout_s: u32,
    extra: String,
}

impl Default for LivekitBuilder {
    fn default() -> Self {
        Self {
            webhook_urls: Vec::new(),
            departure_timeout_s: 2,
            empty_timeout_s: 20,
            extra: String::new(),
        }
    }
}

impl LivekitBuilder {
    /// Where every event is posted to, signed with the server's own key.
    pub fn webhook(mut self, url: impl Into<String>) -> Self {
        self.webhook_urls.push(url.into());
        self
    }

    /// How long a room stays after the last participant left; 2 s unless told.
    pub fn departure_timeout_s(mut self, seconds: u32) -> Self {
        self.departure_timeout_s = seconds;
        self
    }

    /// More of LiveKit's configuration: whole top-level sections as YAML.
    pub fn config(mut self, yaml: &str) -> Self {
        self.extra.push_str(yaml);
        self
    }

    /// # Panics
    /// When livekit-server is not installed or does not start.
    pub async fn start(self, redis: &RedisServer) -> LivekitServer {
        for _ in 0..PORT_TRIES {
            let mut server = LivekitServer::launch(&self, redis);
            if server.wait().await.is_ok() {
                return server;
            }
            eprintln!("livekit-server ended, trying other ports: {}", server.process.log());
        }
        panic!("livekit-server does not start; is it installed? scripts/install-deps.sh tests");
    }
}

/// One running livekit-server: real signalling, real media over UDP and TCP on the loopback interface.
#[derive(Debug)]
pub struct LivekitServer {
    process: Process,
    ports: [Port; 3],
    secret: String,
    folder: TempDir,
}

impl LivekitServer {
    /// One without webhooks.
    pub async fn start(redis: &RedisServer) -> Self {
        Self::builder().start(redis).await
    }

    pub fn builder() -> LivekitBuilder {
        LivekitBuilder::default()
    }

    /// `ws://…`, for clients.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.ports[0].number())
    }

    /// `http://…`, for API calls.
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0].number())
    }

    pub fn api_key(&self) -> &str {
        API_KEY
    }

    pub fn api_secret(&self) -> &str {
        &self.secret
    }

    pub fn rooms(&self) -> RoomClient {
        super::use_tls_provider();
        RoomClient::with_api_key(&self.http_url(), API_KEY, &self.secret)
    }

    pub fn egress(&self) -> EgressClient {
        super::use_tls_provider();
        EgressClient::with_api_key(&self.http_url(), API_KEY, &self.secret)
    }

    /// A token that lets `identity` into `room`, to publish and to subscribe.
    pub fn token(&self, room: &str, identity: &str) -> String {
        self.token_with(
            identity,
            VideoGrants {
                room_join: true,
                room: room.to_owned(),
                ..VideoGrants::default()
            },
        )
    }

    /// A token with these grants.
    pub fn token_with(&self, identity: &str, grants: VideoGrants) -> String {
        AccessToken::with_api_key(API_KEY, &self.secret)
            .with_identity(identity)
            .with_name(identity)
            .with_ttl(TOKEN_LIFE)
            .with_grants(grants)
            .to_jwt()
            .expect("a token of good grants can be signed")
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after `kill`, on the same ports.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        self.process = start_process(&self.folder);
        self.wait().await.expect("the ports are still ours");
    }

    fn launch(builder: &LivekitBuilder, redis: &RedisServer) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let ports = [Port::choose(), Port::choose(), Port::choose()];
        let secret = hex::encode(rand::random::<[u8; 24]>());
        fs::write(
            folder.path().join("livekit.yaml"),
            config(builder, &ports, &secret, redis),
        )
        .expect("the test's folder can be written");
        Self {
            process: start_process(&folder),
            ports,
            secret,
            folder,
        }
    }

    async fn wait(&mut self) -> Result<(), ProgramEnded> {
        super::use_tls_provider();
        let (url, client) = (self.http_url(), reqwest::Client::new());
        answers(&mut self.process, async || {
            client.get(&url).send().await.is_ok_and(|r| r.status().is_success())
        })
        .await
    }
}

fn start_process(folder: &TempDir) -> Process {
    let mut command = Command::new("livekit-server");
    command.arg("--config").arg(folder.path().join("livekit.yaml"));
    Process::start("livekit", &command, folder.path(), End::TwoSignals)
}

fn config(builder: &LivekitBuilder, ports: &[Port; 3], secret: &str, redis: &RedisServer) -> String {
    let [signal, tcp, udp] = ports.each_ref().map(Port::number);
    let LivekitBuilder {
        webhook_urls,
        departure_timeout_s,
        empty_timeout_s,
        extra,
    } = builder;
    let urls: String = webhook_urls.iter().map(|url| format!("    - {url}\n")).collect();
    let webhook = if urls.is_empty() {
        urls
    } else {
        format!("  urls:\n{urls}")
    };
    format!(
        "port: {signal}\nbind_addresses: [127.0.0.1]\n\
         rtc:\n  tcp_port: {tcp}\n  udp_port: {udp}\n  node_ip: 127.0.0.1\n  enable_loopback_candidate: true\n\
         redis:\n  address: {address}\n  password: {password}\n\
         keys:\n  {API_KEY}: {secret}\n\
         webhook:\n  api_key: {API_KEY}\n{webhook}\
         room:\n  departure_timeout: {departure_timeout_s}\n  empty_timeout: {empty_timeout_s}\n\
         logging:\n  level: info\n\
         {extra}",
        address = redis.address(),
        password = redis.password(),
    )
}
