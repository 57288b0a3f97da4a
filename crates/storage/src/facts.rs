//! Logs and counts facts. Customers are told of them by the [`feed`](crate::feed).

use domain::meeting::Fact;

/// Publishes a fact whose transaction has been committed.
pub fn publish(fact: &Fact) {
    let (kind, meeting) = (fact.kind.as_str(), fact.meeting_id());
    match fact.recording_id() {
        Some(recording) => tracing::info!(meeting.id = %meeting, recording.id = %recording, fact = kind, "{kind}"),
        None => tracing::info!(meeting.id = %meeting, fact = kind, "{kind}"),
    }
    metrics::counter!("trackscribe_facts_total", "fact" => kind).increment(1);
}
