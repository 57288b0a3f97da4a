//! Webhooks that a real server sent, unchanged and tampered with.

use crate::support::{KEY, OneEvent, SECRET, key, livekit, livekit_at, webhook, webhooks};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use domain::event::{CaptureStatus, EventKind};
use domain::participant::ParticipantKind;
use domain::track::{TrackKind, TrackSource};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use platform::{Platform, WebhookError};

#[test]
fn every_captured_webhook_is_accepted_only_around_its_time() {
    let livekit = livekit();
    let webhooks = webhooks();

    assert_eq!(webhooks.len(), 33);
    for w in &webhooks {
        let at = |seconds| livekit.event(&w.headers, &w.body, w.created_at + TimeDelta::seconds(seconds));
        assert!(at(0).is_ok(), "{}: {:?}", w.name, at(0));
        assert!(at(355).is_ok(), "{}: within the tolerated skew", w.name);
        assert!(matches!(at(400), Err(WebhookError::Expired)), "{}", w.name);
        assert!(matches!(at(-400), Err(WebhookError::NotYetValid)), "{}", w.name);
    }
}

#[test]
fn a_body_with_one_changed_byte_is_rejected() {
    let livekit = livekit();

    for w in webhooks() {
        for place in [0, w.body.len() / 2, w.body.len() - 1] {
            let mut body = w.body.to_vec();
            body[place] ^= 1;
            let refused = livekit.event(&w.headers, &body.into(), w.created_at);
            assert!(
                matches!(refused, Err(WebhookError::DigestMismatch)),
                "{} at {place}",
                w.name
            );
        }
        let longer = [&w.body[..], b" "].concat();
        assert!(matches!(
            livekit.event(&w.headers, &longer.into(), w.created_at),
            Err(WebhookError::DigestMismatch)
        ));
    }
}

#[test]
fn the_headers_alone_show_a_wrong_signature_and_not_a_wrong_body() {
    let w = webhook("03-track_published");
    let livekit = livekit();

    assert_eq!(livekit.check_headers(&w.headers, w.created_at).unwrap(), 1 << 20);
    for (headers, now) in [
        (HeaderMap::new(), w.created_at),
        (w.headers.clone(), w.created_at + TimeDelta::seconds(400)),
        (
            HeaderMap::from_iter([(AUTHORIZATION, "a.b.c".parse().unwrap())]),
            w.created_at,
        ),
    ] {
        assert!(livekit.check_headers(&headers, now).unwrap_err().is_unauthorized());
    }
}

#[test]
fn an_unknown_key_or_secret_is_rejected_and_one_of_several_suffices() {
    let w = webhook("03-track_published");
    let with = |keys| livekit_at("http://127.0.0.1:1", keys).event(&w.headers, &w.body, w.created_at);

    assert!(matches!(
        with(vec![key(KEY, "another")]),
        Err(WebhookError::WrongSignature)
    ));
    assert!(matches!(
        with(vec![key("another", SECRET)]),
        Err(WebhookError::UnknownKey)
    ));
    assert!(matches!(with(vec![]), Err(WebhookError::UnknownKey)));
    assert!(with(vec![key("old", "x"), key(KEY, "older"), key(KEY, SECRET)]).is_ok());
}

#[test]
fn a_token_is_required_and_bearer_is_optional() {
    let w = webhook("03-track_published");
    let token = w.headers[AUTHORIZATION].to_str().unwrap();
    let with = |value: &str| {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        livekit().event(&headers, &w.body, w.created_at)
    };

    assert!(with(&format!("Bearer {token}")).is_ok());
    assert!(with(&format!("bearer {token}")).is_ok());
    assert!(matches!(
        livekit().event(&HeaderMap::new(), &w.body, w.created_at),
        Err(WebhookError::MissingSignature)
    ));
    assert!(matches!(with(""), Err(WebhookError::MissingSignature)));
    for damaged in [
        "a.b.c",
        "...",
        "x",
        &token[1..],
        &format!("{token}.{token}"),
        &"a.".repeat(200_000),
    ] {
        assert!(with(damaged).is_err(), "{}", &damaged[..damaged.len().min(80)]);
    }
}

#[test]
fn a_garbage_body_fails_the_digest_check() {
    let w = webhook("03-track_published");

    let garbage = Bytes::from(vec![0xAA; 1 << 20]);

    assert!(matches!(
        livekit().event(&w.headers, &garbage, w.created_at),
        Err(WebhookError::DigestMismatch)
    ));
}

#[test]
fn a_track_event_is_parsed_completely() {
    let event = read("03-track_published");

    let EventKind::TrackPublished(published) = event.kind else {
        panic!("{event:?}")
    };
    assert_eq!(event.key.id, "EV_gB5CNTZ5AJ2G");
    assert_eq!(event.occurred_at, DateTime::from_timestamp(1_795_248_735, 0).unwrap());
    let room = event.room.unwrap();
    assert_eq!(
        (room.name.as_deref(), room.key.as_str(), room.created_at),
        (Some("standup-fixture"), "RM_dBrRkhqudVGR", None)
    );
    assert_eq!(published.identity.as_str(), "zoe-4b82ed");
    assert_eq!(published.track.sid.as_str(), "TR_AMx23cZGKLrKR5");
    assert_eq!(
        (published.track.kind, published.track.source),
        (TrackKind::Audio, TrackSource::Microphone)
    );
    assert_eq!(
        (published.track.mime_type.as_str(), published.track.encrypted),
        ("audio/red", false)
    );
}

#[test]
fn a_participant_is_parsed_with_name_kind_and_join_time_in_milliseconds() {
    let seen = |name: &str| match read(name).kind {
        EventKind::ParticipantJoined(seen) | EventKind::ParticipantLeft(seen) => seen,
        other => panic!("{other:?}"),
    };

    let zoe = seen("02-participant_joined");
    assert_eq!(
        (zoe.display_name.as_str(), zoe.kind),
        ("Zoë 寿", ParticipantKind::Standard)
    );
    assert_eq!(zoe.joined_at, DateTime::from_timestamp_millis(1_795_248_735_456));
    assert_eq!(
        read("02-participant_joined").room.unwrap().created_at,
        millis(1_795_248_733_905)
    );
    assert_eq!(
        seen("extra/02-participant_joined-recorder").kind,
        ParticipantKind::Recorder
    );
    assert_eq!(seen("extra/04-participant_joined-agent").kind, ParticipantKind::Agent);
    assert_eq!(
        read("extra/09-participant_connection_aborted").kind,
        EventKind::ParticipantAborted
    );
}

#[test]
fn egress_reports_are_parsed_from_start_to_end() {
    let report = |name: &str| match read(name).kind {
        EventKind::CaptureStarted(report) | EventKind::CaptureUpdated(report) | EventKind::CaptureEnded(report) => {
            report
        }
        other => panic!("{other:?}"),
    };

    let ended = report("07-egress_ended-complete");
    let file = &ended.files[0];
    assert_eq!(report("04-egress_started").status, CaptureStatus::Starting);
    assert_eq!(report("06-egress_updated-ending").status, CaptureStatus::Ending);
    assert_eq!(ended.status, CaptureStatus::Complete);
    assert_eq!(ended.platform_id.unwrap().as_str(), "EG_mdeZn6iC2ZDL");
    assert_eq!(ended.room_sid.unwrap().as_str(), "RM_dBrRkhqudVGR");
    assert_eq!(ended.track_sid.unwrap().as_str(), "TR_AMx23cZGKLrKR5");
    assert_eq!(
        file.key.as_deref(),
        Some("livekit/standup-fixture/zoe-4b82ed-TR_AMx23cZGKLrKR5.ogg")
    );
    assert_eq!(
        file.started_at,
        Some(DateTime::from_timestamp_nanos(1_795_248_737_120_383_893))
    );
    assert_eq!(file.size_bytes, Some(12345));
    assert_eq!(
        ended.requested_file.as_deref(),
        Some("livekit/{room_name}/{publisher_identity}-{track_id}.ogg")
    );
    assert_eq!(
        ended.updated_at,
        Some(DateTime::from_timestamp_nanos(1_795_248_739_970_236_735))
    );
    assert_eq!(
        report("extra/05-egress_ended-failed-auto-egress-no-worker").platform_id,
        None
    );
    assert_eq!(report("extra/07-egress_ended-aborted").status, CaptureStatus::Aborted);
    assert_eq!(
        report("extra/08-egress_ended-limit_reached").status,
        CaptureStatus::LimitReached
    );
}

#[test]
fn no_secret_is_in_the_stored_body() {
    for w in webhooks() {
        let stored = livekit()
            .event(&w.headers, &w.body, w.created_at)
            .unwrap()
            .stored_body
            .to_string();

        for secret in [
            r#""AK""#,
            r#""SK""#,
            r#""ST""#,
            "SmywrpSn6GWmtgf88bno0fzVifwDenskbE03aph37ThB",
            "{secret}",
        ] {
            assert!(!stored.contains(secret), "{}: {secret}", w.name);
        }
        assert!(stored.contains(r#""event""#), "{}: other fields are missing", w.name);
    }
}

fn read(name: &str) -> domain::event::PlatformEvent {
    let w = webhook(name);
    livekit().event(&w.headers, &w.body, w.created_at).unwrap().event
}

fn millis(since_1970: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(since_1970)
}
