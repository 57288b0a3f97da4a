use super::*;

/// Base64 of the bytes 0 to 31.
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Computed with an independent implementation: timestamp, body, signature.
const VECTORS: [(&str, &str, &str); 2] = [
    (
        "1772355673",
        r#"{"version":"1.0.0","type":"recording.ready-to-download","id":"rec-rtd-example-0001","payload":{"type":"raw-tracks","recording_id":"7c9d1f0e-3a52-4a77-9a0b-0d6f3f2c1a01","room_name":"standup-20260301090000","start_ts":1772355605,"status":"finished","max_participants":2,"duration":61,"s3_key":"acme/standup-20260301090000/1772355605120","tracks":[{"type":"audio","s3Key":"acme/standup-20260301090000/1772355605120-1f6f0a9e-7d0f-4a36-8a53-5f0f7c5a1b11-cam-audio-1772355606480","size":412345}]},"event_ts":1772355672.25}"#,
        "ESuhlrUAeyuUWDv4YVpMoyqcWJpnFWaLuxXi7nnLSP8=",
    ),
    (
        "1772355602",
        r#"{"version":"1.0.0","type":"participant.joined","id":"ptcpt-join-example-0002","payload":{"session_id":"1f6f0a9e-7d0f-4a36-8a53-5f0f7c5a1b11","joined_at":1772355601.5,"room":"standup-20260301090000","user_id":"u-42","user_name":"Zoë","owner":false},"event_ts":1772355602.01}"#,
        "nRuvKTymYqvWUprq4oqsR3UaUqZ82GlHipsEbErHtU4=",
    ),
];

#[test]
fn the_vectors_are_accepted_with_any_of_several_secrets() {
    for (timestamp, body, signature) in VECTORS {
        let rotated = [secret(&STANDARD.encode([9; 32])), secret(SECRET)];
        let checked = verify(&headers(timestamp, signature), body.as_bytes(), &rotated, at(timestamp));
        assert!(matches!(checked, Ok(Authentic::Event)), "{checked:?}");
    }
}

#[test]
fn one_changed_byte_is_refused() {
    for (timestamp, body, signature) in VECTORS {
        for position in 0..body.len() {
            let mut changed = body.as_bytes().to_vec();
            changed[position] ^= 1;
            let checked = verify(
                &headers(timestamp, signature),
                &changed,
                &[secret(SECRET)],
                at(timestamp),
            );
            assert!(matches!(checked, Err(WebhookError::WrongSignature)), "byte {position}");
        }
        let other_time = format!("{timestamp}0");
        assert!(check(&other_time, body, signature).is_err());
    }
}

#[test]
fn what_is_not_a_signature_is_refused() {
    let (timestamp, body, signature) = VECTORS[0];
    assert!(matches!(
        verify(&HeaderMap::new(), body.as_bytes(), &[secret(SECRET)], at(timestamp)),
        Err(WebhookError::MissingSignature)
    ));
    let mut only_signature = headers(timestamp, signature);
    only_signature.remove(TIMESTAMP);
    assert!(matches!(
        verify(&only_signature, body.as_bytes(), &[secret(SECRET)], at(timestamp)),
        Err(WebhookError::MissingSignature)
    ));
    for bad in ["not base64!", "Bearer x"] {
        assert!(matches!(
            check(timestamp, body, bad),
            Err(WebhookError::MalformedSignature)
        ));
    }
    for short in ["", "AAAA", &signature[..40]] {
        assert!(check(timestamp, body, short).is_err(), "{short}");
    }
    let none = verify(&headers(timestamp, signature), body.as_bytes(), &[], at(timestamp));
    assert!(matches!(none, Err(WebhookError::WrongSignature)));
}

#[test]
fn the_time_is_checked_in_seconds_and_milliseconds_and_an_unreadable_one_is_not() {
    let now = at("1772355602");
    let signed_at = |timestamp: &str| {
        let mac = secret(SECRET)
            .0
            .chain_update(timestamp)
            .chain_update(".{}")
            .finalize()
            .into_bytes();
        verify(
            &headers(timestamp, &STANDARD.encode(mac)),
            b"{}",
            &[secret(SECRET)],
            now,
        )
    };

    for good in [
        "1772355602",
        "1772355602000",
        "1772355002",
        "1772356202",
        "1772355602.5",
        "Sun, 01 Mar",
        "",
    ] {
        assert!(signed_at(good).is_ok(), "{good:?}");
    }
    for (old, new) in [("1772355001", "1772356203"), ("1772355001000", "1772356203000")] {
        assert!(matches!(signed_at(old), Err(WebhookError::Expired)));
        assert!(matches!(signed_at(new), Err(WebhookError::NotYetValid)));
    }
}

#[test]
fn only_exactly_a_ping_needs_no_signature() {
    let checked = |body: &str| verify(&HeaderMap::new(), body.as_bytes(), &[], at("1772355602"));

    assert_eq!(checked(r#"{"test":"test"}"#).unwrap(), Authentic::Ping);
    assert_eq!(checked("{ \"test\": \"test\" }").unwrap(), Authentic::Ping);
    for other in [
        "",
        "{}",
        r#"{"test":"tests"}"#,
        r#"{"test":"test","type":"meeting.ended"}"#,
        r#"["test"]"#,
        &format!("{}{}", r#"{"test":"test"}"#, " ".repeat(100)),
    ] {
        assert!(checked(other).is_err(), "{other}");
    }
}

#[test]
fn a_secret_must_be_base64_and_long_enough_and_is_not_printed() {
    for bad in ["", "AAAA", "not base64", "AAECAwQFBgcICQoLDA0O"] {
        assert!(WebhookSecret::parse(&bad.into()).is_err(), "{bad}");
    }
    assert_eq!(format!("{:?}", secret(SECRET)), "WebhookSecret");
}

#[test]
fn headers_alone_limit_the_body() {
    let at = at("1772355602");
    let checked = |timestamp, signature| check_headers(&headers(timestamp, signature), at);

    assert_eq!(check_headers(&HeaderMap::new(), at).unwrap(), MAX_PING_LEN);
    assert_eq!(checked("1772355602", "AAAA").unwrap(), MAX_BODY_BYTES);
    assert!(matches!(
        checked("1772355602", "%"),
        Err(WebhookError::MalformedSignature)
    ));
    assert!(matches!(checked("1772300000", "AAAA"), Err(WebhookError::Expired)));
}

fn check(timestamp: &str, body: &str, signature: &str) -> Result<Authentic, WebhookError> {
    verify(
        &headers(timestamp, signature),
        body.as_bytes(),
        &[secret(SECRET)],
        at("1772355673"),
    )
}

fn secret(text: &str) -> WebhookSecret {
    WebhookSecret::parse(&text.into()).unwrap()
}

fn headers(timestamp: &str, signature: &str) -> HeaderMap {
    let value = |text: &str| HeaderValue::from_str(text).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(TIMESTAMP, value(timestamp));
    headers.insert(SIGNATURE, value(signature));
    headers
}

fn at(timestamp: &str) -> DateTime<Utc> {
    DateTime::from_timestamp(timestamp.parse().unwrap(), 0).unwrap()
}
