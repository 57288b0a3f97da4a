//! A fake of Daily: `https://api.daily.co/v1` and the domain `acme`.

mod answer;
mod call;
mod limits;
mod media;
mod presence;
mod recordings;
mod rooms;
mod state;
mod tokens;
mod webhooks;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use axum::{Router, middleware};
use serde_json::Value;

use self::state::State;
use super::{controls::Controls, delivery::Delivery, request_log, script, serve::Serving};

/// The key of the fake's domain.
pub const API_KEY: &str = "daily-test-key";

/// A running fake. Its people join and leave when a test says so.
#[derive(Debug)]
pub struct FakeDaily {
    shared: Arc<Shared>,
    controls: Controls,
    serving: Serving,
}

/// What the fake's handlers and the test share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    delivery: Delivery,
    port: OnceLock<u16>,
}

impl FakeDaily {
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        let controls = Controls::new();
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            delivery: controls.delivery().clone(),
            port: OnceLock::new(),
        });
        let serving = Serving::start(router(&shared, &controls)).await;
        shared.port.set(serving.port).expect("the port is set once");
        Self {
            shared,
            controls,
            serving,
        }
    }

    /// How to disturb the fake.
    pub fn controls(&self) -> &Controls {
        &self.controls
    }

    /// The address for `DAILY_API_URL`.
    pub fn api_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.serving.port)
    }

    /// The properties with which a room was created, or `None` if it does not exist.
    pub fn room(&self, name: &str) -> Option<Value> {
        Some(self.shared.state().rooms.get(name)?.properties.clone())
    }

    /// The names of all rooms.
    pub fn rooms(&self) -> Vec<String> {
        self.shared.state().rooms.keys().cloned().collect()
    }

    /// Keys and contents of the files that recordings made. Daily would write them to a bucket.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let state = self.shared.state();
        state
            .files
            .iter()
            .map(|(key, file)| (key.clone(), file.clone()))
            .collect()
    }

    /// State and number of failures of each webhook.
    pub fn webhooks(&self) -> Vec<(String, u64)> {
        let state = self.shared.state();
        state
            .webhooks
            .iter()
            .map(|webhook| (webhook.state.clone(), webhook.failures))
            .collect()
    }

    /// Forgets all webhooks, as if somebody had deleted them in Daily's dashboard.
    pub fn delete_webhooks(&self) {
        self.shared.state().webhooks.clear();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics here")
    }
}

fn router(shared: &Arc<Shared>, controls: &Controls) -> Router {
    let api = Router::new()
        .merge(rooms::routes())
        .merge(tokens::routes())
        .merge(recordings::routes())
        .merge(presence::routes())
        .merge(webhooks::routes())
        .layer(middleware::from_fn_with_state(shared.clone(), limits::check))
        .layer(middleware::from_fn(answer::authorize));
    Router::new()
        .nest("/v1", api)
        .layer(middleware::from_fn_with_state(controls.script(), script::answer))
        .layer(middleware::from_fn_with_state(controls.log(), request_log::note))
        .merge(media::routes())
        .with_state(shared.clone())
}
