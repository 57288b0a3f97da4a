use http::HeaderValue;

use super::*;

const SECRET: &str = "wb-example-signing-secret";
const NOW: i64 = 1_772_355_605;

/// Computed with an independent implementation.
const HEADER: &str = "t=1772355605,v1=bca36b28cc45b3b6ae8f2d4a38c5984cb3a2a99b2c480b9aa407e8abe049c213";
const BODY: &str = r#"{"id":"evt-example-1","apiVersion":"1.0","createdAt":"2026-03-01T09:00:05.000Z","type":"room.client.joined","data":{"meetingId":"812345","roomName":"/standup-5d1d2f3c-0b7e-4c11-9f65-8e5b1f1f9a20","roleName":"visitor","displayName":"Zoë","numClients":1,"numClientsByRoleName":{"visitor":1}}}"#;

#[test]
fn the_vector_is_accepted_with_any_of_several_secrets_and_signatures() {
    let (_, signature) = HEADER.split_once(",v1=").unwrap();
    for header in [
        HEADER.to_owned(),
        format!("v1={signature},t={NOW}"),
        format!(" t = {NOW} , v0=abc, v1=00, v1 = {signature} ,x"),
    ] {
        assert!(
            check(&header, BODY.as_bytes(), &["old", SECRET], NOW).is_ok(),
            "{header}"
        );
    }
}

#[test]
fn one_changed_byte_is_refused() {
    for position in 0..BODY.len() {
        let mut changed = BODY.as_bytes().to_vec();
        changed[position] ^= 1;
        let checked = check(HEADER, &changed, &[SECRET], NOW);
        assert!(matches!(checked, Err(WebhookError::WrongSignature)), "byte {position}");
    }
    let reserialized = BODY.replace('ë', "\\u00eb");
    assert!(check(HEADER, reserialized.as_bytes(), &[SECRET], NOW).is_err());
    assert!(
        check(
            &HEADER.replace("t=1772355605", "t=1772355606"),
            BODY.as_bytes(),
            &[SECRET],
            NOW
        )
        .is_err()
    );
}

#[test]
fn a_wrong_or_empty_secret_signs_nothing() {
    for secrets in [&[][..], &[""], &["wb-example-signing-secreT"]] {
        let checked = check(HEADER, BODY.as_bytes(), secrets, NOW);
        assert!(matches!(checked, Err(WebhookError::WrongSignature)), "{secrets:?}");
    }
}

#[test]
fn the_time_is_checked_in_both_directions() {
    let at = |now| check(HEADER, BODY.as_bytes(), &[SECRET], now);

    assert!(at(NOW + 300).is_ok() && at(NOW - 300).is_ok());
    assert!(matches!(at(NOW + 301), Err(WebhookError::Expired)));
    assert!(matches!(at(NOW - 301), Err(WebhookError::NotYetValid)));
}

#[test]
fn a_header_that_is_none_is_refused() {
    let missing = verify(&HeaderMap::new(), BODY.as_bytes(), &[SECRET.into()], now(NOW));
    assert!(matches!(missing, Err(WebhookError::MissingSignature)));
    for header in ["", "t=1", "v1=00", "Bearer x", "t=,v1="] {
        let checked = check(header, BODY.as_bytes(), &[SECRET], NOW);
        assert!(checked.is_err(), "{header}");
    }
    for time in ["99999999999999999999", "x", "-9223372036854775808", ""] {
        let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        let mac = mac.chain_update(time).chain_update(".{}").finalize().into_bytes();
        let checked = check(&format!("t={time},v1={}", hex::encode(mac)), b"{}", &[SECRET], NOW);
        assert!(matches!(checked, Err(WebhookError::MalformedSignature)), "{time}");
    }
    let many = format!("t={NOW}{}", ",v1=00".repeat(5000));
    assert!(check(&many, BODY.as_bytes(), &[SECRET], NOW).is_err());
}

#[test]
fn headers_alone_limit_the_body() {
    let checked = |header: &str, at| {
        let headers = HeaderMap::from_iter([(SIGNATURE.parse().unwrap(), HeaderValue::from_str(header).unwrap())]);
        check_headers(&headers, now(at))
    };

    assert_eq!(checked(HEADER, NOW).unwrap(), MAX_BODY_BYTES);
    assert!(matches!(checked(HEADER, NOW + 301), Err(WebhookError::Expired)));
    assert!(matches!(checked("x", NOW), Err(WebhookError::MalformedSignature)));
    assert!(matches!(
        check_headers(&HeaderMap::new(), now(NOW)),
        Err(WebhookError::MissingSignature)
    ));
}

fn check(header: &str, body: &[u8], secrets: &[&str], at: i64) -> Result<(), WebhookError> {
    let secrets: Vec<SecretString> = secrets.iter().map(|secret| (*secret).into()).collect();
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE, HeaderValue::from_str(header).unwrap());
    verify(&headers, body, &secrets, now(at))
}

fn now(at: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(at, 0).unwrap()
}
