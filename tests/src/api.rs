//! A client of Trackscribe's HTTP API.

use chrono::{DateTime, Utc};
use reqwest::{Method, Response, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// The API at one address, called with one key.
#[derive(Clone, Debug)]
pub struct Api {
    url: String,
    key: String,
    http: reqwest::Client,
}

/// The response to `POST /v1/rooms/{name}/join`.
#[derive(Clone, Debug, Deserialize)]
pub struct Join {
    pub url: String,
    pub token: String,
    pub identity: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Meeting {
    pub id: String,
    pub room: String,
    pub state: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub transcript: TranscriptState,
}

#[derive(Clone, Debug, Deserialize)]
pub struct TranscriptState {
    pub state: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Recording {
    pub id: String,
    pub identity: String,
    pub track_sid: String,
    pub egress_id: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub guess: bool,
    pub error: Option<String>,
    pub attempts: i32,
    pub object_key: Option<String>,
    pub manifest_key: Option<String>,
    pub offset_ms: Option<i64>,
    pub duration_ms: Option<i64>,
    pub size_bytes: Option<i64>,
    pub sha256: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Transcript {
    pub speakers: Vec<TranscriptSpeaker>,
    pub segments: Vec<Segment>,
    pub missing: Vec<Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct TranscriptSpeaker {
    pub identity: String,
    pub display_name: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Segment {
    pub speaker: String,
    pub start_ms: i64,
    pub end_ms: i64,
    pub text: String,
}

#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
}

impl Api {
    pub fn new(url: String, key: String) -> Self {
        test_support::use_tls_provider();
        Self {
            url,
            key,
            http: reqwest::Client::new(),
        }
    }

    /// Where the server passes LiveKit's signalling on.
    pub fn signalling_url(&self) -> String {
        format!("{}/lk-ws", self.url.replacen("http", "ws", 1))
    }

    /// Creates a room with default settings.
    ///
    /// # Panics
    /// Like the other methods, when the response is not a success.
    pub async fn create_room(&self, name: &str) {
        self.call(
            Method::POST,
            "/v1/rooms",
            Some(json!({ "name": name })),
            StatusCode::CREATED,
        )
        .await;
    }

    pub async fn join(&self, room: &str, display_name: &str) -> Join {
        self.join_with(room, json!({ "display_name": display_name })).await
    }

    /// Joins with this body of the request.
    pub async fn join_with(&self, room: &str, body: Value) -> Join {
        let path = format!("/v1/rooms/{room}/join");
        let response = self.call(Method::POST, &path, Some(body), StatusCode::CREATED).await;
        read(response).await
    }

    /// Lists the meetings of a room, newest first.
    pub async fn meetings(&self, room: &str) -> Vec<Meeting> {
        self.get::<List<Meeting>>(&format!("/v1/meetings?room={room}"))
            .await
            .items
    }

    pub async fn recordings(&self, meeting: &str) -> Vec<Recording> {
        self.get::<List<Recording>>(&format!("/v1/meetings/{meeting}/recordings"))
            .await
            .items
    }

    pub async fn recording(&self, recording: &str) -> Recording {
        self.get(&format!("/v1/recordings/{recording}")).await
    }

    pub async fn transcript(&self, meeting: &str) -> Transcript {
        self.get(&format!("/v1/meetings/{meeting}/transcript")).await
    }

    /// Downloads the audio of a recording.
    pub async fn audio(&self, recording: &str) -> Vec<u8> {
        let response = self
            .call(
                Method::GET,
                &format!("/v1/recordings/{recording}/audio"),
                None,
                StatusCode::OK,
            )
            .await;
        response.bytes().await.expect("the body is complete").to_vec()
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        read(self.call(Method::GET, path, None, StatusCode::OK).await).await
    }

    /// Sends any request and returns any response.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.key);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request
            .send()
            .await
            .unwrap_or_else(|error| panic!("no response from {path}: {error:?}"))
    }

    /// Returns the text of the first events that were ever published.
    ///
    /// # Panics
    /// When the stream ends before.
    pub async fn first_events(&self, count: usize) -> String {
        let mut stream = self.call(Method::GET, "/v1/events?after=0", None, StatusCode::OK).await;
        let mut text = String::new();
        while text.matches("\ndata: ").count() < count || !text.ends_with("\n\n") {
            let chunk = stream.chunk().await.expect("the stream can be read");
            text.push_str(&String::from_utf8_lossy(&chunk.expect("the stream goes on")));
        }
        text
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>, expected: StatusCode) -> Response {
        let response = self.send(method, path, body).await;
        let status = response.status();
        if status != expected {
            panic!(
                "{path} returned {status}: {}",
                response.text().await.unwrap_or_default()
            );
        }
        response
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> T {
    let text = response.text().await.expect("the body is complete");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("unexpected response ({error}): {text}"))
}
