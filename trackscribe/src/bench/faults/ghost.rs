//! How long livekit-server keeps the participant of a recorder that was killed.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use livekit_api::services::room::RoomClient;
use livekit_protocol::participant_info::Kind;
use secrecy::ExposeSecret;

use super::{
    rows::Figure,
    stack::{FaultStack, POLL_INTERVAL},
};

/// It takes 15 to 20 s, which is measured and not judged: livekit-server decides.
const USUAL_S: f64 = 20.0;

/// Much longer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The recorders that are in a room.
pub struct Recorders {
    client: RoomClient,
    room: String,
    sids: BTreeSet<String>,
}

impl Recorders {
    pub async fn find(stack: &FaultStack, room: &str) -> Self {
        let prepared = stack.prepared();
        let key = &prepared.secrets.livekit;
        let url = prepared.site.livekit_url().replacen("ws", "http", 1);
        let client = RoomClient::with_api_key(&url, &key.key, key.secret.expose_secret());
        let sids = list(&client, room).await.unwrap_or_default();
        Self {
            client,
            room: room.to_owned(),
            sids,
        }
    }

    /// Waits until they are gone. Without recorders there is nothing to measure.
    pub async fn gone(self, since: Instant) -> Option<Figure> {
        if self.sids.is_empty() {
            return None;
        }
        // Not `wait_for`: this runs in a task of its own, beside the meeting.
        while !self.are_gone().await && since.elapsed() < TIMEOUT {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        let value = since.elapsed().as_secs_f64();
        Some(Figure {
            what: "livekit-server keeps the participant of a killed recorder",
            value,
            limit: value.max(USUAL_S),
            unit: "s",
        })
    }

    async fn are_gone(&self) -> bool {
        let present = list(&self.client, &self.room).await;
        present.is_some_and(|present| present.is_disjoint(&self.sids))
    }
}

async fn list(client: &RoomClient, room: &str) -> Option<BTreeSet<String>> {
    let participants = client.list_participants(room).await.ok()?;
    let recorders = participants
        .into_iter()
        .filter(|participant| participant.kind() == Kind::Egress);
    Some(recorders.map(|participant| participant.sid).collect())
}
