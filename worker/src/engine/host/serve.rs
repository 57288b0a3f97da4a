//! The child: loads an engine, and transcribes what the worker sends.

use std::{
    io::{self, Read, Write},
    os::fd::AsFd,
    process::ExitCode,
    sync::{Arc, mpsc},
    thread,
};

use rustix::process::{Resource, Rlimit};

use super::protocol::{self, Load, ProtocolError, Reply, Request};
use crate::{
    engine::{Engine, EngineError, Hint, config},
    log::chain,
};

/// Requests that are read while one is handled. The worker sends one at a time.
const READ_AHEAD: usize = 1;

/// Tells Linux which process to end first when the memory of the machine or container is exhausted: this one. Its chunk is
/// transcribed again, while what a recorder hears meanwhile is lost.
const OUT_OF_MEMORY_SCORE: &str = "1000";

/// A request with its samples.
type Received = (Request, Vec<i16>);

/// Serves until standard input ends, which also happens when the worker ends.
pub fn serve() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("engine-host: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), ProtocolError> {
    let mut replies = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?);
    // Libraries print; what they print must not get between our replies.
    rustix::stdio::dup2_stdout(io::stderr().as_fd()).map_err(io::Error::from)?;
    let (sender, requests) = mpsc::sync_channel(READ_AHEAD);
    thread::spawn(move || {
        if let Err(error) = receive(&mut io::stdin().lock(), &sender) {
            // The worker has ended, or has dropped this child. Nobody waits for the thread that computes.
            let is_end = matches!(&error, ProtocolError::Stream(why) if why.kind() == io::ErrorKind::UnexpectedEof);
            std::process::exit(i32::from(!is_end));
        }
    });
    let mut host = Host::new()?;
    for (request, audio) in requests {
        let reply = host.answer(request, audio);
        let message = protocol::encode(&reply).or_else(|error| {
            let what = format!("the engine's answer cannot be sent: {error}");
            protocol::encode(&Reply::Failed { what })
        })?;
        replies.write_all(&message)?;
    }
    Ok(())
}

/// Passes on requests until one is unreadable.
fn receive(input: &mut impl Read, sender: &mpsc::SyncSender<Received>) -> Result<(), ProtocolError> {
    loop {
        let request: Request = protocol::decode(&protocol::read(input)?)?;
        let audio = match request {
            Request::Load(_) => Vec::new(),
            Request::Transcribe { .. } => protocol::decode_audio(&protocol::read(input)?)?,
        };
        if sender.send((request, audio)).is_err() {
            return Ok(());
        }
    }
}

struct Host {
    runtime: tokio::runtime::Runtime,
    engine: Option<Arc<dyn Engine>>,
}

impl Host {
    fn new() -> io::Result<Self> {
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread().build()?,
            engine: None,
        })
    }

    fn answer(&mut self, request: Request, audio: Vec<i16>) -> Reply {
        let answer = match request {
            Request::Load(load) => self.load(&load),
            Request::Transcribe { language } => self.transcribe(audio, &Hint { language }),
        };
        answer.unwrap_or_else(|error| match error {
            EngineError::Refused(what) => Reply::Refused { what },
            other => Reply::Failed { what: chain(&other) },
        })
    }

    fn load(&mut self, load: &Load) -> Result<Reply, EngineError> {
        limit(load);
        let engine = match config::load(&load.engine) {
            Ok(engine) => engine,
            Err(error) => return Ok(Reply::Missing { what: chain(&error) }),
        };
        let info = self.runtime.block_on(engine.ready())?;
        self.engine = Some(engine);
        Ok(Reply::loaded(&info))
    }

    fn transcribe(&self, audio: Vec<i16>, hint: &Hint) -> Result<Reply, EngineError> {
        let Some(engine) = &self.engine else {
            return Err(EngineError::Refused("no engine was loaded".to_owned()));
        };
        let transcript = self.runtime.block_on(engine.transcribe(audio.into(), hint))?;
        Ok(Reply::transcript(transcript))
    }
}

/// Limits this process. A limit that the system does not allow is named, and the engine runs without it.
fn limit(load: &Load) {
    let memory = Rlimit {
        current: Some(load.memory_bytes),
        maximum: Some(load.memory_bytes),
    };
    if let Err(error) = rustix::process::setrlimit(Resource::As, memory) {
        eprintln!("cannot limit the memory of the speech engine: {error}");
    }
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE) {
        eprintln!("cannot offer the speech engine to the system when memory runs out: {error}");
    }
    if let Err(error) = rustix::process::nice(load.niceness) {
        eprintln!("cannot lower the priority of the speech engine: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(bytes: &[u8]) -> (Vec<Received>, ProtocolError) {
        let (sender, requests) = mpsc::sync_channel(8);
        let error = receive(&mut &bytes[..], &sender).unwrap_err();
        drop(sender);
        (requests.iter().collect(), error)
    }

    #[test]
    fn requests_are_read_until_the_worker_ends() {
        let request = protocol::encode(&Request::Transcribe { language: None }).unwrap();
        let stream = [request, protocol::encode_audio(&[1, 2]).unwrap()].concat();

        let (requests, error) = received(&stream);

        assert_eq!(requests, [(Request::Transcribe { language: None }, vec![1, 2])]);
        assert!(matches!(error, ProtocolError::Stream(_)));
    }

    #[test]
    fn hostile_requests_end_the_child() {
        let request = protocol::encode(&Request::Transcribe { language: None }).unwrap();
        let odd = [request, protocol::frame(b"odd").unwrap()].concat();

        assert!(matches!(received(&odd).1, ProtocolError::OddLength));
        assert!(matches!(received(b"\xff\xff\xff\xff").1, ProtocolError::TooLong(_)));
        assert!(matches!(
            received(&protocol::frame(b"[]").unwrap()).1,
            ProtocolError::Unreadable(_)
        ));
    }

    #[test]
    fn a_request_before_the_engine_is_loaded_is_refused() {
        let mut host = Host::new().unwrap();

        let reply = host.answer(Request::Transcribe { language: None }, vec![0; 10]);

        assert!(matches!(reply, Reply::Refused { .. }), "{reply:?}");
    }
}
