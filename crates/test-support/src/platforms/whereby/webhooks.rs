//! Sends signed events. Whereby tries a failed delivery twice again.

use axum::http::{HeaderMap, HeaderValue};
use chrono::Utc;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{super::delivery::Sent, Shared, WEBHOOK_SECRET, state::iso};

/// How often an event is sent if the receiver does not take it.
const ATTEMPTS: usize = 3;

impl Shared {
    /// Sends an event, if there is an address for it.
    pub(super) async fn emit(&self, name: &str, data: Value) {
        let (url, id) = {
            let mut state = self.state();
            (state.webhook_url.clone(), state.new_id())
        };
        let Some(url) = url else { return };
        let event = json!({
            "id": format!("event-{id}"), "apiVersion": "1.0", "createdAt": iso(Utc::now()), "type": name, "data": data,
        });
        let webhook = signed(url, name, &event.to_string());
        for _ in 0..ATTEMPTS {
            if self.delivery.send(webhook.clone()).await {
                return;
            }
        }
    }
}

fn signed(url: String, name: &str, body: &str) -> Sent {
    let time = Utc::now().timestamp().to_string();
    let mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).expect("an HMAC takes keys of any length");
    let mac = mac.chain_update(&time).chain_update(".").chain_update(body);
    let header = format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()));
    let mut headers = HeaderMap::new();
    headers.insert(
        "whereby-signature",
        HeaderValue::from_str(&header).expect("it is ASCII"),
    );
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    Sent {
        name: name.to_owned(),
        url,
        headers,
        body: body.to_owned(),
        status: None,
    }
}
