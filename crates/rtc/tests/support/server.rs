//! Starts livekit-server on free ports and ends it with the test.

use std::{
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rtc::{ConnectConfig, token::ApiKey};
use tempfile::TempDir;
use url::Url;

/// Between finding a free port and the server's taking it someone else may take it.
const TRIES: u32 = 5;
/// A started server answers within 0.2 s on an idle machine.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Lines of LiveKit's configuration under `rtc:`, beyond the ports.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerOptions {
    pub rtc: &'static [&'static str],
}

pub struct LiveKit {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl LiveKit {
    pub fn start() -> Self {
        Self::start_with(ServerOptions::default())
    }

    pub fn start_with(options: ServerOptions) -> Self {
        // `RUST_LOG` shows what the client does; a second test of the process finds it there.
        let _already_there = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        for _ in 0..TRIES {
            if let Some(server) = Self::try_start(options) {
                return server;
            }
        }
        panic!("livekit-server did not start on {TRIES} sets of free ports; its log is above");
    }

    pub fn key() -> ApiKey {
        ApiKey::new("devkey", "secretsecretsecretsecretsecretsecret")
    }

    pub fn url(&self) -> Url {
        Url::parse(&format!("ws://127.0.0.1:{}", self.port)).unwrap()
    }

    /// Of a hidden recorder.
    pub fn recorder(&self, room: &str) -> ConnectConfig {
        let room = room.to_owned();
        ConnectConfig::new(self.url(), move || {
            Self::key().recorder_token(&room, "recorder").unwrap()
        })
    }

    pub fn speaker(&self, room: &str, identity: &str) -> ConnectConfig {
        let (room, identity) = (room.to_owned(), identity.to_owned());
        ConnectConfig::new(self.url(), move || {
            Self::key().publisher_token(&room, &identity, &identity).unwrap()
        })
    }

    fn try_start(options: ServerOptions) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let (port, config) = config(options);
        let log = File::create(folder.path().join("log")).unwrap();
        let program = std::env::var("LIVEKIT_SERVER_BIN").unwrap_or_else(|_| "livekit-server".into());
        let process = Command::new(&program)
            .args(["--config-body", &config])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} cannot be run ({error}); set LIVEKIT_SERVER_BIN"));
        let mut server = Self { process, port, folder };
        server.answers().then_some(server)
    }

    /// Waits until it does, or its process has ended.
    fn answers(&mut self) -> bool {
        let until = Instant::now() + START_TIMEOUT;
        while Instant::now() < until {
            if self.process.try_wait().unwrap().is_some() {
                break;
            }
            if self.answers_now().is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("{}", self.log());
        false
    }

    fn answers_now(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        stream.read_exact(&mut [0; 12])
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for LiveKit {
    fn drop(&mut self) {
        let _may_have_ended = self.process.kill();
        let _reaped = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- livekit-server:\n{}", self.log());
        }
    }
}

fn config(options: ServerOptions) -> (u16, String) {
    let port = free_tcp_port();
    let mut config = format!(
        "port: {port}\nbind_addresses: [127.0.0.1]\nkeys: {{devkey: secretsecretsecretsecretsecretsecret}}\n\
         logging: {{level: info, pion_level: error}}\nrtc:\n  node_ip: 127.0.0.1\n  enable_loopback_candidate: true\n  \
         use_external_ip: false\n  tcp_port: {}\n  udp_port: {}\n",
        free_tcp_port(),
        free_udp_port(),
    );
    for line in options.rtc {
        config.push_str(&format!("  {line}\n"));
    }
    (port, config)
}

fn free_tcp_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn free_udp_port() -> u16 {
    UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}
