//! A livekit-server for one test.

use std::fs;

use livekit_api::services::{egress::EgressClient, room::RoomClient};
use rtc::{
    ConnectConfig,
    token::{ApiKey, TokenError},
};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use super::{ExitedEarly, PORT_ATTEMPTS, Port, Process, RedisServer, process::program, wait_until_ready};

/// Names the program, for machines where it is not on `PATH`.
const PROGRAM_VARIABLE: &str = "LIVEKIT_SERVER_BIN";

/// Settings of a [`LivekitServer`].
#[derive(Clone, Debug)]
pub struct LivekitBuilder {
    api_key: ApiKey,
    redis: Option<String>,
    webhook_url: Option<String>,
    rtc: String,
}

impl Default for LivekitBuilder {
    fn default() -> Self {
        Self {
            api_key: ApiKey::new("test-key", hex::encode(rand::random::<[u8; 24]>())),
            redis: None,
            webhook_url: None,
            rtc: String::new(),
        }
    }
}

impl LivekitBuilder {
    /// The server's only API key. By default it has a random secret.
    pub fn api_key(mut self, key: &str, secret: &str) -> Self {
        self.api_key = ApiKey::new(key, secret);
        self
    }

    /// Enables egress through this Redis. Give each server its own: pub/sub ignores the database number, so two
    /// livekit-servers on one Redis would receive each other's messages.
    pub fn redis(mut self, redis: &RedisServer) -> Self {
        self.redis = Some(format!(
            "redis:\n  address: {}\n  password: {}\n",
            redis.address(),
            redis.password()
        ));
        self
    }

    /// Where every event is posted to, signed with the server's API key.
    pub fn webhook(mut self, url: impl Into<String>) -> Self {
        self.webhook_url = Some(url.into());
        self
    }

    /// Adds a line to the section `rtc` of LiveKit's configuration, such as `force_tcp: true`.
    pub fn rtc(mut self, line: &str) -> Self {
        self.rtc.push_str(&format!("  {line}\n"));
        self
    }

    /// # Panics
    /// When livekit-server is not installed or does not start.
    pub async fn start(self) -> LivekitServer {
        for _ in 0..PORT_ATTEMPTS {
            let mut server = LivekitServer::launch(&self);
            if server.wait_until_ready().await.is_ok() {
                return server;
            }
            eprintln!("livekit-server exited, trying other ports: {}", server.process.log());
        }
        panic!(
            "cannot start livekit-server; install it with scripts/install-deps.sh tests, or set {PROGRAM_VARIABLE} to \
             its path"
        );
    }

    fn config(&self, ports: &[Port; 3]) -> String {
        let [signal, tcp, udp] = ports.each_ref().map(Port::number);
        let (key, secret) = (&self.api_key.key, self.api_key.secret.expose_secret());
        let redis = self.redis.as_deref().unwrap_or_default();
        let webhook_urls = self
            .webhook_url
            .iter()
            .map(|url| format!("  urls:\n    - {url}\n"))
            .collect::<String>();
        format!(
            "port: {signal}\nbind_addresses: [127.0.0.1]\n\
             rtc:\n  tcp_port: {tcp}\n  udp_port: {udp}\n  node_ip: 127.0.0.1\n  enable_loopback_candidate: true\n  \
             use_external_ip: false\n{rtc}\
             {redis}\
             keys:\n  {key}: {secret}\n\
             webhook:\n  api_key: {key}\n{webhook_urls}\
             room:\n  departure_timeout: 2\n  empty_timeout: 20\n\
             logging:\n  level: info\n  pion_level: error\n",
            rtc = self.rtc,
        )
    }
}

/// A livekit-server with real signalling, and real media over UDP and TCP on the loopback interface.
#[derive(Debug)]
pub struct LivekitServer {
    process: Process,
    ports: [Port; 3],
    api_key: ApiKey,
    folder: TempDir,
}

impl LivekitServer {
    /// Starts one that supports egress and sends no webhooks.
    pub async fn start(redis: &RedisServer) -> Self {
        Self::builder().redis(redis).start().await
    }

    /// Starts one that supports no egress and sends no webhooks.
    pub async fn start_without_redis() -> Self {
        Self::builder().start().await
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

    pub fn api_key(&self) -> &ApiKey {
        &self.api_key
    }

    pub fn api_secret(&self) -> &str {
        self.api_key.secret.expose_secret()
    }

    pub fn rooms(&self) -> RoomClient {
        crate::use_tls_provider();
        RoomClient::with_api_key(&self.http_url(), &self.api_key.key, self.api_secret())
    }

    pub fn egress(&self) -> EgressClient {
        crate::use_tls_provider();
        EgressClient::with_api_key(&self.http_url(), &self.api_key.key, self.api_secret())
    }

    /// Connects a hidden recorder to `room`.
    pub fn recorder_config(&self, room: &str) -> ConnectConfig {
        let (key, room) = (self.api_key.clone(), room.to_owned());
        self.connect_config(move || key.recorder_token(&room, "recorder"))
    }

    /// Connects a participant that publishes and does not subscribe.
    pub fn publisher_config(&self, room: &str, identity: &str) -> ConnectConfig {
        let (key, room, identity) = (self.api_key.clone(), room.to_owned(), identity.to_owned());
        self.connect_config(move || key.publisher_token(&room, &identity, &identity))
    }

    /// The status with which the signalling endpoint answers a token, without joining.
    ///
    /// # Panics
    /// When livekit-server does not answer.
    pub async fn validate(&self, token: &str) -> u16 {
        let url = format!("{}/rtc/validate?access_token={token}", self.http_url());
        let response = reqwest::get(url).await.expect("livekit-server answers");
        response.status().as_u16()
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after [`kill`](Self::kill), on the same ports.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        self.process = start_process(&self.folder);
        self.wait_until_ready().await.expect("the ports are still free");
    }

    fn launch(builder: &LivekitBuilder) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let ports = [Port::reserve(), Port::reserve(), Port::reserve()];
        let config = builder.config(&ports);
        fs::write(folder.path().join("livekit.yaml"), config).expect("the test's folder is writable");
        Self {
            process: start_process(&folder),
            ports,
            api_key: builder.api_key.clone(),
            folder,
        }
    }

    fn connect_config(
        &self,
        token: impl Fn() -> Result<SecretString, TokenError> + Send + Sync + 'static,
    ) -> ConnectConfig {
        let url = self.url().parse().expect("the URL is well-formed");
        ConnectConfig::new(url, move || token().expect("room and identity are not empty"))
    }

    async fn wait_until_ready(&mut self) -> Result<(), ExitedEarly> {
        crate::use_tls_provider();
        let (url, client) = (self.http_url(), reqwest::Client::new());
        wait_until_ready(&mut self.process, async || {
            client.get(&url).send().await.is_ok_and(|r| r.status().is_success())
        })
        .await
    }
}

fn start_process(folder: &TempDir) -> Process {
    let mut command = Process::command(program(PROGRAM_VARIABLE, "livekit-server"));
    command.arg("--config").arg(folder.path().join("livekit.yaml"));
    Process::start("livekit", command, folder.path())
}
