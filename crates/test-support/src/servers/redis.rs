//! A redis-server for one test.

use std::fs;

use tempfile::TempDir;

use super::{ExitedEarly, PORT_ATTEMPTS, Port, Process, wait_until_ready};

/// Redis configured as Trackscribe needs it: with a password and an append-only file, and without eviction.
#[derive(Debug)]
pub struct RedisServer {
    process: Process,
    port: Port,
    password: String,
    folder: TempDir,
}

impl RedisServer {
    /// # Panics
    /// When redis-server is not installed or does not start.
    pub async fn start() -> Self {
        for _ in 0..PORT_ATTEMPTS {
            let mut server = Self::launch();
            if server.wait_until_ready().await.is_ok() {
                return server;
            }
            eprintln!("redis-server exited, trying another port: {}", server.process.log());
        }
        panic!("cannot start redis-server; install it with scripts/install-deps.sh tests");
    }

    /// `HOST:PORT`, as in LiveKit's configuration.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    pub fn password(&self) -> &str {
        &self.password
    }

    pub fn url(&self) -> String {
        format!("redis://:{}@{}/0", self.password, self.address())
    }

    /// # Panics
    /// When redis-server does not answer.
    pub async fn connect(&self) -> redis::aio::MultiplexedConnection {
        self.client()
            .get_multiplexed_async_connection()
            .await
            .expect("redis-server answers")
    }

    /// Deletes every key.
    ///
    /// # Panics
    /// When redis-server does not answer.
    pub async fn flush(&self) {
        let flushed = redis::cmd("FLUSHALL").query_async(&mut self.connect().await).await;
        let () = flushed.expect("redis-server answers");
    }

    /// Stops it with SIGTERM, after which the append-only file is complete.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Kills it, as a crash would. Every write that was answered is in the append-only file.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill`](Self::kill), on the same port and with the same data.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        self.process = start_process(&self.folder);
        self.wait_until_ready().await.expect("the port is still free");
    }

    fn launch() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let (port, password) = (Port::reserve(), hex::encode(rand::random::<[u8; 16]>()));
        let config = format!(
            "bind 127.0.0.1\nport {}\nrequirepass {password}\ndir {}\n\
             appendonly yes\nappendfsync everysec\nsave \"\"\nmaxmemory-policy noeviction\n",
            port.number(),
            folder.path().display()
        );
        fs::write(folder.path().join("redis.conf"), config).expect("the test's folder is writable");
        Self {
            process: start_process(&folder),
            port,
            password,
            folder,
        }
    }

    fn client(&self) -> redis::Client {
        redis::Client::open(self.url()).expect("the URL is well-formed")
    }

    async fn wait_until_ready(&mut self) -> Result<(), ExitedEarly> {
        let client = self.client();
        wait_until_ready(&mut self.process, async || {
            let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
                return false;
            };
            redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
        })
        .await
    }
}

fn start_process(folder: &TempDir) -> Process {
    let mut command = Process::command("redis-server");
    command.arg(folder.path().join("redis.conf")); // contains the password, which must not be an argument
    Process::start("redis", command, folder.path())
}
