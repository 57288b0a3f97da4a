//! `/webhooks`, and sending events to them.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::Utc;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    super::{
        delivery::Sent,
        fields::{OPTIONAL, REQUIRED, Type, check},
    },
    Shared,
    answer::{Answer, Refusal, invalid, not_found},
    state::{Webhook, seconds},
};

/// Failed deliveries in a row after which Daily switches a webhook off.
const MAX_FAILURES: u64 = 3;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/webhooks", get(list).post(create))
        .route("/webhooks/{id}", post(update).delete(delete))
}

async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.state().webhooks.iter().map(describe).collect())
}

async fn create(State(shared): State<Arc<Shared>>, Json(body): Json<Value>) -> Answer {
    let id = shared.state().new_id();
    let webhook = read(id, &body)?;
    ping(&shared, &webhook).await?;
    let described = describe(&webhook);
    shared.state().webhooks.push(webhook);
    Ok(Json(described))
}

async fn update(State(shared): State<Arc<Shared>>, Path(id): Path<String>, Json(body): Json<Value>) -> Answer {
    let webhook = read(id.clone(), &body)?;
    if !shared.state().webhooks.iter().any(|known| known.id == id) {
        return Err(not_found());
    }
    ping(&shared, &webhook).await?;
    let mut state = shared.state();
    let known = state
        .webhooks
        .iter_mut()
        .find(|known| known.id == id)
        .ok_or_else(not_found)?;
    *known = Webhook {
        last_pushed_at: known.last_pushed_at,
        ..webhook
    };
    Ok(Json(describe(known)))
}

async fn delete(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let mut state = shared.state();
    let at = state
        .webhooks
        .iter()
        .position(|known| known.id == id)
        .ok_or_else(not_found)?;
    state.webhooks.remove(at);
    Ok(Json(json!({})))
}

fn read(id: String, body: &Value) -> Result<Webhook, Refusal> {
    let fields = [
        ("url", Type::Text, REQUIRED),
        ("eventTypes", Type::List, REQUIRED),
        ("hmac", Type::Text, OPTIONAL),
        ("retryType", Type::Word(&["circuit-breaker", "exponential"]), OPTIONAL),
    ];
    check(body, &fields).map_err(invalid)?;
    let hmac = body["hmac"].as_str().unwrap_or("c2VjcmV0IG9mIERhaWx5J3M=").to_owned();
    STANDARD.decode(&hmac).map_err(|_| invalid("hmac is not base64"))?;
    let names = body["eventTypes"].as_array().into_iter().flatten();
    Ok(Webhook {
        id,
        url: body["url"].as_str().unwrap_or_default().to_owned(),
        hmac,
        event_types: names.filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
        state: "ACTIVE".to_owned(),
        failures: 0,
        last_pushed_at: None,
    })
}

/// Posts what Daily posts before it accepts an address.
async fn ping(shared: &Shared, webhook: &Webhook) -> Result<(), Refusal> {
    let ping = Sent {
        name: "test".to_owned(),
        url: webhook.url.clone(),
        headers: HeaderMap::new(),
        body: r#"{"test":"test"}"#.to_owned(),
        status: None,
    };
    match shared.delivery.post(&ping).await {
        Some(status) if status.is_success() => Ok(()),
        _ => Err(invalid("non-200 status code returned from webhook endpoint")),
    }
}

fn describe(webhook: &Webhook) -> Value {
    json!({
        "uuid": webhook.id, "url": webhook.url, "hmac": webhook.hmac, "eventTypes": webhook.event_types,
        "retryType": "circuit-breaker", "state": webhook.state, "failedCount": webhook.failures,
        "lastMomentPushed": webhook.last_pushed_at.map(|time| time.to_rfc3339()), "domainId": "acme",
    })
}

impl Shared {
    /// Sends an event to each active webhook that wants it, and switches off those that fail.
    pub(super) async fn emit(&self, name: &str, payload: Value) {
        let webhooks = self.state().webhooks.clone();
        let id = self.state().new_id();
        let event = json!({
            "version": "1.0.0", "type": name, "id": id, "payload": payload, "event_ts": seconds(Utc::now()),
        });
        for webhook in webhooks {
            if webhook.state == "ACTIVE" && webhook.event_types.iter().any(|wanted| wanted == name) {
                let is_taken = self.delivery.send(signed(&webhook, name, &event)).await;
                self.state().note_delivery(&webhook.id, is_taken);
            }
        }
    }
}

impl super::State {
    fn note_delivery(&mut self, id: &str, is_taken: bool) {
        let Some(webhook) = self.webhooks.iter_mut().find(|webhook| webhook.id == id) else {
            return;
        };
        webhook.last_pushed_at = Some(Utc::now());
        webhook.failures = if is_taken { 0 } else { webhook.failures + 1 };
        if webhook.failures >= MAX_FAILURES {
            webhook.state = "FAILED".to_owned();
        }
    }
}

fn signed(webhook: &Webhook, name: &str, event: &Value) -> Sent {
    let (body, timestamp) = (event.to_string(), Utc::now().timestamp().to_string());
    let key = STANDARD.decode(&webhook.hmac).expect("it was checked");
    let mac = Hmac::<Sha256>::new_from_slice(&key).expect("an HMAC takes keys of any length");
    let mac = mac.chain_update(&timestamp).chain_update(".").chain_update(&body);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let value = |text: &str| HeaderValue::from_str(text).expect("digits and base64 are header values");
    let mut headers = HeaderMap::new();
    headers.insert("x-webhook-timestamp", value(&timestamp));
    headers.insert("x-webhook-signature", value(&signature));
    headers.insert("content-type", value("application/json"));
    Sent {
        name: name.to_owned(),
        url: webhook.url.clone(),
        headers,
        body,
        status: None,
    }
}
