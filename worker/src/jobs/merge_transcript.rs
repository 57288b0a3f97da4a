//! Merges the words of all recordings of a closed meeting into one transcript.
//!
//! Harmless to repeat: the transcript is replaced as a whole. A later change of the settled meeting queues this job again.
//! The room is locked only while the transcript is written, and only if the meeting is still as it was loaded.

use domain::{
    MeetingId, RecordingId, SampleTime, UnixNanos,
    job::Job,
    meeting::{Fact, FactKind, Meeting},
    recording::{Acceptance, FailureReason, Recording, Transcription},
    room::Room,
    transcript::{Missing, Segment, TranscriptState, UNKNOWN_SPEAKER},
};
use media::timeline::meeting_time_ms;
use storage::{
    ChangeTx, PgConnection, StorageError,
    chunks::{self, Chunk},
    jobs, meetings, rooms, segments,
    transcripts::{self, TranscriptHead},
};
use tokio::task::spawn_blocking;

use super::JobError;
use crate::{
    attempt::Attempt,
    engine::RecognizedWord,
    pipeline::{
        align::{align, sound},
        merge::merge,
        overlap::RecordedWords,
        voices::voices,
    },
};

/// The reason for the missing words of a chunk that the engine gave up.
const NOT_TRANSCRIBED: &str = "transcription_failed";

/// How often a merge starts over because the meeting changed meanwhile. Then the job is retried.
const MAX_ROUNDS: u32 = 5;

/// A settled meeting and the words of its recordings, as they were at one moment.
struct Snapshot {
    room: Room,
    meeting: Meeting,
    recorded: Vec<(RecordingId, RecordedWords)>,
    /// Chunks that the engine gave up.
    given_up: Vec<Missing>,
}

#[tracing::instrument(skip_all, fields(meeting.id = %id))]
pub async fn run(id: MeetingId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    for _ in 0..MAX_ROUNDS {
        let Some(snapshot) = Snapshot::load(id, attempt).await? else {
            return Ok(());
        };
        // The room is not locked meanwhile: webhooks of another meeting in it must not wait.
        let merged = spawn_blocking(move || (snapshot.turns(), snapshot)).await;
        let (turns, snapshot) = merged.map_err(JobError::retry)?;
        if snapshot.save(&turns, attempt).await? {
            return Ok(());
        }
    }
    Err(JobError::retry(anyhow::anyhow!(
        "the meeting changed during each of {MAX_ROUNDS} merges"
    )))
}

impl Snapshot {
    /// Loads a settled meeting; `None` if it is not settled or was deleted. The change that settles it queues this job
    /// again.
    async fn load(id: MeetingId, attempt: &Attempt<'_>) -> Result<Option<Self>, JobError> {
        let mut tx = storage::pool::begin_snapshot(&attempt.ctx.pool).await?;
        let Some(meeting) = meetings::find_whole(&mut tx, id).await?.filter(Meeting::is_settled) else {
            return Ok(None);
        };
        let Some(room) = rooms::find(&mut tx, meeting.head.room_id).await? else {
            return Ok(None);
        };
        let (mut recorded, mut given_up) = (Vec::new(), Vec::new());
        for recording in &meeting.recordings {
            if let Some(acceptance) = recording.acceptance.as_ref().filter(|_| is_transcribed(recording)) {
                let chunks = chunks::list_for_recording(&mut tx, recording.id).await?;
                let failed = chunks.iter().filter(|chunk| chunk.error.is_some());
                given_up.extend(failed.map(|chunk| missing_chunk(&meeting, recording, acceptance, chunk)));
                recorded.push((recording.id, words(&meeting, recording, acceptance, chunks)?));
            }
        }
        Ok(Some(Self {
            room,
            meeting,
            recorded,
            given_up,
        }))
    }

    fn turns(&self) -> Vec<Segment> {
        merge(&voices(&self.meeting, &self.recorded))
    }

    /// Saves the transcript. Returns `false` if the meeting has changed since it was loaded.
    async fn save(&self, turns: &[Segment], attempt: &Attempt<'_>) -> Result<bool, JobError> {
        let id = self.meeting.head.id;
        let mut head = head(&self.room, &self.meeting, turns);
        head.missing.extend_from_slice(&self.given_up);
        let mut tx = attempt.begin().await?;
        let Some((_, now)) = meetings::lock(tx.conn(), id).await? else {
            return Ok(true); // deleted
        };
        if now != self.meeting {
            return Ok(false);
        }
        if is_stored(tx.conn(), &head, turns).await? {
            return Ok(true); // an earlier attempt has told so, and queued the export
        }
        segments::replace(tx.conn(), id, turns).await?;
        transcripts::save(tx.conn(), &head).await?;
        let mut fact = FactKind::TranscriptFailed;
        if matches!(head.state, TranscriptState::Ready | TranscriptState::Empty) {
            jobs::add(tx.conn(), &[Job::ExportTranscript { meeting_id: id }]).await?;
            fact = FactKind::TranscriptReady;
        }
        tx.add_fact(&self.room, &Fact::of_meeting(fact, &self.meeting.head));
        tx.commit().await?;
        tracing::info!(state = ?head.state, segments = turns.len(), missing = head.missing.len(), "transcript merged");
        Ok(true)
    }
}

/// Whether the stored transcript is the same.
async fn is_stored(conn: &mut PgConnection, head: &TranscriptHead, turns: &[Segment]) -> Result<bool, StorageError> {
    let stored = transcripts::find(conn, head.meeting_id).await?;
    Ok(stored.as_ref() == Some(head) && segments::list(conn, head.meeting_id).await? == turns)
}

/// Marks the transcript as failed, so that nothing waits for it.
pub async fn after_death(tx: &mut ChangeTx, id: MeetingId) -> Result<(), StorageError> {
    let Some((room, meeting)) = meetings::lock(tx.conn(), id).await? else {
        return Ok(());
    };
    let head = TranscriptHead {
        state: TranscriptState::Failed,
        ..head(&room, &meeting, &[])
    };
    let before = transcripts::find(tx.conn(), id).await?;
    if before.is_none_or(|before| before.state != TranscriptState::Failed) {
        tx.add_fact(&room, &Fact::of_meeting(FactKind::TranscriptFailed, &meeting.head));
    }
    transcripts::save(tx.conn(), &head).await
}

/// Places the words of a transcribed recording in meeting time.
fn words(
    meeting: &Meeting,
    recording: &Recording,
    acceptance: &Acceptance,
    chunks: Vec<Chunk>,
) -> Result<RecordedWords, JobError> {
    let mut recognized: Vec<RecognizedWord> = Vec::new();
    for chunk in chunks {
        let words: Vec<RecognizedWord> =
            serde_json::from_value(chunk.words).map_err(|why| unreadable(recording.id, chunk.start, why))?;
        recognized.extend(words);
    }
    Ok(RecordedWords {
        sound: sound(acceptance, meeting.head.started_at),
        words: align(&recognized, &acceptance.fit, meeting.head.started_at),
    })
}

/// Describes a chunk that the engine gave up.
fn missing_chunk(meeting: &Meeting, recording: &Recording, acceptance: &Acceptance, chunk: &Chunk) -> Missing {
    let meeting_start = UnixNanos::from_datetime(meeting.head.started_at);
    let moment = |at: SampleTime| meeting_time_ms(&acceptance.fit, meeting_start, at).max(0);
    Missing {
        recording_id: Some(recording.id),
        identity: recording.identity.clone().unwrap_or(UNKNOWN_SPEAKER.into()),
        reason: NOT_TRANSCRIBED.to_owned(),
        track_sid: recording.track.as_ref().map(|track| track.sid.clone()),
        start_ms: Some(moment(chunk.start)),
        end_ms: Some(moment(chunk.end)),
        guess: false,
    }
}

fn unreadable(recording: RecordingId, start: SampleTime, why: serde_json::Error) -> JobError {
    let what = format!("cannot read chunks.words of {recording} at sample {start}");
    JobError::give_up(anyhow::Error::new(why).context(what))
}

fn head(room: &Room, meeting: &Meeting, turns: &[Segment]) -> TranscriptHead {
    let ended_at = meeting.head.ended_at().unwrap_or(meeting.head.started_at);
    let state = match turns {
        [_, ..] => TranscriptState::Ready,
        [] if meeting.recordings.iter().any(is_transcribed) => TranscriptState::Empty,
        [] if meeting.recordings.iter().any(lacks_words) => TranscriptState::Failed,
        [] => TranscriptState::Empty,
    };
    TranscriptHead {
        meeting_id: meeting.head.id,
        state,
        language: room.language.to_string(),
        duration_ms: (ended_at - meeting.head.started_at).num_milliseconds().max(0),
        missing: meeting.missing_words(ended_at),
    }
}

/// Whether words may have been said in a recording that was not transcribed. A track that carried no packet has none.
fn lacks_words(recording: &Recording) -> bool {
    match recording.state.failure() {
        Some(reason) => reason != FailureReason::NoAudio,
        None => recording.transcription == Transcription::Dead,
    }
}

/// Whether the recording was transcribed, with or without words.
fn is_transcribed(recording: &Recording) -> bool {
    recording.transcription == Transcription::Done
}

#[cfg(test)]
mod tests {
    use domain::{ObjectKey, event::CaptureStatus, transcript::Transcript};
    use sqlx::PgPool;

    use super::*;
    use crate::{
        engine::EngineError,
        support::{WorkerTest, recorded, spoken},
    };

    async fn transcript(test: &WorkerTest) -> (TranscriptState, Transcript) {
        let id = test.meeting().await.head.id;
        transcripts::load(&mut test.ctx.conn().await.unwrap(), id)
            .await
            .unwrap()
            .unwrap()
    }

    fn speech() -> Vec<u8> {
        recorded(&spoken("hello this is the second speaker can you hear me"))
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_closed_meeting_becomes_one_transcript_in_every_format(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada", "bob"]).await;

        test.complete_recording("ada", &speech(), |_| {}).await;
        test.run_jobs().await;
        test.advance(10);
        test.complete_recording("bob", &speech(), |_| {}).await;
        test.run_jobs().await;
        test.remove_room().await;
        test.run_jobs().await;

        let (state, transcript) = transcript(&test).await;
        let turns: Vec<_> = transcript
            .segments
            .iter()
            .map(|s| (s.speaker.as_str(), s.text.as_str(), s.start_ms / 10_000))
            .collect();
        assert_eq!(state, TranscriptState::Ready);
        assert_eq!(turns, [("ada", "One", 0), ("bob", "Two", 1)]);
        assert_eq!((transcript.speakers.len(), transcript.missing.len()), (2, 0));
        for extension in ["json", "txt", "srt", "vtt"] {
            let path = test.object_path(&ObjectKey::transcript(transcript.meeting_id, extension));
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text.contains("One") && text.contains("Two"), "{extension}: {text}");
        }
        assert_eq!(test.count_jobs("done").await, 8);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn failed_recordings_are_named_and_do_not_delay_the_transcript(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada", "bob", "cid", "dan"]).await;
        test.report_capture(&test.recording_of("bob").await, CaptureStatus::Failed, None)
            .await;
        test.report_capture(&test.recording_of("cid").await, CaptureStatus::Aborted, None)
            .await;
        test.complete_recording("dan", &speech(), |_| {}).await;
        test.engine.fail_after(0, EngineError::Refused("no".to_owned()));
        test.run_jobs().await;

        test.complete_recording("ada", &speech(), |_| {}).await;
        test.remove_room().await;
        test.run_jobs().await;

        let (state, transcript) = transcript(&test).await;
        let missing: Vec<_> = transcript
            .missing
            .iter()
            .map(|m| (m.identity.as_str(), m.reason.as_str()))
            .collect();
        assert_eq!(state, TranscriptState::Ready);
        assert_eq!(missing, [("bob", "capture_failed"), ("dan", "transcription_failed")]);
        assert_eq!(transcript.segments.len(), 1);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_transcript_is_empty_without_speech_and_failed_without_recordings(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        let ends = [
            (CaptureStatus::Aborted, TranscriptState::Empty),
            (CaptureStatus::Failed, TranscriptState::Failed),
        ];

        for (status, expected) in ends {
            test.execute("TRUNCATE meetings CASCADE").await;
            test.meeting_with_recordings(&["ada"]).await;
            test.report_capture(&test.recording_of("ada").await, status, None).await;
            test.remove_room().await;
            test.run_jobs().await;

            assert_eq!(transcript(&test).await.0, expected);
        }
    }

    /// A settled meeting of one recording whose transcript is due, and the claimed job.
    async fn due_merge(test: &WorkerTest) -> storage::jobs::Claimed {
        test.meeting_with_recordings(&["ada"]).await;
        test.complete_recording("ada", &speech(), |_| {}).await;
        test.remove_room().await;
        test.run_jobs_until_transcribed().await;
        let mut conn = test.ctx.conn().await.unwrap();
        let due = jobs::take_due(&mut conn, "merge_transcript", 1).await.unwrap();
        let claimed = jobs::claim(&mut conn, due[0], crate::attempt::LEASE).await;
        claimed.unwrap().unwrap()
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_merge_does_not_wait_for_the_room_while_it_loads(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        let claimed = due_merge(&test).await;
        let attempt = Attempt::new(&claimed, &test.ctx);
        let id = test.meeting().await.head.id;

        let mut holder = test.ctx.begin().await.unwrap();
        meetings::lock(&mut holder, id).await.unwrap();
        let snapshot = Snapshot::load(id, &attempt).await.unwrap().unwrap();
        holder.rollback().await.unwrap();

        assert_eq!(snapshot.recorded.len(), 1);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_merge_of_a_meeting_that_changed_meanwhile_is_not_saved(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        let claimed = due_merge(&test).await;
        let attempt = Attempt::new(&claimed, &test.ctx);
        let id = test.meeting().await.head.id;
        let before = Snapshot::load(id, &attempt).await.unwrap().unwrap();

        let recording = before.meeting.recordings[0].id;
        attempt
            .change(id, |_, meeting| {
                meeting.set_transcription(recording, Transcription::Dead)
            })
            .await
            .unwrap();
        let stale = before.save(&[], &attempt).await.unwrap();
        let after = Snapshot::load(id, &attempt).await.unwrap().unwrap();
        let fresh = after.save(&[], &attempt).await.unwrap();

        assert_eq!((stale, fresh), (false, true));
        assert_eq!(transcript(&test).await.0, TranscriptState::Failed);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_chunk_that_the_engine_gave_up_is_named_as_missing(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada"]).await;
        test.complete_recording("ada", &speech(), |_| {}).await;
        let what = "it ended with signal 6".to_owned();
        test.engine.fail_after(0, EngineError::Crashed { what });
        test.run_jobs().await;
        test.remove_room().await;
        test.run_jobs().await;

        let (state, transcript) = transcript(&test).await;

        let missing: Vec<_> = transcript
            .missing
            .iter()
            .filter(|m| m.reason == NOT_TRANSCRIBED)
            .collect();
        assert_eq!((state, missing.len()), (TranscriptState::Empty, 1));
        assert!(missing[0].end_ms > missing[0].start_ms, "{missing:?}");
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_late_recording_is_merged_into_the_transcript(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada", "bob"]).await;
        test.complete_recording("ada", &speech(), |_| {}).await;
        test.remove_room().await;
        test.run_jobs().await;
        test.advance(400);
        test.reconcile().await;
        test.run_jobs().await;
        let without_bob = transcript(&test).await.1;

        test.complete_recording("bob", &speech(), |_| {}).await;
        test.run_jobs().await;

        let with_bob = transcript(&test).await.1;
        assert_eq!(
            (without_bob.segments.len(), without_bob.missing[0].reason.as_str()),
            (1, "stuck")
        );
        assert_eq!((with_bob.segments.len(), with_bob.missing.len()), (2, 0));
    }
}
