//! Removes secrets from the copy of a request that becomes part of `EgressInfo`, which LiveKit stores and sends to
//! webhooks. The webhook settings stay, because livekit-server reads them from there.

use livekit_protocol::{
    TrackEgressRequest,
    direct_file_output::Output as Upload,
    track_egress_request::Output::{File, WebsocketUrl},
};

/// Replaces every secret that is set with its name in braces.
pub fn redact(request: &TrackEgressRequest) -> TrackEgressRequest {
    let mut request = request.clone();
    match &mut request.output {
        Some(File(file)) => file.output.iter_mut().for_each(redact_upload),
        Some(WebsocketUrl(url)) => redact_query(url),
        None => {}
    }
    request
}

fn redact_upload(upload: &mut Upload) {
    match upload {
        Upload::S3(s3) => {
            replace(&mut s3.access_key, "{access_key}");
            replace(&mut s3.secret, "{secret}");
            replace(&mut s3.session_token, "{session_token}");
            replace(&mut s3.assume_role_external_id, "{external_id}");
            if let Some(proxy) = &mut s3.proxy {
                replace(&mut proxy.password, "{password}");
            }
        }
        Upload::Gcp(gcp) => {
            replace(&mut gcp.credentials, "{credentials}");
            if let Some(proxy) = &mut gcp.proxy {
                replace(&mut proxy.password, "{password}");
            }
        }
        Upload::Azure(azure) => {
            replace(&mut azure.account_name, "{account_name}");
            replace(&mut azure.account_key, "{account_key}");
        }
        Upload::AliOss(oss) => {
            replace(&mut oss.access_key, "{access_key}");
            replace(&mut oss.secret, "{secret}");
        }
    }
}

fn replace(secret: &mut String, name: &str) {
    if !secret.is_empty() {
        *secret = name.to_owned();
    }
}

/// The query of a websocket URL often contains tokens.
fn redact_query(url: &mut String) {
    if let Some(at) = url.find('?') {
        url.replace_range(at + 1.., "{...}");
    }
}

#[cfg(test)]
mod tests {
    use livekit_protocol as proto;

    use super::*;

    #[test]
    fn secrets_are_replaced_and_everything_else_stays() {
        let s3 = proto::S3Upload {
            access_key: "GK1".into(),
            secret: "hush".into(),
            bucket: "calls".into(),
            endpoint: "http://127.0.0.1:3900".into(),
            proxy: Some(proto::ProxyConfig {
                password: "hush".into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let webhook = proto::WebhookConfig {
            url: "http://hook".into(),
            ..Default::default()
        };
        let file = proto::DirectFileOutput {
            output: Some(Upload::S3(s3)),
            ..Default::default()
        };
        let request = TrackEgressRequest {
            webhooks: vec![webhook],
            output: Some(File(file)),
            ..Default::default()
        };

        let redacted = redact(&request);

        let Some(File(proto::DirectFileOutput {
            output: Some(Upload::S3(s3)),
            ..
        })) = redacted.output
        else {
            panic!("no S3 output")
        };
        assert_eq!(
            (s3.access_key.as_str(), s3.secret.as_str()),
            ("{access_key}", "{secret}")
        );
        assert_eq!((s3.session_token.as_str(), s3.bucket.as_str()), ("", "calls"));
        assert_eq!(s3.proxy.unwrap().password, "{password}");
        assert_eq!(redacted.webhooks, request.webhooks);
    }

    #[test]
    fn the_query_of_a_websocket_url_is_replaced() {
        let output = Some(WebsocketUrl("wss://x/y?token=hush".into()));

        let redacted = redact(&TrackEgressRequest {
            output,
            ..Default::default()
        });

        assert_eq!(redacted.output, Some(WebsocketUrl("wss://x/y?{...}".into())));
    }
}
