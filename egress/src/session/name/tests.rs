use super::*;

fn values<'a>(egress_id: &'a EgressId, track_id: &'a TrackSid) -> RequestValues<'a> {
    RequestValues {
        egress_id,
        room_name: "../a/b",
        room_id: "RM_1",
        track_id,
        retry_count: 0,
        now: "2026-03-04T05:06:07.089Z".parse().unwrap(),
    }
}

fn name_in(prefix: &str, path: &str) -> Result<ObjectName, NameError> {
    let (egress_id, track_id) = ("EG_1".into(), "TR_1".into());
    let template = NameTemplate::new(path, prefix, &values(&egress_id, &track_id))?;
    template.resolve(&TrackValues {
        track_source: "microphone",
        publisher_identity: &"zoë/..".into(),
    })
}

fn name(path: &str) -> String {
    name_in("", path).unwrap().filename
}

#[test]
fn templates_are_filled_in_with_encoded_values() {
    let table = [
        ("a/{room_name}/{room_id}.ogg", "a/..%2Fa%2Fb/RM_1.ogg"),
        (
            "{publisher_identity}-{track_source}.ogg",
            "zo%C3%AB%2F..-microphone.ogg",
        ),
        ("{track_id}-{track_type}-{egress_id}", "TR_1-audio-EG_1.ogg"),
        ("{utc}.ogg", "20260304050607089.ogg"),
        ("{retry}{unknown}.ogg", "{retry}{unknown}.ogg"),
    ];

    for (path, expected) in table {
        assert_eq!(name(path), expected, "{path}");
    }
}

#[test]
fn a_retry_is_named_only_when_there_was_one() {
    let (egress_id, track_id) = ("EG_1".into(), "TR_1".into());
    let values = RequestValues {
        retry_count: 2,
        ..values(&egress_id, &track_id)
    };

    let template = NameTemplate::new("x-{retry}", "", &values).unwrap();

    assert_eq!(template.path, "x-2");
}

#[test]
fn extensions_are_replaced_as_in_livekits_worker() {
    let table = [
        ("a.ogg", "a.ogg"),
        ("a.mp4", "a.ogg"),
        ("a.wav", "a.wav.ogg"),
        ("a", "a.ogg"),
        ("v1.2/a", "v1.2/a.ogg"),
        ("a.jpeg", "a.ogg"),
    ];

    for (path, expected) in table {
        assert_eq!(name(path), expected, "{path}");
    }
}

#[test]
fn a_path_without_a_name_gets_track_and_time() {
    for (path, start) in [
        ("", "TR_1-2026-03-0"),
        ("calls/", "calls/TR_1-2026-03-0"),
        ("/", "TR_1-2026-03-0"),
    ] {
        let name = name(path);
        assert!(name.starts_with(start) && name.ends_with(".ogg"), "{path}: {name}");
    }
}

#[test]
fn paths_are_normalised_and_none_leaves_the_root() {
    for (path, expected) in [
        ("a/../b.ogg", "b.ogg"),
        ("./a//b.ogg", "a/b.ogg"),
        ("/out/x.ogg", "out/x.ogg"),
    ] {
        assert_eq!(name(path), expected, "{path}");
    }
    for path in [
        "..",
        "../x.ogg",
        "a/../../x.ogg",
        "a\\b.ogg",
        "a\n.ogg",
        &"x/".repeat(600),
    ] {
        assert!(name_in("", path).is_err(), "{path:?}");
    }
}

#[test]
fn the_prefix_is_part_of_the_key_but_not_of_the_file_name() {
    let name = name_in("calls/audio", "x.ogg").unwrap();

    assert_eq!(
        (name.filename.as_str(), name.key.as_str()),
        ("x.ogg", "calls/audio/x.ogg")
    );
}

#[test]
fn every_accepted_path_has_a_key_for_every_identity() {
    let (egress_id, track_id) = ("EG_1".into(), "TR_1".into());
    let prefix = "p".repeat(domain::object_key::MAX_PREFIX_LEN);
    let paths = [
        "{publisher_identity}",
        "{publisher_identity}/{publisher_identity}/{publisher_identity}/{publisher_identity}",
        "{room_name}/{publisher_identity}-{publisher_identity}-{time}.ogg",
    ];
    let long = |part: &str| part.repeat(1000);

    for path in paths {
        let values = RequestValues {
            room_name: &long("🦀"),
            ..values(&egress_id, &track_id)
        };
        let template = NameTemplate::new(path, &prefix, &values).unwrap();
        for identity in [
            "".to_owned(),
            "..".to_owned(),
            long("x"),
            long("/"),
            long("é"),
            long("🦀"),
        ] {
            let track = TrackValues {
                track_source: "microphone",
                publisher_identity: &identity.as_str().into(),
            };
            let name = template.resolve(&track).unwrap();
            let segments = || name.filename.split('/');
            assert!(segments().all(|segment| segment.len() <= 250), "{name:?}");
            assert!(
                name.key.manifest().as_str().len() <= 1024 && name.filename.ends_with(".ogg"),
                "{name:?}"
            );
            assert_eq!(segments().count(), path.split('/').count(), "{name:?}");
        }
    }
}
