//! Children that misbehave. Each is a short program in Python that speaks the protocol until it does not.

use std::{path::PathBuf, time::Duration};

use super::*;
use crate::engine::{Engine, EngineError, Hint};

/// The functions that a child is made of.
const FUNCTIONS: &str = r#"
import sys, json, struct, os, time
def read():
    n = struct.unpack("<I", sys.stdin.buffer.read(4))[0]
    return sys.stdin.buffer.read(n)
def raw(b):
    sys.stdout.buffer.write(b)
    sys.stdout.buffer.flush()
def send(o):
    b = json.dumps(o).encode()
    raw(struct.pack("<I", len(b)) + b)
def loaded():
    send({"reply": "loaded", "key": "fake/1", "chunks": "utterances"})
def words():
    send({"reply": "transcript", "words": [{"text": "hi", "start_ms": 1, "end_ms": 2}], "avg_logprob": None, "no_speech": None})
read()
"#;

/// Returns an engine whose child does `on_load` and then `on_chunk` with each chunk's bytes, `audio`.
fn engine(on_load: &str, on_chunk: &str) -> HostedEngine {
    let script = format!("{FUNCTIONS}{on_load}\nwhile True:\n    read()\n    audio = read()\n    {on_chunk}\n");
    hosted(HostCommand {
        program: "python3".into(),
        arguments: vec!["-c".into(), script.into()],
    })
}

fn hosted(command: HostCommand) -> HostedEngine {
    let load = Load {
        engine: LoadEngine::Pocketsphinx {
            library: None,
            model: None,
        },
        memory_bytes: 1 << 30,
        niceness: 0,
    };
    let mut engine = HostedEngine::new(command, load, 1);
    engine.max_pause = Duration::from_millis(10);
    engine
}

async fn transcribe(engine: &HostedEngine, audio: Vec<i16>) -> Result<usize, EngineError> {
    let transcript = engine.transcribe(audio.into(), &Hint::default()).await?;
    Ok(transcript.words.len())
}

#[tokio::test]
async fn a_child_loads_once_and_transcribes_chunk_after_chunk() {
    let folder = tempfile::tempdir().unwrap();
    let starts = folder.path().join("starts");
    let engine = engine(&format!("open({starts:?}, 'a').write('x'); loaded()"), "words()");

    let info = engine.ready().await.unwrap();
    let first = transcribe(&engine, vec![7; 100]).await.unwrap();
    let second = transcribe(&engine, vec![8; 100]).await.unwrap();

    assert_eq!((info.key.as_str(), first, second), ("fake/1", 1, 1));
    assert_eq!(std::fs::read_to_string(starts).unwrap(), "x");
}

#[tokio::test]
async fn a_chunk_that_kills_its_child_is_given_up_and_the_next_is_transcribed() {
    let engine = engine("loaded()", "os.abort() if audio[0] == 66 else words()");

    let bad = transcribe(&engine, vec![66; 100]).await.unwrap_err();
    let good = transcribe(&engine, vec![7; 100]).await.unwrap();

    assert!(matches!(bad, EngineError::Crashed { .. }), "{bad:?}");
    assert!(bad.to_string().contains("signal: 6"), "{bad}");
    assert_eq!(good, 1);
}

#[tokio::test]
async fn an_engine_that_fails_on_everything_is_unavailable_and_no_chunk_is_to_blame() {
    let engine = engine("loaded()", "sys.exit(3)");

    let error = transcribe(&engine, vec![7; 100]).await.unwrap_err();

    assert!(matches!(error, EngineError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("exit status: 3"), "{error}");
}

#[tokio::test]
async fn hostile_answers_cost_the_child_and_nothing_else() {
    for hostile in [
        r"raw(b'\xff\xff\xff\xff' * 1000)",
        "raw(b'Segmentation fault')",
        "send({'reply': 'loaded', 'key': 'x', 'chunks': 'windows'})",
        "send({'reply': 'transcript', 'words': [{'text': 7}]})",
        "send([1, 2, 3])",
        "os.close(1)",
    ] {
        let engine = engine(
            "loaded()",
            &format!("({hostile}, sys.exit(0)) if any(audio) else words()"),
        );

        let error = transcribe(&engine, vec![7; 10]).await.unwrap_err();

        assert!(matches!(error, EngineError::Crashed { .. }), "{hostile}: {error:?}");
    }
}

#[tokio::test]
async fn an_engine_that_cannot_be_loaded_says_why_and_can_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    let on_load =
        format!("loaded() if os.path.exists({model:?}) else send({{'reply': 'missing', 'what': 'install it'}})");
    let missing = engine(&on_load, "words()");
    let no_program = hosted(HostCommand {
        program: "/nowhere/trackscribe".into(),
        arguments: Vec::new(),
    });

    let errors = [
        missing.ready().await.unwrap_err(),
        no_program.ready().await.unwrap_err(),
    ];
    std::fs::write(model, "").unwrap();

    assert!(
        errors.iter().all(|e| matches!(e, EngineError::Unavailable { .. })),
        "{errors:?}"
    );
    assert!(errors[0].to_string().contains("install it"), "{}", errors[0]);
    assert!(errors[1].to_string().contains("/nowhere/trackscribe"), "{}", errors[1]);
    assert_eq!(missing.ready().await.unwrap().key, "fake/1");
}

#[tokio::test]
async fn a_dropped_request_kills_its_child() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let engine = engine(
        &format!("open({file:?}, 'w').write(str(os.getpid())); loaded()"),
        "time.sleep(3600)",
    );
    engine.ready().await.unwrap();
    let pid = std::fs::read_to_string(file).unwrap();
    // A zombie has no open files.
    let input = PathBuf::from(format!("/proc/{pid}/fd/0"));

    let waited = tokio::time::timeout(Duration::from_millis(50), transcribe(&engine, vec![7; 10])).await;

    assert!(waited.is_err());
    crate::support::eventually("the child is gone", || async { !input.exists() }).await;
}

#[tokio::test]
async fn a_child_that_hangs_is_killed_and_another_transcribes_the_chunk() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let mut engine = engine(
        &format!("open({file:?}, 'a').write(f'{{os.getpid()}}\\n'); loaded()"),
        &format!("time.sleep(3600) if len(open({file:?}).readlines()) == 1 else words()"),
    );
    engine.base_timeout = Duration::from_millis(500);

    let words = transcribe(&engine, vec![7; 100]).await.unwrap();

    let pids = std::fs::read_to_string(file).unwrap();
    let (hung, _) = pids.split_once('\n').unwrap();
    let input = PathBuf::from(format!("/proc/{hung}/fd/0"));
    assert_eq!((words, pids.lines().count()), (1, 2));
    crate::support::eventually("the child that hung is gone", || async { !input.exists() }).await;
}
