//! What a listener notes in the state of its egress.

use std::time::{Duration, Instant};

use domain::UnixNanos;

use super::Listener;
use crate::{clock::unix_now, metrics, session::state::State};

impl Listener<'_> {
    /// The file began at `first`.
    pub(super) fn note_file(&mut self, first: UnixNanos) {
        let reporter = &mut self.session.reporter;
        match reporter.egress().state() {
            State::Starting => {
                let file = self.track.open_file(Some(first));
                reporter.transition(|egress| egress.activate(unix_now(), file));
            }
            State::Active(file) if file.started_at.is_none() => reporter.update(|egress| egress.file_started(first)),
            _ => return,
        }
        let after_ms = milliseconds(self.session.spec.received.elapsed());
        tracing::info!(after_ms, "the first packet arrived {after_ms} ms after the request");
    }

    pub(super) fn be_present(&mut self, at: Instant) {
        self.presence.begin(self.wall.unix_nanos_at(at));
        self.save_presence();
    }

    pub(super) fn save_presence(&self) {
        let presence = self.presence.clone();
        self.session.reporter.save(|saved| saved.presence = presence);
    }

    /// A recorder that was away hears the track again. Whoever believed that it was lost learns it from a newer report.
    pub(super) fn report_return(&mut self) {
        let reporter = &mut self.session.reporter;
        if let State::Active(_) = reporter.egress().state() {
            reporter.transition(|egress| Ok(egress.continued(unix_now())));
        }
    }

    pub(super) fn measure_first_packet(&self) {
        let after = self.session.spec.received.elapsed();
        metrics::first_packet(after);
        let after_ms = milliseconds(after);
        tracing::info!(
            after_ms,
            "the first packet was in the spool {after_ms} ms after the request"
        );
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
