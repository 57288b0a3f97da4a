//! One child process, as the worker sees it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::protocol::{self, Load, ProtocolError, Reply, Request};
use crate::engine::{EngineInfo, Hint};

/// Loading a model of some gigabytes from a slow disk takes a minute.
const LOAD_TIMEOUT: Duration = Duration::from_secs(180);

/// How long to wait for the exit status of a child whose output has ended.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest line of a child's standard error that is kept.
const MAX_LINE_BYTES: u64 = 500;

/// Variables that a child inherits. Ours contain secrets that an engine does not need.
const INHERITED: [&str; 6] = ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME", "LANG", "RUST_BACKTRACE"];

/// What a child says when it must not.
const UNASKED: &str = "sent an answer that was not asked for";

/// The program and arguments that run [`super::serve()`].
#[derive(Clone, Debug)]
pub struct HostCommand {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
}

impl HostCommand {
    /// The name of the hidden subcommand.
    pub const SUBCOMMAND: &str = "engine-host";

    /// Returns the running program with the hidden subcommand. The link in /proc stays valid when an upgrade replaces the
    /// file, so that both ends of the protocol have one version.
    pub fn this_program() -> Self {
        let link = Path::new("/proc/self/exe");
        let program = match link.exists() {
            true => link.to_owned(),
            false => std::env::current_exe().unwrap_or_else(|_| PathBuf::from("trackscribe")),
        };
        Self {
            program,
            arguments: vec![Self::SUBCOMMAND.into()],
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let inherited = INHERITED
            .iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)));
        Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(inherited)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal is the worker's to handle.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

/// Why a child is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    #[error("cannot start {program} for the speech engine")]
    Spawn {
        program: String,
        #[source]
        why: std::io::Error,
    },
    /// It runs, but cannot load the engine.
    #[error("{0}")]
    Missing(String),
    /// It ended, or what it wrote is not an answer.
    #[error("the speech engine's process {how}")]
    Broken {
        how: String,
        #[source]
        why: Option<ProtocolError>,
    },
}

/// A running child with a loaded engine. Dropping it kills the process.
pub struct EngineChild {
    process: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
    last_line: Arc<Mutex<String>>,
    pub info: EngineInfo,
}

impl EngineChild {
    /// Starts a child and loads its engine.
    pub async fn start(command: &HostCommand, load: &Load) -> Result<Self, ChildError> {
        let mut process = command.spawn().map_err(|why| ChildError::Spawn {
            program: command.program.display().to_string(),
            why,
        })?;
        let (Some(requests), Some(replies), Some(errors)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            unreachable!("all three are piped");
        };
        let last_line = Arc::default();
        tokio::spawn(log_lines(errors, Arc::clone(&last_line)));
        let mut child = Self {
            process,
            requests,
            replies: BufReader::new(replies),
            last_line,
            info: protocol::info(String::new(), protocol::Chunks::Windows),
        };
        child.load(load).await?;
        Ok(child)
    }

    async fn load(&mut self, load: &Load) -> Result<(), ChildError> {
        let request = protocol::encode(&Request::Load(load.clone()));
        match self.ask(request, LOAD_TIMEOUT).await? {
            Reply::Loaded { key, chunks } => self.info = protocol::info(key, chunks),
            Reply::Missing { what } | Reply::Failed { what } | Reply::Refused { what } => {
                return Err(ChildError::Missing(what));
            }
            Reply::Transcript { .. } => return Err(self.broken(UNASKED, None)),
        }
        Ok(())
    }

    /// Transcribes one chunk within `limit`. After an error the child is of no further use.
    pub async fn transcribe(&mut self, audio: &[i16], hint: &Hint, limit: Duration) -> Result<Reply, ChildError> {
        let request = Request::Transcribe {
            language: hint.language.clone(),
        };
        let message =
            protocol::encode(&request).and_then(|request| Ok([request, protocol::encode_audio(audio)?].concat()));
        match self.ask(message, limit).await? {
            Reply::Loaded { .. } | Reply::Missing { .. } => Err(self.broken(UNASKED, None)),
            reply => Ok(reply),
        }
    }

    async fn ask(&mut self, message: Result<Vec<u8>, ProtocolError>, limit: Duration) -> Result<Reply, ChildError> {
        let exchange = async {
            self.requests.write_all(&message?).await?;
            self.requests.flush().await?;
            protocol::decode(&protocol::read_async(&mut self.replies).await?)
        };
        match timeout(limit, exchange).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(ProtocolError::Stream(_))) => {
                let how = self.how_it_ended().await;
                Err(self.broken(&how, None))
            }
            Ok(Err(why)) => Err(self.broken("sent something unreadable", Some(why))),
            Err(_) => Err(self.broken(&format!("did not answer within {} s", limit.as_secs()), None)),
        }
    }

    async fn how_it_ended(&mut self) -> String {
        match timeout(EXIT_TIMEOUT, self.process.wait()).await {
            Ok(Ok(status)) => format!("ended with {status}"),
            _ => "closed its output".to_owned(),
        }
    }

    fn broken(&self, how: &str, why: Option<ProtocolError>) -> ChildError {
        let last_line = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        let how = match last_line.as_str() {
            "" => how.to_owned(),
            line => format!("{how}, after it wrote {line:?}"),
        };
        ChildError::Broken { how, why }
    }
}

/// Logs what the child writes to its standard error, and keeps the last line as a hint why it ended.
async fn log_lines(errors: ChildStderr, last_line: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(errors);
    loop {
        let mut line = Vec::new();
        match (&mut lines).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            _ => return,
        }
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if !line.is_empty() {
            tracing::warn!(line, "the speech engine's process wrote to its standard error");
            *last_line.lock().unwrap_or_else(PoisonError::into_inner) = line;
        }
    }
}
