//! Turns one recording into words, chunk by chunk.
//!
//! Harmless to repeat: chunks are kept under what was heard, by which engine, and those that are there are not heard
//! again. So a crash costs the chunk at hand. No connection is held while the engine works.

use std::{
    collections::{BTreeMap, HashSet},
    ops::ControlFlow,
    time::Duration,
};

use domain::{
    RecordingId,
    recording::{Acceptance, Complete, Recording, RecordingState, Transcription},
};
use media::opus::decode::DecodeError;
use metrics::counter;
use storage::{
    chunks::{self, Chunk},
    meetings, rooms,
};
use tokio::{sync::mpsc, task::spawn_blocking, time::Instant};

use super::{JobError, change_meeting};
use crate::{
    attempt::Attempt,
    download::Spooled,
    engine::{Audio, Engine, Hint},
    pipeline::{self, Span, audio, filter, window},
};

/// How often the log tells how far a long recording is.
const PROGRESS_EVERY: Duration = Duration::from_secs(15);

/// Chunks that are cut before the engine asks for them.
const AHEAD: usize = 1;

/// What is to be heard of a recording.
struct Plan {
    /// Engine, language and audio: chunks under another key are another's.
    key: String,
    speech: Vec<Span>,
    chunks: Vec<Span>,
    hint: Hint,
}

#[tracing::instrument(skip_all, fields(recording.id = %id))]
pub async fn run(id: RecordingId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let Some(recording) = attempt.recording(id).await? else {
        return Ok(());
    };
    let (RecordingState::Complete(complete), Some(acceptance)) = (&recording.state, &recording.acceptance) else {
        return Ok(());
    };
    if recording.transcription == Transcription::Done {
        return Ok(());
    }
    let Some(engine) = attempt.ctx.engine.as_deref() else {
        return Err(JobError::retry(anyhow::anyhow!(
            "this worker has no speech engine; set TRACKSCRIBE_ENGINE"
        )));
    };
    let spooled = fetch(complete, acceptance, attempt).await?;
    let plan = plan(&recording, &spooled, engine, attempt).await?;
    hear(&recording, &spooled, &plan, engine, attempt).await?;
    finish(&recording, &plan, attempt).await
}

async fn fetch(complete: &Complete, acceptance: &Acceptance, attempt: &Attempt<'_>) -> Result<Spooled, JobError> {
    let spooled = Spooled::fetch(attempt.ctx.recordings.as_ref(), &complete.object).await?;
    if spooled.sha256 != acceptance.sha256 {
        return Err(JobError::give_up(anyhow::anyhow!(
            "{} is not the object that was accepted",
            complete.object
        )));
    }
    Ok(spooled)
}

/// First pass: find the speech and cut it.
async fn plan(
    recording: &Recording,
    spooled: &Spooled,
    engine: &dyn Engine,
    attempt: &Attempt<'_>,
) -> Result<Plan, JobError> {
    let file = spooled.open()?;
    let listened = spawn_blocking(move || audio::score_frames(std::io::BufReader::new(file))).await;
    let frames = listened.map_err(JobError::retry)?.map_err(undecodable)?;
    let speech = frames.speech();
    let chunks = window::chunks(&speech, &frames, engine.chunking());
    let language = language(recording, attempt).await?;
    let key = format!(
        "{} {} {}",
        engine.key(),
        language.as_deref().unwrap_or("auto"),
        spooled.sha256
    );
    Ok(Plan {
        key,
        speech,
        chunks,
        hint: Hint { language },
    })
}

async fn language(recording: &Recording, attempt: &Attempt<'_>) -> Result<Option<String>, JobError> {
    let mut conn = attempt.ctx.conn().await?;
    let Some(meeting) = meetings::find(&mut conn, recording.meeting_id).await? else {
        return Ok(None);
    };
    let room = rooms::find(&mut conn, meeting.room_id).await?;
    let primary = |tag: &str| tag.split('-').next().unwrap_or(tag).to_owned();
    Ok(room.map(|room| primary(room.language.as_str())))
}

/// Second pass: cut what is not heard yet, and hear it.
async fn hear(
    recording: &Recording,
    spooled: &Spooled,
    plan: &Plan,
    engine: &dyn Engine,
    attempt: &Attempt<'_>,
) -> Result<(), JobError> {
    let heard = already_heard(recording, plan, attempt).await?;
    let left: Vec<Span> = plan
        .chunks
        .iter()
        .copied()
        .filter(|chunk| !heard.contains(chunk))
        .collect();
    let (all, mut done, mut told_at) = (plan.chunks.len(), plan.chunks.len() - left.len(), Instant::now());
    tracing::info!(
        chunks = all,
        already_heard = done,
        engine = engine.key(),
        "transcribing"
    );
    let (sender, mut cut) = mpsc::channel(AHEAD);
    let file = spooled.open()?;
    let cutting = spawn_blocking(move || send_chunks(file, &left, &sender));
    while let Some((chunk, sound)) = cut.recv().await {
        let words = engine.transcribe(sound, &plan.hint).await?;
        keep(
            recording,
            plan,
            chunk,
            filter::filter(words, chunk, &plan.speech),
            attempt,
        )
        .await?;
        done += 1;
        if told_at.elapsed() >= PROGRESS_EVERY {
            told_at = Instant::now();
            tracing::info!(done, of = all, "transcribing");
        }
    }
    cutting.await.map_err(JobError::retry)?.map_err(undecodable)
}

async fn already_heard(recording: &Recording, plan: &Plan, attempt: &Attempt<'_>) -> Result<HashSet<Span>, JobError> {
    let mut conn = attempt.ctx.conn().await?;
    let kept = chunks::list(&mut conn, recording.id, &plan.key).await?;
    let places: BTreeMap<i64, i64> = kept
        .iter()
        .map(|chunk| (chunk.start_sample, chunk.end_sample))
        .collect();
    let is_kept = |chunk: &&Span| {
        let (start, end) = place(**chunk);
        places.get(&start) == Some(&end)
    };
    Ok(plan.chunks.iter().filter(is_kept).copied().collect())
}

/// Ends early when nobody takes chunks any more.
fn send_chunks(file: std::fs::File, chunks: &[Span], sender: &mpsc::Sender<(Span, Audio)>) -> Result<(), DecodeError> {
    audio::extract(std::io::BufReader::new(file), chunks, |chunk, sound| {
        match sender.blocking_send((chunk, sound)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_closed) => ControlFlow::Break(()),
        }
    })
}

async fn keep(
    recording: &Recording,
    plan: &Plan,
    chunk: Span,
    filtered: filter::Filtered,
    attempt: &Attempt<'_>,
) -> Result<(), JobError> {
    for (reason, words) in &filtered.dropped {
        counter!("trackscribe_words_dropped_total", "reason" => reason.as_str()).increment(*words as u64);
        tracing::info!(
            words,
            reason = reason.as_str(),
            at_ms = pipeline::ms(chunk.start),
            "words dropped"
        );
    }
    let (start_sample, end_sample) = place(chunk);
    let words = serde_json::to_value(&filtered.words).map_err(JobError::give_up)?;
    let mut tx = attempt.begin().await?;
    chunks::save(
        &mut tx,
        recording.id,
        &plan.key,
        &Chunk {
            start_sample,
            end_sample,
            words,
        },
    )
    .await?;
    Ok(storage::pool::commit(tx).await?)
}

async fn finish(recording: &Recording, plan: &Plan, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let mut tx = attempt.begin().await?;
    chunks::delete_others(&mut tx, recording.id, &plan.key).await?;
    let done = Transcription::Done;
    change_meeting(&mut tx, recording.meeting_id, |_, meeting| {
        meeting.transcribed(recording.id, done)
    })
    .await?;
    storage::pool::commit(tx).await?;
    tracing::info!(chunks = plan.chunks.len(), "recording transcribed");
    Ok(())
}

/// First and last sample as the table keeps them.
fn place(chunk: Span) -> (i64, i64) {
    let (start, end) = chunk.recording_samples();
    let sample = |sample| i64::try_from(sample).unwrap_or(i64::MAX);
    (sample(start), sample(end))
}

fn undecodable(why: DecodeError) -> JobError {
    JobError::give_up(anyhow::Error::new(why).context("the recording cannot be decoded"))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::{
        engine::EngineError,
        support::{WorkerTest, recorded, spoken},
    };

    /// Three sentences, far enough apart to be three chunks.
    fn three_sentences() -> Vec<u8> {
        let pause = vec![0; 16_000];
        let parts = ["good morning everyone", "this is the second", "and this is the end"];
        recorded(
            &parts
                .iter()
                .flat_map(|text| [spoken(text), pause.clone()].concat())
                .collect::<Vec<i16>>(),
        )
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn after_a_crash_the_next_chunk_is_heard_and_none_twice(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada"]).await;
        test.complete_recording("ada", &three_sentences(), |_| {}).await;
        let crash = |calls: usize| {
            let what = format!("crash after {calls}");
            test.engine.fail_after(
                calls,
                EngineError::Busy {
                    what,
                    after: None,
                    why: None,
                },
            );
        };

        crash(1);
        test.run_jobs().await;
        let kept = chunks::list_for_recording(
            &mut test.ctx.pool.acquire().await.unwrap(),
            test.recording_of("ada").await.id,
        )
        .await
        .unwrap();
        test.make_jobs_due().await;
        test.run_jobs().await;

        assert_eq!((kept.len(), test.engine.calls()), (1, 3));
        assert_eq!(test.recording_of("ada").await.transcription, Transcription::Done);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_recording_that_no_engine_takes_is_dead_and_its_meeting_goes_on(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada"]).await;
        test.complete_recording("ada", &three_sentences(), |_| {}).await;

        test.engine
            .fail_after(0, EngineError::Refused("wrong model".to_owned()));
        test.run_jobs().await;

        assert_eq!(test.recording_of("ada").await.transcription, Transcription::Dead);
        assert_eq!(test.count_jobs("dead").await, 1);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn silence_is_transcribed_without_the_engine(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada"]).await;

        test.complete_recording("ada", &recorded(&vec![0; 48_000]), |_| {})
            .await;
        test.run_jobs().await;

        assert_eq!(test.recording_of("ada").await.transcription, Transcription::Done);
        assert_eq!(test.engine.calls(), 0);
    }
}
