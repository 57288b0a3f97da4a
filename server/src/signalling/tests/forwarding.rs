//! What passes through the proxy.

use futures::SinkExt;
use tokio_tungstenite::tungstenite::{Error, Message, protocol::CloseFrame};

use super::support::{CLOSE, next, start, start_for};

#[tokio::test]
async fn both_forms_of_the_path_lose_their_prefix_and_keep_their_query() {
    let proxied = start(10).await;

    for path in ["/rtc", "/rtc/v1"] {
        let (mut socket, response) = proxied
            .connect(&format!("/lk-ws{path}?access_token=abc&auto_subscribe=1&sdk=js%20x"))
            .await
            .unwrap();

        let target = next(&mut socket).await.unwrap().into_text().unwrap();
        let expected = format!("/livekit{path}?access_token=abc&auto_subscribe=1&sdk=js%20x ");
        assert!(target.starts_with(&expected), "{target}");
        assert!(
            target.contains("Bearer the-token") && target.contains("127.0.0.1"),
            "{target}"
        );
        assert!(!target.contains("cookie"), "{target}");
        assert_eq!(response.headers()["sec-websocket-protocol"], "livekit");
    }
}

#[tokio::test]
async fn frames_pass_both_ways_however_long_they_are() {
    let proxied = start(10).await;
    let (mut socket, _) = proxied.connect("/lk-ws/rtc").await.unwrap();
    next(&mut socket).await.unwrap();

    for length in [0, 1, 125, 65_536, 3_000_000] {
        let message = Message::binary(vec![length as u8; length]);
        socket.send(message.clone()).await.unwrap();
        assert_eq!(next(&mut socket).await, Some(message));
    }
    socket.send(Message::Ping("are you there".into())).await.unwrap();
    assert_eq!(next(&mut socket).await, Some(Message::Pong("are you there".into())));
}

#[tokio::test]
async fn close_codes_pass() {
    let proxied = start(10).await;
    let (mut socket, _) = proxied.connect("/lk-ws/rtc").await.unwrap();
    next(&mut socket).await.unwrap();

    socket.send(Message::text("close")).await.unwrap();

    let frame = CloseFrame {
        code: CLOSE,
        reason: "because".into(),
    };
    assert_eq!(next(&mut socket).await, Some(Message::Close(Some(frame))));
}

#[tokio::test]
async fn a_refusal_of_livekit_reaches_the_client() {
    let proxied = start(10).await;

    let error = proxied.connect("/lk-ws/rtc?refuse=1").await.unwrap_err();

    let Error::Http(response) = error else {
        panic!("{error}")
    };
    assert_eq!(response.status(), 401);
    assert_eq!(response.body().as_deref(), Some(&b"no permission"[..]));
}

#[tokio::test]
async fn a_livekit_server_that_is_down_is_a_bad_gateway_and_no_token_is_revealed() {
    let proxied = start_for("ws://127.0.0.1:9", 10, Vec::new()).await;

    let error = proxied
        .connect("/lk-ws/rtc?access_token=secret-token")
        .await
        .unwrap_err();
    let plain = proxied.get("/lk-ws/rtc/validate?access_token=secret-token").await;

    let Error::Http(response) = error else {
        panic!("{error}")
    };
    assert_eq!((response.status().as_u16(), plain.status().as_u16()), (502, 502));
    assert_eq!(plain.headers()["content-type"], "application/problem+json");
    let body = plain.text().await.unwrap();
    assert!(body.contains("bad-gateway") && !body.contains("secret-token"), "{body}");
}

#[tokio::test]
async fn other_paths_are_not_forwarded() {
    let proxied = start(10).await;

    for path in [
        "/lk-ws/twirp/livekit.RoomService/ListRooms",
        "/lk-ws/rtc/",
        "/lk-ws/../rtc",
        "/rtc",
    ] {
        assert_eq!(proxied.get(path).await.status(), 404, "{path}");
    }
    let refused = reqwest::Client::new()
        .post(format!("http://{}/lk-ws/rtc", proxied.address))
        .send();
    assert_eq!(refused.await.unwrap().status(), 405);
}
