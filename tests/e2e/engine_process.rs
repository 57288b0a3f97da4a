//! The process of the speech engine is killed and runs out of memory in the middle of a chunk.

use std::{fs, path::Path, process::Command, time::Duration};

use domain::transcript::accuracy::{words, words_hit};
use e2e::stack::Stack;
use sqlx::Row;
use test_support::{audio::Voice, wait_until};

const SENTENCE: &str = "the first thing on the agenda is the budget for next year";

/// What the generated model hears in every chunk, whatever was said.
const HEARD: &str = "hello from the tiny model";

const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_killed_engine_costs_an_attempt_and_no_words() {
    let stack = Stack::start().await;
    let engine = engine_of(&stack).await;

    let stopped = meeting_with_a_stopped_engine(&stack, engine).await;
    let score = fs::read_to_string(format!("/proc/{engine}/oom_score_adj")).unwrap();
    signal("KILL", stopped);

    assert_eq!(score.trim(), "1000", "the system must end it before a recorder");
    assert_is_transcribed_once(&stack).await;
    assert_ne!(engine_of(&stack).await, engine);
    stack.finish().await;
}

#[tokio::test]
async fn an_engine_that_exceeds_its_memory_limit_costs_an_attempt_and_no_words() {
    let stack = Stack::start().await;
    let engine = engine_of(&stack).await;

    let stopped = meeting_with_a_stopped_engine(&stack, engine).await;
    run(Command::new("prlimit").args(["--as=1000000", "--pid", &stopped.to_string()]));
    signal("CONT", stopped);

    assert_is_transcribed_once(&stack).await;
    assert_ne!(engine_of(&stack).await, engine);
    stack.finish().await;
}

#[tokio::test]
async fn whisper_is_killed_and_each_chunk_is_in_the_transcript_once() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    let mut stack = Stack::builder()
        .setting("TRACKSCRIBE_ENGINE", "whisper")
        .setting("TRACKSCRIBE_ENGINE_WHISPER_MODEL", &model)
        .setting("TRACKSCRIBE_ENGINE_WHISPER_THREADS", "1")
        .workers(0)
        .start()
        .await;
    // Too little for the model: the worker runs all the same, and its jobs wait.
    stack.add_worker_with(&[("TRACKSCRIBE_ENGINE_MEMORY_MB", "64")]).await;
    wait_until("the worker says that its engine cannot be used", TIMEOUT, async || {
        let log = stack.oldest_workers_log();
        log.contains("the speech engine cannot be used").then_some(())
    })
    .await;
    stack.kill_oldest_worker();
    stack.add_worker().await;
    let engine = engine_of(&stack).await;

    let stopped = meeting_with_a_stopped_engine(&stack, engine).await;
    signal("KILL", stopped);

    let meeting = stack.transcribed("standup", "ready").await;
    let text = text(&stack, &meeting.id).await.to_lowercase();
    let chunks = count(&stack, "SELECT count(*) FROM chunks").await;
    assert_eq!(text.matches(HEARD).count() as i64, chunks, "{text}");
    stack.finish().await;
}

/// Records a sentence while the engine is stopped, and returns once the engine has a chunk and cannot work on it.
async fn meeting_with_a_stopped_engine(stack: &Stack, engine: u32) -> u32 {
    signal("STOP", engine);
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();
    stack.active_recording("standup", &track).await;
    microphone.play(&Voice::Rms.say(SENTENCE)).await;
    ada.leave().await;
    stack.accepted_recording("standup", &track).await;
    wait_until("the engine has a chunk", TIMEOUT, async || {
        let running = "SELECT count(*) FROM jobs WHERE queue = 'transcribe_track' AND state = 'running'";
        (count(stack, running).await == 1 && has_input(engine)).then_some(engine)
    })
    .await
}

async fn assert_is_transcribed_once(stack: &Stack) {
    let meeting = stack.transcribed("standup", "ready").await;
    let (spoken, recognized) = (words(SENTENCE), words(&text(stack, &meeting.id).await));
    assert!(
        words_hit(&spoken, &recognized) >= spoken.len() * 9 / 10,
        "{recognized:?}"
    );
    assert!(recognized.len() <= spoken.len() + 2, "{recognized:?}");
}

async fn text(stack: &Stack, meeting: &str) -> String {
    let transcript = stack.api().transcript(meeting).await;
    let texts: Vec<String> = transcript.segments.into_iter().map(|segment| segment.text).collect();
    texts.join(" ")
}

async fn count(stack: &Stack, sql: &'static str) -> i64 {
    let row = sqlx::query(sql).fetch_one(&mut stack.database.connect().await).await;
    row.expect("the query is valid").get(0)
}

/// Waits until the worker has loaded its engine, and returns the process that runs it.
async fn engine_of(stack: &Stack) -> u32 {
    let worker = stack.oldest_worker();
    wait_until("the worker has an engine", TIMEOUT, async || {
        let is_ready = stack.oldest_workers_log().contains("the speech engine is ready");
        // A child belongs to the thread that started it.
        let threads = fs::read_dir(format!("/proc/{worker}/task")).ok()?.flatten();
        let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        let ids: Vec<u32> = children
            .flat_map(|ids| {
                ids.split_whitespace()
                    .filter_map(|id| id.parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect();
        ids.into_iter().find(|id| {
            let arguments = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
            is_ready && arguments.contains("engine-host")
        })
    })
    .await
}

/// Whether the worker has written to the engine's standard input what the engine has not read.
fn has_input(engine: u32) -> bool {
    let Ok(input) = fs::File::open(format!("/proc/{engine}/fd/0")) else {
        return false;
    };
    rustix::io::ioctl_fionread(&input).is_ok_and(|bytes| bytes > 0)
}

fn signal(name: &str, process: u32) {
    run(Command::new("kill").args(["-s", name, &process.to_string()]));
}

fn run(command: &mut Command) {
    let status = command.status().expect("the program is installed");
    assert!(status.success(), "{command:?}");
}

/// Makes a model of a few kilobytes.
fn tiny_model(folder: &Path) -> String {
    let path = folder.join("tiny.bin");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/make_tiny_whisper_model.py");
    run(Command::new("python3").arg(script).arg(&path));
    path.display().to_string()
}
