//! A Daily that answers slowly, wrongly or not at all.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use platform::PlatformError;
use platform::daily::DailyClient;
use test_support::platforms::Scripted;
use test_support::platforms::daily::FakeDaily;

use super::daily_api::{client, room};

#[tokio::test]
async fn a_short_429_is_waited_out() {
    let daily = FakeDaily::start().await;
    daily
        .controls()
        .answer("POST /v1/rooms", Scripted::TooMany { retry_after: 1 });
    let started = Instant::now();

    client(&daily).create_room(&room("standup-1")).await.unwrap();

    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(daily.controls().requests("POST /v1/rooms"), 2);
}

#[tokio::test]
async fn a_long_429_is_reported_at_once_and_holds_the_whole_class_back() {
    let daily = FakeDaily::start().await;
    let client = client(&daily);
    daily
        .controls()
        .answer("POST /v1/rooms", Scripted::TooMany { retry_after: 60 });

    let first = client.create_room(&room("standup-1")).await.unwrap_err();
    let second = client.presence().await.unwrap_err();

    for error in [first, second] {
        let PlatformError::RateLimited { retry_after, .. } = error else {
            panic!("{error:?}")
        };
        assert!(retry_after > Duration::from_secs(55), "{retry_after:?}");
    }
    assert_eq!(daily.controls().requests(""), 1);
    client.list_webhooks().await.unwrap();
}

#[tokio::test]
async fn more_requests_than_daily_allows_are_spread_over_time() {
    let daily = FakeDaily::start().await;
    let client = client(&daily);

    let calls = (0..30).map(|_| client.presence());
    let answers = futures::future::join_all(calls).await;

    assert!(answers.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_failing_api_is_a_transient_error_and_nothing_is_sent_twice() {
    let daily = FakeDaily::start().await;
    let client = client(&daily);
    for (answer, class) in [
        (Scripted::Error(StatusCode::SERVICE_UNAVAILABLE), "Busy"),
        (Scripted::Garbage("<html>"), "UnexpectedResponse"),
        (Scripted::Garbage("{}"), "UnexpectedResponse"),
        (Scripted::Hang, "Unreachable"),
    ] {
        let before = daily.controls().requests("POST");
        daily.controls().answer("POST /v1/rooms", answer);
        let error = client.create_room(&room("standup-1")).await.unwrap_err();
        assert!(
            format!("{error:?}").starts_with(class) && error.is_transient(),
            "{error:?}"
        );
        assert_eq!(daily.controls().requests("POST"), before + 1);
    }
}

#[tokio::test]
async fn a_room_whose_answer_was_lost_is_found_by_the_next_request() {
    let daily = FakeDaily::start().await;
    let client = client(&daily);
    daily.controls().answer("POST /v1/rooms", Scripted::HangAfter);

    let lost = client.create_room(&room("standup-1")).await.unwrap_err();
    let found = client.create_room(&room("standup-1")).await.unwrap();

    assert!(matches!(lost, PlatformError::Unreachable(..)));
    assert_eq!((found.name.as_str(), daily.rooms().len()), ("standup-1", 1));
}

#[tokio::test]
async fn no_error_shows_an_address_or_a_key() {
    test_support::use_tls_provider();
    let nobody = DailyClient::new("http://127.0.0.1:1/v1/secret-path", "secret-key".into()).unwrap();

    let error = nobody.get_room("secret-room").await.unwrap_err();

    let debug = format!("{error:?}");
    let chain = format!("{debug} {:#}", anyhow::Error::from(error));
    assert!(!chain.contains("secret"), "{chain}");
}

#[test]
fn an_address_that_is_none_is_refused() {
    for bad in ["", "api.daily.co", "ftp://api.daily.co", "http://"] {
        assert!(DailyClient::new(bad, "key".into()).is_err(), "{bad}");
    }
}
