//! A redis-server of a test's own.

use std::{fs, process::Command};

use tempfile::TempDir;

use super::{End, PORT_TRIES, Port, Process, answers};

/// Redis as an operator should run it: a password, an append-only file, nothing evicted.
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
        for _ in 0..PORT_TRIES {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let (port, password) = (Port::choose(), hex::encode(rand::random::<[u8; 16]>()));
            let config = format!(
                "bind 127.0.0.1\nport {}\nrequirepass {password}\ndir {}\n\
                 appendonly yes\nappendfsync everysec\nsave \"\"\nmaxmemory-policy noeviction\n",
                port.number(),
                folder.path().display()
            );
            fs::write(folder.path().join("redis.conf"), config).expect("the test's folder can be written");
            let process = launch(&folder);
            let mut server = Self {
                process,
                port,
                password,
                folder,
            };
            if server.wait().await.is_ok() {
                return server;
            }
            eprintln!("redis-server ended, trying another port: {}", server.process.log());
        }
        panic!("redis-server does not start; is it installed? scripts/install-deps.sh tests");
    }

    /// `HOST:PORT`, as LiveKit's configuration wants it.
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
    /// When it does not answer.
    pub async fn connect(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("the address is well-formed");
        client
            .get_multiplexed_async_connection()
            .await
            .expect("redis-server answers")
    }

    /// Ends it in order: what was written is in the append-only file.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Starts it again after `stop`, on the same port and with the data that it had.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        self.process = launch(&self.folder);
        self.wait().await.expect("the port is still ours");
    }

    async fn wait(&mut self) -> Result<(), super::ProgramEnded> {
        let client = redis::Client::open(self.url()).expect("the address is well-formed");
        answers(&mut self.process, async || {
            let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
                return false;
            };
            redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
        })
        .await
    }
}

fn launch(folder: &TempDir) -> Process {
    let mut command = Command::new("redis-server");
    command.arg(folder.path().join("redis.conf")); // the password stands in the file, not among the arguments
    Process::start("redis", &command, folder.path(), End::OneSignal)
}
