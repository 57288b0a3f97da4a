use axum::body::to_bytes;
use insta::assert_snapshot;

use super::*;

async fn shown(error: ApiError) -> String {
    let response = error.into_response();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let retry = parts
        .headers
        .get(header::RETRY_AFTER)
        .map(|v| v.to_str().unwrap().to_owned());
    format!(
        "{} {:?}\n{}",
        parts.status,
        retry,
        String::from_utf8(body.to_vec()).unwrap()
    )
}

#[tokio::test]
async fn an_invalid_value_names_its_field() {
    let error = ApiError::invalid("recording", "use automatic or off");

    assert_snapshot!(shown(error).await, @r#"
    422 Unprocessable Entity None
    {"type":"urn:trackscribe:problem:invalid","title":"Invalid value","status":422,"detail":"recording: use automatic or off","errors":[{"field":"recording","message":"use automatic or off"}]}
    "#);
}

#[tokio::test]
async fn an_internal_error_does_not_reveal_its_cause() {
    let error = ApiError::Internal(anyhow::anyhow!("password is hunter2"));

    let text = shown(error).await;

    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_pending_transcript_has_retry_after_and_a_failed_one_does_not() {
    let pending = shown(ApiError::TranscriptNotReady(TranscriptState::Running)).await;
    let failed = shown(ApiError::TranscriptNotReady(TranscriptState::Failed)).await;

    assert!(
        pending.contains(r#"Some("5")"#) && pending.contains(r#""state":"running""#),
        "{pending}"
    );
    assert!(failed.starts_with("404 Not Found None"), "{failed}");
}
