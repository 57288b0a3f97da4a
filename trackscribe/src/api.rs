//! Our own API, as its users call it: what `token` and `demo` need.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use domain::{MeetingId, transcript::Transcript};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// No call of ours takes longer unless something is wrong.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A server and a key to it.
pub struct Api {
    base: String,
    key: SecretString,
    http: reqwest::Client,
}

/// How someone joins a room.
#[derive(Deserialize)]
pub struct Join {
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

#[derive(Debug, Deserialize)]
pub struct Recording {
    pub identity: String,
    pub track_sid: String,
    pub state: String,
    pub reason: Option<String>,
    pub object_key: Option<String>,
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
            .context("cannot make an HTTP client")?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            key,
            http,
        })
    }

    /// Makes a room; one that is there already stays as it is.
    pub async fn ensure_room(&self, room: &str) -> Result<()> {
        let answer = self
            .send(Method::POST, "/v1/rooms", Some(json!({ "name": room })))
            .await?;
        match answer.status() {
            StatusCode::CONFLICT => Ok(()),
            _ => checked(answer).await.map(drop),
        }
    }

    pub async fn join(&self, room: &str, display_name: &str) -> Result<Join> {
        let body = json!({ "display_name": display_name });
        self.post(&format!("/v1/rooms/{room}/join"), body).await
    }

    /// Meetings of a room, newest first.
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

    pub async fn transcript(&self, meeting: MeetingId) -> Result<Transcript> {
        self.get(&format!("/v1/meetings/{meeting}/transcript?format=json"))
            .await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = checked(self.send(Method::GET, path, None).await?).await?;
        answer
            .json()
            .await
            .with_context(|| format!("the answer to GET {path} is not what it should be"))
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> Result<T> {
        let answer = checked(self.send(Method::POST, path, Some(body)).await?).await?;
        answer
            .json()
            .await
            .with_context(|| format!("the answer to POST {path} is not what it should be"))
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
            .with_context(|| format!("the server at {} cannot be reached; is it running?", self.base))
    }
}

/// The answer, or what the server's problem document says.
async fn checked(answer: reqwest::Response) -> Result<reqwest::Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let path = answer.url().path().to_owned();
    let problem: Value = answer.json().await.unwrap_or_default();
    let said = problem
        .get("detail")
        .or(problem.get("title"))
        .and_then(Value::as_str)
        .unwrap_or("no reason given");
    bail!("the server answers {status} to {path}: {said}")
}

/// Which server, and the key to it.
#[derive(Debug, clap::Args)]
pub struct ApiArgs {
    /// Address of the API [default: that of the data folder's stack]
    #[arg(long, env = "TRACKSCRIBE_API_URL", value_name = "URL")]
    api_url: Option<String>,
    /// File that holds an API key with scope write [default: admin.key of the data folder]
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
                "no API key in {}; name another file with --api-key-file",
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
            .context("it is not known where the API is; pass --api-url URL")?;
        Ok(format!("http://{bind}"))
    }
}
