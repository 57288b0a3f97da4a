//! Merges the words of all recordings of a closed meeting into one transcript.
//!
//! Harmless to repeat: the transcript is replaced as a whole. A later change of the settled meeting queues this job again.

use domain::{
    MeetingId, RecordingId, SampleTime, TrackId,
    job::Job,
    meeting::Meeting,
    recording::{FailureReason, Recording, Transcription},
    room::Room,
    track::Track,
    transcript::{Segment, TranscriptState},
};
use storage::{
    ChangeTx, PgConnection, StorageError, chunks, jobs, meetings, segments,
    transcripts::{self, TranscriptHead},
};

use super::JobError;
use crate::{
    attempt::Attempt,
    engine::RecognizedWord,
    pipeline::{
        align::{align, sound},
        merge::{TrackTranscript, merge},
        overlap::{RecordedWords, join},
    },
};

#[tracing::instrument(skip_all, fields(meeting.id = %id))]
pub async fn run(id: MeetingId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let mut tx = attempt.begin().await?;
    let Some((room, meeting)) = meetings::lock(tx.conn(), id).await? else {
        return Ok(());
    };
    if !meeting.is_settled() {
        return Ok(()); // the change that settles the meeting will queue this job again
    }
    let mut recorded = Vec::new();
    for recording in &meeting.recordings {
        recorded.extend(words(tx.conn(), &meeting, recording).await?);
    }
    let turns = merge(&tracks(&meeting, &recorded));
    let head = head(&room, &meeting, &turns);
    segments::replace(tx.conn(), id, &turns).await?;
    transcripts::save(tx.conn(), &head).await?;
    if matches!(head.state, TranscriptState::Ready | TranscriptState::Empty) {
        jobs::add(tx.conn(), &[Job::ExportTranscript { meeting_id: id }]).await?;
    }
    tx.commit().await?;
    tracing::info!(state = ?head.state, segments = turns.len(), missing = head.missing.len(), "transcript merged");
    Ok(())
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
    transcripts::save(tx.conn(), &head).await
}

/// Loads the words of one recording in meeting time; `None` if it was not transcribed.
async fn words(
    conn: &mut PgConnection,
    meeting: &Meeting,
    recording: &Recording,
) -> Result<Option<(TrackId, RecordedWords)>, JobError> {
    let Some(acceptance) = recording.acceptance.as_ref().filter(|_| is_transcribed(recording)) else {
        return Ok(None);
    };
    let mut recognized: Vec<RecognizedWord> = Vec::new();
    for chunk in chunks::list_for_recording(conn, recording.id).await? {
        let words: Vec<RecognizedWord> =
            serde_json::from_value(chunk.words).map_err(|why| unreadable(recording.id, chunk.start, why))?;
        recognized.extend(words);
    }
    let recorded = RecordedWords {
        sound: sound(acceptance, meeting.head.started_at),
        words: align(&recognized, &acceptance.fit, meeting.head.started_at),
    };
    Ok(Some((recording.track_id, recorded)))
}

/// Joins the recordings of each track.
fn tracks(meeting: &Meeting, recorded: &[(TrackId, RecordedWords)]) -> Vec<TrackTranscript> {
    let track = |track: &Track| {
        let own = recorded.iter().filter(|(id, _)| *id == track.id);
        let own: Vec<RecordedWords> = own.map(|(_, recorded)| recorded.clone()).collect();
        let publisher = meeting.publisher(track.participant_id)?;
        Some(TrackTranscript {
            speaker: publisher.identity.clone(),
            words: join(&own),
        })
    };
    meeting.tracks.iter().filter_map(track).collect()
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
    use domain::{ObjectKey, event::EgressStatus, transcript::Transcript};
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
        test.report_egress(&test.recording_of("bob").await, EgressStatus::Failed, None)
            .await;
        test.report_egress(&test.recording_of("cid").await, EgressStatus::Aborted, None)
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
        assert_eq!(missing, [("bob", "egress_failed"), ("dan", "transcription_failed")]);
        assert_eq!(transcript.segments.len(), 1);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_transcript_is_empty_without_speech_and_failed_without_recordings(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        let ends = [
            (EgressStatus::Aborted, TranscriptState::Empty),
            (EgressStatus::Failed, TranscriptState::Failed),
        ];

        for (status, expected) in ends {
            test.execute("TRUNCATE meetings CASCADE").await;
            test.meeting_with_recordings(&["ada"]).await;
            test.report_egress(&test.recording_of("ada").await, status, None).await;
            test.remove_room().await;
            test.run_jobs().await;

            assert_eq!(transcript(&test).await.0, expected);
        }
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
