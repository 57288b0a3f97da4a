//! Which tracks are recorded.

use super::support::{Call, RoomStore, microphone, of_kind, only_track_reason, zoe};
use crate::participant::ParticipantKind;
use crate::room::{ConsentPolicy, RecordingPolicy};
use crate::track::{NotRecorded, ObservedTrack, TrackKind, TrackSource};

#[test]
fn a_track_that_is_not_a_persons_microphone_is_not_recorded_and_has_a_reason() {
    let microphone = microphone("TR_1");
    let table = [
        (
            NotRecorded::ScreenShareAudio,
            ObservedTrack {
                source: TrackSource::ScreenShareAudio,
                ..microphone.clone()
            },
        ),
        (
            NotRecorded::Source,
            ObservedTrack {
                source: TrackSource::Camera,
                ..microphone.clone()
            },
        ),
        (
            NotRecorded::Video,
            ObservedTrack {
                kind: TrackKind::Video,
                source: TrackSource::Camera,
                ..microphone.clone()
            },
        ),
        (
            NotRecorded::Data,
            ObservedTrack {
                kind: TrackKind::Data,
                ..microphone.clone()
            },
        ),
        (
            NotRecorded::E2ee,
            ObservedTrack {
                encrypted: true,
                ..microphone.clone()
            },
        ),
        (
            NotRecorded::Codec,
            ObservedTrack {
                mime_type: "audio/PCMU".to_owned(),
                ..microphone.clone()
            },
        ),
    ];
    for (reason, track) in table {
        let store = RoomStore::with(&[
            Call::new("RM_1").joined(1, &zoe()),
            Call::new("RM_1").published(2, &zoe(), &track),
        ]);

        assert_eq!(only_track_reason(&store), Some(reason));
        assert_eq!(store.jobs, []);
    }
    for source in [TrackSource::Unknown, TrackSource::Microphone] {
        for mime_type in ["", "audio/opus", "audio/red", "audio/OPUS"] {
            let track = ObservedTrack {
                source,
                mime_type: mime_type.to_owned(),
                ..microphone.clone()
            };
            let store = RoomStore::with(&[Call::new("RM_1").published(2, &zoe(), &track)]);
            assert_eq!(
                (only_track_reason(&store), store.jobs.len()),
                (None, 1),
                "{source} {mime_type}"
            );
        }
    }
}

#[test]
fn only_people_are_recorded_whether_their_kind_is_known_early_or_late() {
    let table = [
        (ParticipantKind::Sip, None),
        (ParticipantKind::Ingress, None),
        (ParticipantKind::Agent, Some(NotRecorded::Agent)),
        (ParticipantKind::Other, Some(NotRecorded::ParticipantKind)),
    ];
    let call = Call::new("RM_1");
    for (kind, reason) in table {
        let joined = call.joined(2, &of_kind(kind));
        let published = call.published(3, &of_kind(kind), &microphone("TR_1"));
        let opened = call.joined(1, &zoe());

        let before = RoomStore::with(&[opened.clone(), joined.clone(), published.clone()]);
        let after = RoomStore::with(&[opened, published, joined]);

        assert_eq!(
            (only_track_reason(&before), only_track_reason(&after)),
            (reason, reason),
            "{kind}"
        );
        assert_eq!(
            before.meeting("RM_1").unwrap().recordings.len(),
            usize::from(reason.is_none())
        );
        assert_eq!(before.outline("RM_1"), after.outline("RM_1"));
    }
}

#[test]
fn a_kind_learned_from_the_platform_withdraws_an_unwanted_request() {
    let agent = of_kind(ParticipantKind::Agent);
    let mut store = RoomStore::with(&[Call::new("RM_1").published(3, &agent, &microphone("TR_1"))]);
    let requested = store.meeting("RM_1").unwrap().captures[0].id;

    let room = store.room.clone();
    let change = store.change("RM_1", |meeting, env| meeting.observe_participant(&agent, &room, env));

    assert_eq!(change.withdrawn, [requested]);
    assert_eq!(only_track_reason(&store), Some(NotRecorded::Agent));
    assert!(store.meeting("RM_1").unwrap().recordings.is_empty());
}

#[test]
fn a_rooms_policies_decide_what_is_recorded() {
    let table = [
        (RecordingPolicy::Off, ConsentPolicy::None, Some(NotRecorded::Policy)),
        (RecordingPolicy::Prompt, ConsentPolicy::None, Some(NotRecorded::Policy)),
        (
            RecordingPolicy::Automatic,
            ConsentPolicy::Require,
            Some(NotRecorded::Consent),
        ),
        (RecordingPolicy::Automatic, ConsentPolicy::Ask, None),
        (RecordingPolicy::Other, ConsentPolicy::None, Some(NotRecorded::Policy)),
        (
            RecordingPolicy::Automatic,
            ConsentPolicy::Other,
            Some(NotRecorded::Consent),
        ),
    ];
    for (recording, consent, reason) in table {
        let mut store = RoomStore::new();
        (store.room.recording, store.room.consent) = (recording, consent);

        store.apply(&Call::new("RM_1").published(2, &zoe(), &microphone("TR_1")));

        assert_eq!(only_track_reason(&store), reason, "{recording} {consent}");
    }
}
