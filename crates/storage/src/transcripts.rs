//! Transcripts: their state and their text.

use chrono::{DateTime, Utc};
use domain::{
    MeetingId,
    transcript::{Missing, Speaker, Transcript, TranscriptState},
};
use sqlx::{PgConnection, types::Json};

use crate::{StorageError, participants, segments};

/// A transcript without its text.
#[derive(Clone, Debug, PartialEq)]
pub struct TranscriptHead {
    pub meeting_id: MeetingId,
    pub state: TranscriptState,
    /// The room's language, ISO 639-1.
    pub language: String,
    pub duration_ms: i64,
    pub missing: Vec<Missing>,
}

/// Saves a transcript's state, and marks it as not exported.
pub async fn save(conn: &mut PgConnection, head: &TranscriptHead) -> Result<(), StorageError> {
    sqlx::query!(
        "INSERT INTO transcripts (meeting_id, state, language, duration_ms, missing)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (meeting_id) DO UPDATE
         SET state = EXCLUDED.state, language = EXCLUDED.language, duration_ms = EXCLUDED.duration_ms,
             missing = EXCLUDED.missing, exported_at = NULL, updated_at = now()",
        head.meeting_id.0,
        word(head.state),
        head.language,
        head.duration_ms,
        Json(&head.missing) as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a transcript is being made, unless there is one already: a late recording does not hide what can be read.
pub async fn set_running(conn: &mut PgConnection, meeting: MeetingId, language: &str) -> Result<(), StorageError> {
    sqlx::query!(
        "INSERT INTO transcripts (meeting_id, state, language)
         VALUES ($1, 'running', $2)
         ON CONFLICT (meeting_id) DO UPDATE
         SET state = 'running', updated_at = now()
         WHERE transcripts.state IN ('pending', 'failed')",
        meeting.0,
        language,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Finds a transcript's state; `None` before the first attempt to create it.
pub async fn find(conn: &mut PgConnection, meeting: MeetingId) -> Result<Option<TranscriptHead>, StorageError> {
    let row = sqlx::query!(
        r#"SELECT state, language, duration_ms, missing AS "missing: Json<Vec<Missing>>"
           FROM transcripts
           WHERE meeting_id = $1"#,
        meeting.0,
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    // One that this version does not know is still being made, by a newer one.
    let state = serde_json::from_value(row.state.into());
    Ok(Some(TranscriptHead {
        meeting_id: meeting,
        state: state.unwrap_or(TranscriptState::Pending),
        language: row.language,
        duration_ms: row.duration_ms,
        missing: row.missing.0,
    }))
}

/// Loads a transcript: its state, its whole text, and everyone who took part.
pub async fn load(
    conn: &mut PgConnection,
    meeting: MeetingId,
) -> Result<Option<(TranscriptState, Transcript)>, StorageError> {
    let Some(head) = find(conn, meeting).await? else {
        return Ok(None);
    };
    let people = participants::list_for_meeting(conn, meeting).await?;
    let people = people
        .into_iter()
        .filter(|p| p.kind.is_none_or(|kind| kind.is_person()));
    let transcript = Transcript {
        meeting_id: meeting,
        language: head.language,
        duration_ms: head.duration_ms,
        speakers: people
            .map(|p| Speaker {
                identity: p.identity,
                display_name: p.display_name,
            })
            .collect(),
        segments: segments::list(conn, meeting).await?,
        missing: head.missing,
    };
    Ok(Some((head.state, transcript)))
}

/// Marks a transcript as exported to the store in every format.
pub async fn mark_exported(conn: &mut PgConnection, meeting: MeetingId, at: DateTime<Utc>) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE transcripts SET exported_at = $2 WHERE meeting_id = $1",
        meeting.0,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Returns the name of a state in JSON and in the table.
fn word(state: TranscriptState) -> &'static str {
    match state {
        TranscriptState::Pending => "pending",
        TranscriptState::Running => "running",
        TranscriptState::Ready => "ready",
        TranscriptState::Empty => "empty",
        TranscriptState::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use domain::transcript::{Segment, Word};
    use sqlx::PgPool;

    use super::*;
    use crate::support;

    #[sqlx::test]
    async fn a_transcript_reads_back_as_written_and_is_replaced_as_a_whole(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let written = support::meeting_with_track(&mut conn).await;
        let (meeting, recording) = (written.head.id, written.recordings[0].id);
        let words = vec![Word {
            text: "hi".to_owned(),
            start_ms: 5,
            end_ms: 9,
            confidence: Some(0.5),
        }];
        let said = |text: &str| Segment {
            speaker: "ada".into(),
            start_ms: 5,
            end_ms: 9,
            text: text.to_owned(),
            words: words.clone(),
        };
        let missing = vec![Missing {
            recording_id: Some(recording),
            identity: "ada".into(),
            reason: "late".to_owned(),
            track_sid: Some("TR_1".into()),
            start_ms: Some(0),
            end_ms: Some(4_000),
            guess: false,
        }];
        let head = TranscriptHead {
            meeting_id: meeting,
            state: TranscriptState::Ready,
            language: "en".to_owned(),
            duration_ms: 99,
            missing,
        };

        let before = load(&mut conn, meeting).await.unwrap();
        for state in [TranscriptState::Running, TranscriptState::Ready] {
            save(&mut conn, &TranscriptHead { state, ..head.clone() })
                .await
                .unwrap();
        }
        segments::replace(&mut conn, meeting, &[said("Hi"), said("Hi"), said("Hi")])
            .await
            .unwrap();
        segments::replace(&mut conn, meeting, &[said("Hello"), said("Bye")])
            .await
            .unwrap();
        mark_exported(&mut conn, meeting, support::now()).await.unwrap();
        let (state, transcript) = load(&mut conn, meeting).await.unwrap().unwrap();

        assert_eq!((before, state), (None, TranscriptState::Ready));
        assert_eq!(transcript.segments, [said("Hello"), said("Bye")]);
        assert_eq!((transcript.missing, transcript.duration_ms), (head.missing, 99));
        assert_eq!(transcript.speakers[0].display_name, "Ada");
    }

    #[sqlx::test]
    async fn a_transcript_of_an_older_version_is_read(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let written = support::meeting_with_track(&mut conn).await;
        let missing = format!(
            r#"[{{"recording_id": "{}", "identity": "ada", "reason": "stuck"}}]"#,
            written.recordings[0].id
        );
        sqlx::query(
            "INSERT INTO transcripts (meeting_id, state, language, missing) VALUES ($1, 'ready', 'en', $2::jsonb)",
        )
        .bind(written.head.id.0)
        .bind(missing)
        .execute(&mut *conn)
        .await
        .unwrap();

        let read = find(&mut conn, written.head.id).await.unwrap().unwrap().missing;

        assert_eq!((read[0].reason.as_str(), read[0].start_ms), ("stuck", None));
    }

    #[sqlx::test]
    async fn a_transcript_that_can_be_read_does_not_run_again(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let meeting = support::meeting_with_track(&mut conn).await.head.id;
        let state = async |conn: &mut PgConnection| find(conn, meeting).await.unwrap().unwrap().state;

        set_running(&mut conn, meeting, "en").await.unwrap();
        let first = state(&mut conn).await;
        let head = TranscriptHead {
            meeting_id: meeting,
            state: TranscriptState::Empty,
            language: "en".to_owned(),
            duration_ms: 1,
            missing: Vec::new(),
        };
        save(&mut conn, &head).await.unwrap();
        set_running(&mut conn, meeting, "en").await.unwrap();

        assert_eq!(
            (first, state(&mut conn).await),
            (TranscriptState::Running, TranscriptState::Empty)
        );
    }

    #[test]
    fn states_have_the_same_name_in_json_and_sql() {
        for state in [
            TranscriptState::Pending,
            TranscriptState::Running,
            TranscriptState::Ready,
            TranscriptState::Empty,
            TranscriptState::Failed,
        ] {
            assert_eq!(serde_json::to_value(state).unwrap(), word(state));
        }
    }
}
