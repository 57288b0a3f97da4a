//! Transcribes one recording, chunk by chunk.
//!
//! Harmless to repeat: chunks are stored by engine, language and audio, and a stored chunk is not transcribed again, so a
//! crash costs one chunk. No connection is held while the engine works.

use std::{collections::HashSet, fs::File, io::BufReader, ops::ControlFlow, time::Duration};

use domain::{
    RecordingId, SampleTime,
    recording::{Acceptance, RecordedFile, Recording, Transcription},
    room::Room,
};
use media::opus::decode::DecodeError;
use metrics::counter;
use storage::{
    PgConnection,
    chunks::{self, Chunk},
    meetings, rooms, transcripts,
};
use tokio::{sync::mpsc, task::spawn_blocking, time::Instant};

use super::JobError;
use crate::{
    attempt::Attempt,
    download::DownloadedObject,
    engine::{Audio, Engine, EngineError, EngineInfo, Hint, RecognizedWord},
    pipeline::{
        Span, audio,
        filter::{self, Filtered},
        window,
    },
};

/// How often the progress of a long recording is logged.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(15);

/// Chunks that are decoded before the engine asks for them.
const DECODED_AHEAD: usize = 1;

/// What this job works on.
struct Transcriber<'a> {
    recording: &'a Recording,
    audio: DownloadedObject,
    engine: &'a dyn Engine,
    info: EngineInfo,
    attempt: &'a Attempt<'a>,
}

/// What is to be transcribed.
struct Plan {
    /// Engine, language and audio. Chunks stored under another key are not reused.
    key: String,
    speech: Vec<Span>,
    chunks: Vec<Span>,
    hint: Hint,
}

/// How many of a recording's chunks are done.
struct Progress {
    done: usize,
    total: usize,
    logged_at: Instant,
}

#[tracing::instrument(skip_all, fields(recording.id = %id))]
pub async fn run(id: RecordingId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let Some(recording) = attempt.recording(id).await? else {
        return Ok(());
    };
    let (Some(file), Some(acceptance)) = (recording.state.file(), &recording.acceptance) else {
        return Ok(());
    };
    if recording.transcription == Transcription::Done {
        return Ok(());
    }
    let Some(engine) = attempt.ctx.engine.as_deref() else {
        return Err(JobError::outage(anyhow::anyhow!(
            "this worker has no speech engine; set TRACKSCRIBE_ENGINE"
        )));
    };
    mark_running(&recording, attempt).await?;
    let info = engine.ready().await?;
    let transcriber = Transcriber {
        recording: &recording,
        audio: download(file, acceptance, attempt).await?,
        engine,
        info,
        attempt,
    };
    let plan = transcriber.plan().await?;
    transcriber.transcribe(&plan).await?;
    transcriber.finish(&plan).await
}

/// Shows that the meeting's transcript is being made.
async fn mark_running(recording: &Recording, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let mut conn = attempt.ctx.conn().await?;
    if let Some(room) = room_of(&mut conn, recording).await? {
        transcripts::set_running(&mut conn, recording.meeting_id, room.language.as_str()).await?;
    }
    Ok(())
}

async fn room_of(conn: &mut PgConnection, recording: &Recording) -> Result<Option<Room>, JobError> {
    match meetings::find(conn, recording.meeting_id).await? {
        Some(meeting) => Ok(rooms::find(conn, meeting.room_id).await?),
        None => Ok(None),
    }
}

async fn download(
    file: &RecordedFile,
    acceptance: &Acceptance,
    attempt: &Attempt<'_>,
) -> Result<DownloadedObject, JobError> {
    let audio = DownloadedObject::fetch(attempt.ctx.recordings.as_ref(), &file.object).await?;
    if audio.sha256 != acceptance.sha256 {
        return Err(JobError::give_up(anyhow::anyhow!(
            "{} has changed since it was accepted",
            file.object
        )));
    }
    Ok(audio)
}

impl Transcriber<'_> {
    /// Finds the speech and divides it into chunks. This is the first pass over the audio.
    async fn plan(&self) -> Result<Plan, JobError> {
        let file = self.audio.open()?;
        let scored = spawn_blocking(move || audio::score_frames(BufReader::new(file))).await;
        let frames = scored.map_err(JobError::retry)?.map_err(undecodable)?;
        let speech = frames.speech();
        let chunks = window::chunks(&speech, &frames, self.info.chunking);
        let language = self.language().await?;
        let key = format!(
            "{} {} {}",
            self.info.key,
            language.as_deref().unwrap_or("auto"),
            self.audio.sha256
        );
        Ok(Plan {
            key,
            speech,
            chunks,
            hint: Hint { language },
        })
    }

    /// The primary language of the room, such as `de` of `de-CH`.
    async fn language(&self) -> Result<Option<String>, JobError> {
        let mut conn = self.attempt.ctx.conn().await?;
        let room = room_of(&mut conn, self.recording).await?;
        let primary = |tag: &str| tag.split('-').next().unwrap_or(tag).to_owned();
        Ok(room.map(|room| primary(room.language.as_str())))
    }

    /// Transcribes the chunks that are not stored yet. This is the second pass over the audio.
    async fn transcribe(&self, plan: &Plan) -> Result<(), JobError> {
        let missing = self.missing_chunks(plan).await?;
        let mut progress = Progress::start(plan.chunks.len() - missing.len(), plan.chunks.len());
        let engine = &self.info.key;
        tracing::info!(
            chunks = progress.total,
            already_stored = progress.done,
            engine,
            "transcribing"
        );
        let (sender, mut decoded) = mpsc::channel(DECODED_AHEAD);
        let file = self.audio.open()?;
        let decoding = spawn_blocking(move || send_chunks(file, &missing, &sender));
        while let Some((chunk, sound)) = decoded.recv().await {
            match self.engine.transcribe(sound, &plan.hint).await {
                Ok(transcript) => {
                    let filtered = filter::filter(transcript, chunk, &plan.speech);
                    count_dropped(chunk, &filtered);
                    self.store(plan, chunk, &filtered.words, None).await?;
                }
                Err(EngineError::Crashed { what }) => {
                    tracing::error!(error = what, at_ms = chunk.start.as_millis(), "a chunk is given up");
                    self.store(plan, chunk, &[], Some(what)).await?;
                }
                Err(error) => return Err(error.into()),
            }
            progress.advance();
        }
        decoding.await.map_err(JobError::retry)?.map_err(undecodable)
    }

    async fn missing_chunks(&self, plan: &Plan) -> Result<Vec<Span>, JobError> {
        let mut conn = self.attempt.ctx.conn().await?;
        let stored = chunks::list(&mut conn, self.recording.id, &plan.key).await?;
        let stored: HashSet<(SampleTime, SampleTime)> = stored.iter().map(|c| (c.start, c.end)).collect();
        let is_missing = |chunk: &Span| !stored.contains(&chunk.to_48k());
        Ok(plan.chunks.iter().copied().filter(is_missing).collect())
    }

    async fn store(
        &self,
        plan: &Plan,
        chunk: Span,
        words: &[RecognizedWord],
        error: Option<String>,
    ) -> Result<(), JobError> {
        let (start, end) = chunk.to_48k();
        let chunk = Chunk {
            start,
            end,
            words: serde_json::to_value(words).map_err(JobError::give_up)?,
            error,
        };
        let mut tx = self.attempt.begin().await?;
        chunks::save(tx.conn(), self.recording.id, &plan.key, &chunk).await?;
        self.attempt.progress(tx.conn()).await?;
        Ok(tx.commit().await?)
    }

    async fn finish(&self, plan: &Plan) -> Result<(), JobError> {
        let recording = self.recording;
        let mut tx = self.attempt.begin().await?;
        chunks::delete_others(tx.conn(), recording.id, &plan.key).await?;
        tx.change_meeting(recording.meeting_id, |_, meeting| {
            meeting.set_transcription(recording.id, Transcription::Done)
        })
        .await?;
        tx.commit().await?;
        tracing::info!(chunks = plan.chunks.len(), "recording transcribed");
        Ok(())
    }
}

impl Progress {
    fn start(done: usize, total: usize) -> Self {
        Self {
            done,
            total,
            logged_at: Instant::now(),
        }
    }

    fn advance(&mut self) {
        self.done += 1;
        if self.logged_at.elapsed() >= PROGRESS_INTERVAL {
            self.logged_at = Instant::now();
            tracing::info!(done = self.done, of = self.total, "transcribing");
        }
    }
}

/// Decodes `chunks` and sends them in order. Ends early when the receiver is gone.
fn send_chunks(file: File, chunks: &[Span], sender: &mpsc::Sender<(Span, Audio)>) -> Result<(), DecodeError> {
    audio::extract(BufReader::new(file), chunks, |chunk, sound| {
        match sender.blocking_send((chunk, sound)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_closed) => ControlFlow::Break(()),
        }
    })
}

fn count_dropped(chunk: Span, filtered: &Filtered) {
    for (reason, words) in &filtered.dropped {
        let reason = reason.as_str();
        counter!("trackscribe_words_dropped_total", "reason" => reason).increment(*words as u64);
        tracing::info!(words, reason, at_ms = chunk.start.as_millis(), "words dropped");
    }
}

fn undecodable(why: DecodeError) -> JobError {
    JobError::give_up(anyhow::Error::new(why).context("cannot decode the recording"))
}

#[cfg(test)]
mod tests {
    use domain::transcript::TranscriptState;
    use sqlx::PgPool;

    use super::*;
    use crate::{
        engine::EngineError,
        support::{WorkerTest, recorded, spoken},
    };

    /// Returns a recording of three sentences, far enough apart to be three chunks.
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
    async fn after_a_crash_transcription_resumes_at_the_next_chunk(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada"]).await;
        test.complete_recording("ada", &three_sentences(), |_| {}).await;
        let crash = |calls: usize| {
            let what = format!("crash after {calls}");
            test.engine.fail_after(calls, EngineError::Failed { what, why: None });
        };

        crash(1);
        test.run_jobs().await;
        let stored = chunks::list_for_recording(&mut test.ctx.conn().await.unwrap(), test.recording_of("ada").await.id)
            .await
            .unwrap();
        test.make_jobs_due().await;
        test.run_jobs().await;

        assert_eq!((stored.len(), test.engine.calls()), (1, 3));
        assert_eq!(test.recording_of("ada").await.transcription, Transcription::Done);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_stored_chunk_sets_the_attempts_back(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada"]).await;
        test.complete_recording("ada", &three_sentences(), |_| {}).await;
        test.run_jobs_until_accepted().await;
        test.execute("UPDATE jobs SET max_attempts = 2").await;

        for transcribed in 1..=2 {
            let what = "crash".to_owned();
            test.engine
                .fail_after(transcribed, EngineError::Failed { what, why: None });
            test.run_jobs().await;
            test.make_jobs_due().await;
        }
        test.run_jobs().await;

        assert_eq!(test.recording_of("ada").await.transcription, Transcription::Done);
        assert_eq!((test.engine.calls(), test.count_jobs("dead").await), (3, 0));
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_recording_that_the_engine_refuses_is_marked_dead(pool: PgPool) {
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
    async fn while_it_runs_the_transcript_is_shown_as_running(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada"]).await;
        test.complete_recording("ada", &three_sentences(), |_| {}).await;

        let what = "crash".to_owned();
        test.engine.fail_after(1, EngineError::Failed { what, why: None });
        test.run_jobs().await;

        let id = test.meeting().await.head.id;
        let head = transcripts::find(&mut test.ctx.conn().await.unwrap(), id)
            .await
            .unwrap();
        assert_eq!(head.unwrap().state, TranscriptState::Running);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_chunk_that_crashes_the_engine_is_given_up_and_the_others_are_transcribed(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada"]).await;
        test.complete_recording("ada", &three_sentences(), |_| {}).await;

        let what = "it ended with signal 6".to_owned();
        test.engine.fail_after(1, EngineError::Crashed { what });
        test.run_jobs().await;

        let recording = test.recording_of("ada").await;
        let stored = chunks::list_for_recording(&mut test.ctx.conn().await.unwrap(), recording.id).await;
        let errors: Vec<Option<String>> = stored.unwrap().into_iter().map(|chunk| chunk.error).collect();
        assert_eq!(errors, [None, Some("it ended with signal 6".to_owned()), None]);
        assert_eq!(recording.transcription, Transcription::Done);
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
