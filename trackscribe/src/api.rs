//! A client of our own API, with the calls that `token`, `demo` and `bench` need.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use domain::{MeetingId, RecordingId, transcript::Transcript};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Longer than any call takes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The API of one server, called with one key.
pub struct Api {
    base: String,
    key: SecretString,
    http: reqwest::Client,
}

/// How to join a room.
#[derive(Deserialize)]
pub struct Join {
    pub identity: String,
    pub url: String,
    pub token: SecretString,
}

#[derive(Debug, Deserialize)]
pub struct Meeting {
    pub id: MeetingId,
    pub state: String,
    pub transcript: TranscriptStatus,
}

#[derive(Debug, Deserialize)]
pub struct TranscriptStatus {
    pub state: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Recording {
    pub id: RecordingId,
    pub identity: String,
    pub track_sid: String,
    pub state: String,
    pub reason: Option<String>,
    /// The recorder's error message.
    pub error: Option<String>,
    pub object_key: Option<String>,
    pub manifest_key: Option<String>,
    pub duration_ms: Option<i64>,
    pub size_bytes: Option<i64>,
    /// Known once the worker has checked object and manifest.
    pub offset_ms: Option<i64>,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
}

impl Api {
    pub fn new(base: &str, key: SecretString) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .build()
            .context("cannot create an HTTP client")?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            key,
            http,
        })
    }

    /// Creates a room with default settings, unless it exists.
    pub async fn ensure_room(&self, room: &str) -> Result<()> {
        let response = self
            .send(Method::POST, "/v1/rooms", Some(json!({ "name": room })))
            .await?;
        match response.status() {
            StatusCode::CONFLICT => Ok(()),
            _ => check_status(response).await.map(drop),
        }
    }

    pub async fn join(&self, room: &str, display_name: &str) -> Result<Join> {
        let body = json!({ "display_name": display_name });
        self.post(&format!("/v1/rooms/{room}/join"), body).await
    }

    /// Lists the meetings of a room, newest first.
    pub async fn meetings(&self, room: &str) -> Result<Vec<Meeting>> {
        self.get::<Page<Meeting>>(&format!("/v1/meetings?room={room}"))
            .await
            .map(|page| page.items)
    }

    pub async fn recordings(&self, meeting: MeetingId) -> Result<Vec<Recording>> {
        self.get::<Page<Recording>>(&format!("/v1/meetings/{meeting}/recordings"))
            .await
            .map(|page| page.items)
    }

    /// Downloads the audio file of a recording.
    pub async fn audio(&self, recording: RecordingId) -> Result<Bytes> {
        let path = format!("/v1/recordings/{recording}/audio");
        let response = check_status(self.send(Method::GET, &path, None).await?).await?;
        response.bytes().await.context("the audio cannot be downloaded")
    }

    pub async fn transcript(&self, meeting: MeetingId) -> Result<Transcript> {
        self.get(&format!("/v1/meetings/{meeting}/transcript?format=json"))
            .await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let response = check_status(self.send(Method::GET, path, None).await?).await?;
        response
            .json()
            .await
            .with_context(|| format!("unexpected response to GET {path}"))
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> Result<T> {
        let response = check_status(self.send(Method::POST, path, Some(body)).await?).await?;
        response
            .json()
            .await
            .with_context(|| format!("unexpected response to POST {path}"))
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<reqwest::Response> {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(self.key.expose_secret());
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request
            .send()
            .await
            .with_context(|| format!("cannot reach the server at {}; is it running?", self.base))
    }
}

/// Turns an error status into an error with the text of its problem document.
async fn check_status(response: reqwest::Response) -> Result<reqwest::Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let path = response.url().path().to_owned();
    let problem: Value = response.json().await.unwrap_or_default();
    let reason = problem
        .get("detail")
        .or(problem.get("title"))
        .and_then(Value::as_str)
        .unwrap_or("no reason given");
    bail!("{path} returned {status}: {reason}")
}

/// Which server to call, and with which key.
#[derive(Debug, clap::Args)]
pub struct ApiArgs {
    /// URL of the API [default: the API of the stack in the data folder]
    #[arg(long, env = "TRACKSCRIBE_API_URL", value_name = "URL")]
    api_url: Option<String>,
    /// File with an API key of the scopes write and join [default: admin.key in the data folder]
    #[arg(long, env = "TRACKSCRIBE_API_KEY_FILE", value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Data folder of `trackscribe up`
    #[arg(long, env = "TRACKSCRIBE_DATA_DIR", default_value = "./data", value_name = "FOLDER")]
    data_dir: PathBuf,
}

impl ApiArgs {
    pub fn connect(&self) -> Result<Api> {
        let file = self
            .api_key_file
            .clone()
            .unwrap_or_else(|| self.data_dir.join("admin.key"));
        let key = fs::read_to_string(&file).with_context(|| {
            format!(
                "cannot read an API key from {}; name another file with --api-key-file",
                file.display()
            )
        })?;
        Api::new(&self.url()?, SecretString::from(key.trim()))
    }

    fn url(&self) -> Result<String> {
        if let Some(url) = &self.api_url {
            return Ok(url.clone());
        }
        let env = crate::setup::EnvFile::read(&self.data_dir.join(".env"))?;
        let bind = env
            .get("TRACKSCRIBE_BIND")
            .context("the URL of the API is unknown; pass --api-url URL")?;
        Ok(format!("http://{bind}"))
    }
}
