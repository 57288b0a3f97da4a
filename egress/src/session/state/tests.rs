use livekit_protocol::{self as proto, egress_info};

use super::*;

fn starting() -> Egress {
    let request = egress_info::Request::Track(proto::TrackEgressRequest::default());
    let meta = EgressMeta {
        egress_id: "EG_1".into(),
        room_sid: "RM_1".into(),
        room_name: "standup".into(),
        retry_count: 0,
        request,
    };
    Egress::new(meta, UnixNanos(10))
}

fn active() -> Egress {
    starting()
        .activate(
            UnixNanos(20),
            OpenFile {
                filename: "a.ogg".into(),
                started_at: Some(UnixNanos(20)),
            },
        )
        .unwrap()
}

fn muted() -> Egress {
    starting()
        .activate(
            UnixNanos(20),
            OpenFile {
                filename: "a.ogg".into(),
                started_at: None,
            },
        )
        .unwrap()
}

fn stored() -> StoredFile {
    StoredFile {
        filename: "a.ogg".into(),
        started_at: UnixNanos(20),
        duration_ns: 15,
        size_bytes: 7,
        location: "/o/a.ogg".into(),
        manifest_location: "/o/a.json".into(),
    }
}

fn terminal() -> [Egress; 5] {
    let ending = active().end(UnixNanos(30), EndReason::SourceClosed).unwrap();
    [
        ending.clone().complete(UnixNanos(40), stored()).unwrap(),
        active().limit_reached(UnixNanos(40), stored()).unwrap(),
        ending
            .fail(UnixNanos(40), Failure::no_packets("TR_1"), Some(stored()))
            .unwrap(),
        starting()
            .fail(UnixNanos(40), Failure::track_not_found("TR_1"), None)
            .unwrap(),
        starting()
            .abort(UnixNanos(40), Failure::not_started(), EndReason::StopApi)
            .unwrap(),
    ]
}

#[test]
#[expect(deprecated, reason = "`result` must mirror `file_results`")]
fn an_egress_goes_from_starting_through_active_and_ending_to_complete() {
    let complete = active()
        .end(UnixNanos(30), EndReason::StopApi)
        .unwrap()
        .complete(UnixNanos(40), stored())
        .unwrap();

    let info = complete.info();

    assert_eq!(info.status(), EgressStatus::EgressComplete);
    assert_eq!((info.started_at, info.updated_at, info.ended_at), (10, 40, 40));
    assert_eq!(info.details, "End reason: StopEgress API");
    assert_eq!(info.manifest_location, "/o/a.json");
    let file = &info.file_results[0];
    assert_eq!(
        (file.started_at, file.ended_at, file.duration, file.size),
        (20, 35, 15, 7)
    );
    assert_eq!(info.result, Some(egress_info::Result::File(file.clone())));
    assert_eq!((info.error.as_str(), info.error_code), ("", 0));
}

#[test]
fn nothing_follows_a_terminal_state() {
    for egress in terminal() {
        let ended_at = egress.info().ended_at;

        let steps = [
            egress.clone().activate(
                UnixNanos(50),
                OpenFile {
                    filename: String::new(),
                    started_at: None,
                },
            ),
            egress.clone().end(UnixNanos(50), EndReason::StopApi),
            egress.clone().complete(UnixNanos(50), stored()),
            egress.clone().limit_reached(UnixNanos(50), stored()),
            egress.clone().fail(UnixNanos(50), Failure::no_packets("TR_1"), None),
            egress
                .clone()
                .abort(UnixNanos(50), Failure::no_audio(), EndReason::StopApi),
        ];

        assert!(egress.is_terminal() && ended_at == 40);
        assert!(steps.iter().all(Result::is_err), "{egress:?}");
    }
}

#[test]
fn a_second_stop_keeps_the_first_reason() {
    let ending = active().end(UnixNanos(30), EndReason::SourceClosed).unwrap();

    let again = ending.clone().end(UnixNanos(31), EndReason::StopApi).unwrap();

    assert_eq!(again, ending);
}

#[test]
fn a_muted_track_is_active_without_a_packet_and_may_still_abort() {
    let aborted = muted()
        .abort(UnixNanos(30), Failure::no_audio(), EndReason::SourceClosed)
        .unwrap();
    let unmuted = muted().file_started(UnixNanos(25)).file_started(UnixNanos(26));

    assert_eq!(muted().info().file_results[0].started_at, 0);
    assert_eq!(aborted.info().status(), EgressStatus::EgressAborted);
    assert_eq!(aborted.info().error_code, 412);
    assert_eq!(unmuted.info().file_results[0].started_at, 25);
}

#[test]
fn a_failure_names_its_reason_and_the_file_that_was_stored() {
    let [_, limit, lost, early, aborted] = terminal().map(|egress| egress.info());

    assert_eq!((limit.error.as_str(), limit.error_code), ("Session limit reached", 413));
    assert_eq!(
        (lost.error_code, lost.details.as_str()),
        (503, "End reason: Source closed")
    );
    assert_eq!(lost.file_results[0].location, "/o/a.ogg");
    assert_eq!((early.error.as_str(), early.error_code), ("track TR_1 not found", 404));
    assert_eq!(early.details, "End reason: Failure");
    assert_eq!(
        (aborted.error.as_str(), aborted.error_code),
        ("Start signal not received", 412)
    );
}

#[test]
fn an_active_egress_is_not_completed_without_an_end() {
    let refused = active().complete(UnixNanos(30), stored()).unwrap_err();

    assert_eq!(refused.to_string(), "an egress that is active cannot become complete");
}
