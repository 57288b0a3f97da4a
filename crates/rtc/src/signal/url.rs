//! The URL of LiveKit's signalling WebSocket.

use ::url::Url;

use super::attempt::ConnectAttempt;
use crate::error::JoinError;

/// The SDK name that we send. Its only effect here is that the server offers ICE-TCP.
const SDK: &str = "rust";
/// The newest protocol version with features for an audio client: leave actions, success responses, moved rooms.
const PROTOCOL: &str = "16";

/// Returns the URL to open a WebSocket to. It must not contain `join_request`, whose mere presence selects the mode with
/// a single peer connection, in which the client makes the offers.
pub(crate) fn signal_url(server: &Url, attempt: &ConnectAttempt) -> Result<Url, JoinError> {
    let scheme = match server.scheme() {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        _ => return Err(bad_url(server)),
    };
    let mut url = endpoint(server, scheme, "rtc")?;
    url.query_pairs_mut()
        .append_pair("protocol", PROTOCOL)
        .append_pair("sdk", SDK)
        .append_pair("version", env!("CARGO_PKG_VERSION"))
        .append_pair("os", "linux")
        .append_pair("auto_subscribe", "0")
        .append_pair("auto_subscribe_data_track", "0")
        .append_pair("adaptive_stream", "0");
    if let ConnectAttempt::Resume { participant_sid } = attempt {
        // Always reason 1 (signal disconnected): on 3 (subscriber failed) the server moves us to TCP for minutes.
        url.query_pairs_mut()
            .append_pair("reconnect", "1")
            .append_pair("sid", participant_sid.as_str())
            .append_pair("reconnect_reason", "1");
    }
    Ok(url)
}

fn endpoint(server: &Url, scheme: &str, path: &str) -> Result<Url, JoinError> {
    let mut url = server.clone();
    url.set_scheme(scheme).map_err(|()| bad_url(server))?;
    url.set_query(None);
    url.set_fragment(None);
    if !url.has_host() {
        return Err(bad_url(server));
    }
    url.path_segments_mut()
        .map_err(|()| bad_url(server))?
        .pop_if_empty()
        .push(path);
    Ok(url)
}

/// Omits user and password, which must not appear in errors.
fn bad_url(server: &Url) -> JoinError {
    JoinError::BadUrl(format!(
        "{}://{}{}",
        server.scheme(),
        server.host_str().unwrap_or_default(),
        server.path()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(server: &str, attempt: &ConnectAttempt) -> Result<Url, JoinError> {
        signal_url(&Url::parse(server).unwrap(), attempt)
    }

    #[test]
    fn http_urls_become_websocket_urls() {
        for (server, expected) in [
            ("http://host:7880", "ws://host:7880/rtc"),
            ("https://host", "wss://host/rtc"),
            ("ws://host/", "ws://host/rtc"),
            ("wss://host/livekit", "wss://host/livekit/rtc"),
            ("wss://host/livekit/?x=1#y", "wss://host/livekit/rtc"),
        ] {
            let url = url(server, &ConnectAttempt::Join).unwrap();

            assert_eq!(url.as_str().split('?').next().unwrap(), expected);
        }
    }

    #[test]
    fn a_join_requests_two_peer_connections_and_no_subscriptions() {
        let url = url("ws://host", &ConnectAttempt::Join).unwrap();

        let query = url.query().unwrap();
        assert!(query.contains("protocol=16&sdk=rust") && query.contains("auto_subscribe=0"));
        assert!(!query.contains("join_request") && !query.contains("reconnect"));
    }

    #[test]
    fn a_resume_sends_the_participant_sid_and_reason_1() {
        let url = url(
            "ws://host",
            &ConnectAttempt::Resume {
                participant_sid: "PA_x&y".into(),
            },
        )
        .unwrap();

        assert!(
            url.query()
                .unwrap()
                .ends_with("reconnect=1&sid=PA_x%26y&reconnect_reason=1")
        );
    }

    #[test]
    fn other_schemes_are_refused_and_the_error_omits_the_password() {
        let error = url("ftp://me:secret@host/x", &ConnectAttempt::Join).unwrap_err();

        assert!(matches!(&error, JoinError::BadUrl(url) if url == "ftp://host/x"));
        assert!(matches!(url_without_host(), JoinError::BadUrl(_)));
    }

    fn url_without_host() -> JoinError {
        url("data:text/plain,x", &ConnectAttempt::Join).unwrap_err()
    }
}
