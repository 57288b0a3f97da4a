//! The last report of an egress whose sessions panicked again and again.

use std::sync::Arc;

use domain::UnixNanos;
use livekit_protocol::{EgressInfo, EgressStatus};

use super::{
    context::SessionContext,
    handle::is_terminal,
    seat::Seat,
    updates::{Known, UpdateQueue},
};
use crate::{clock::unix_now, failure::Failure};

/// Reports an egress as failed, so that nobody believes that it is still recorded. Its folder stays: the next process
/// stores what is in it, and then reports the file.
pub async fn give_up(context: &Arc<SessionContext>, seat: &Seat) {
    seat.snapshot.send_modify(|snapshot| {
        snapshot.info = failed(snapshot.info.clone(), unix_now());
        snapshot.is_recording = false;
    });
    let updates = UpdateQueue::new(context.io_info.clone(), Known::Uncertain);
    updates.push(seat.snapshot.borrow().info.clone());
    let suspend = &context.shutdown.suspend;
    let _or_by_the_next_process = suspend.run_until_cancelled(updates.finish()).await;
}

/// The failure of this worker. A terminal state that was decided before stays.
fn failed(info: EgressInfo, now: UnixNanos) -> EgressInfo {
    if is_terminal(info.status()) {
        return info;
    }
    let failure = Failure::interrupted("the recorder failed again and again; what it recorded is in its spool");
    EgressInfo {
        status: EgressStatus::EgressFailed.into(),
        updated_at: now.0,
        ended_at: now.0,
        error: failure.message,
        error_code: failure.code,
        ..info
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(status: EgressStatus) -> EgressInfo {
        EgressInfo {
            status: status.into(),
            ..Default::default()
        }
    }

    #[test]
    fn an_egress_that_was_given_up_failed_unless_its_end_was_decided() {
        let active = failed(info(EgressStatus::EgressActive), UnixNanos(7));
        let complete = failed(info(EgressStatus::EgressComplete), UnixNanos(7));

        assert_eq!((active.status(), active.ended_at), (EgressStatus::EgressFailed, 7));
        assert!(active.error.starts_with("interrupted: "), "{}", active.error);
        assert_eq!(complete, info(EgressStatus::EgressComplete));
    }
}
