//! How many connections there are, and how they end.

use std::time::Duration;

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;

use super::support::{next, start};

/// Ample; only a failing test waits this long.
const TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn one_more_than_the_limit_is_refused_until_another_leaves() {
    let proxied = start(2).await;
    let (first, _) = proxied.connect("/lk-ws/rtc").await.unwrap();
    let (_second, _) = proxied.connect("/lk-ws/rtc").await.unwrap();

    let error = proxied.connect("/lk-ws/rtc").await.unwrap_err();

    let Error::Http(response) = error else {
        panic!("{error}")
    };
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    drop(first);
    let freed = async { while proxied.connect("/lk-ws/rtc").await.is_err() {} };
    timeout(TIMEOUT, freed).await.unwrap();
}

#[tokio::test]
async fn refused_requests_take_no_place() {
    let proxied = start(1).await;

    for _ in 0..5 {
        proxied.connect("/lk-ws/rtc?refuse=1").await.unwrap_err();
    }

    proxied.connect("/lk-ws/rtc").await.unwrap();
}

#[tokio::test]
async fn a_stop_ends_all_connections() {
    let proxied = start(10).await;
    let (mut socket, _) = proxied.connect("/lk-ws/rtc").await.unwrap();
    next(&mut socket).await.unwrap();

    proxied.stop.cancel();

    let end = timeout(TIMEOUT, next(&mut socket)).await.unwrap();
    assert_eq!(end, None);
}
