//! Servers with OpenAI's transcription API: OpenAI, speaches, whisper.cpp's server, vLLM and others.
//!
//! Chunks are sent as WAV, because not every server decodes Opus. They are too short for any size limit.

mod response;
mod wav;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use media::opus::decode::SampleTime16k;
use reqwest::{
    Response, StatusCode,
    header::RETRY_AFTER,
    multipart::{Form, Part},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Semaphore;
use url::Url;

use super::{Audio, ChunkTranscript, Engine, EngineError, EngineInfo, EngineSetupError, Hint};
use crate::{backoff, pipeline::window::Chunking};

/// A request may take this long plus twice the length of its chunk.
const BASE_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that does not accept a connection in this time counts as down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests per chunk before the job is retried as a whole.
const MAX_REQUESTS: u32 = 3;

/// Longest pause between two requests of one chunk. For a longer one the job is retried, which keeps no worker busy.
const MAX_PAUSE: Duration = Duration::from_secs(20);

/// Largest response that is read. Half a minute of speech with times for every token is a tenth of it.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of an error response that are shown.
const MAX_SHOWN_BYTES: usize = 300;

/// The server's URL and what is requested from it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The full URL of the endpoint, such as `http://speech:8000/v1/audio/transcriptions`.
    pub url: Url,
    pub model: String,
    pub api_key: Option<SecretString>,
    /// Simultaneous requests; 1 for whisper.cpp's server.
    pub concurrency: usize,
}

/// An engine that sends chunks to a server.
pub struct HttpEngine {
    key: String,
    options: Options,
    client: reqwest::Client,
    slots: Semaphore,
    /// Whether the server refused `verbose_json`; later requests ask for `json`.
    is_plain: AtomicBool,
}

/// Why one request returned no words.
enum Failure {
    Transient {
        what: String,
        after: Option<Duration>,
        why: Option<reqwest::Error>,
    },
    Refused {
        status: StatusCode,
        body: String,
    },
    NotTranscription,
}

impl HttpEngine {
    /// Creates the client; does not connect.
    pub fn new(options: Options) -> Result<Self, EngineSetupError> {
        let client = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let client = client.map_err(|why| EngineSetupError::Missing {
            what: "cannot create an HTTP client for the speech engine".to_owned(),
            remedy: "check this system's certificates".to_owned(),
            why: Some(why.into()),
        })?;
        let slots = Semaphore::new(options.concurrency.max(1));
        let key = format!("http/{}/{}", options.url.host_str().unwrap_or_default(), options.model);
        Ok(Self {
            key,
            options,
            client,
            slots,
            is_plain: AtomicBool::new(false),
        })
    }

    async fn request(&self, audio: &[i16], hint: &Hint) -> Result<ChunkTranscript, Failure> {
        let chunk_ms = SampleTime16k::from_len(audio.len()).as_millis();
        let mut builder = self
            .client
            .post(self.options.url.clone())
            .timeout(BASE_TIMEOUT + 2 * Duration::from_millis(chunk_ms));
        if let Some(key) = &self.options.api_key {
            builder = builder.bearer_auth(key.expose_secret());
        }
        let response = builder
            .multipart(self.form(audio, hint))
            .send()
            .await
            .map_err(Failure::connection)?;
        let body = read_body(response).await?;
        let response: Value = serde_json::from_slice(&body).map_err(|_| Failure::NotTranscription)?;
        response::parse(&response, chunk_ms).ok_or(Failure::NotTranscription)
    }

    fn form(&self, audio: &[i16], hint: &Hint) -> Form {
        let file = Part::bytes(wav::encode(audio)).file_name("chunk.wav");
        let form = Form::new()
            .part("file", file)
            .text("model", self.options.model.clone())
            .text("temperature", "0");
        let form = match &hint.language {
            Some(language) => form.text("language", language.clone()),
            None => form,
        };
        if self.is_plain.load(Ordering::Relaxed) {
            return form.text("response_format", "json");
        }
        form.text("response_format", "verbose_json")
            .text("timestamp_granularities[]", "word")
            .text("timestamp_granularities[]", "segment")
            .text("vad_filter", "false") // for speaches: the chunks contain only speech
    }

    /// Whether to send the chunk again with the plain response format. True once, after the first refusal.
    fn should_retry_plain(&self, failure: &Failure) -> bool {
        let is_refusal = matches!(
            failure,
            Failure::Refused {
                status: StatusCode::BAD_REQUEST,
                ..
            }
        );
        is_refusal && !self.is_plain.swap(true, Ordering::Relaxed)
    }
}

#[async_trait]
impl Engine for HttpEngine {
    async fn ready(&self) -> Result<EngineInfo, EngineError> {
        Ok(EngineInfo {
            key: self.key.clone(),
            chunking: Chunking::WINDOWS,
        })
    }

    async fn transcribe(&self, audio: Audio, hint: &Hint) -> Result<ChunkTranscript, EngineError> {
        let _slot = self.slots.acquire().await;
        let mut requests = 1;
        loop {
            let failure = match self.request(&audio, hint).await {
                Ok(transcript) => return Ok(transcript),
                Err(failure) if self.should_retry_plain(&failure) => continue,
                Err(failure) => failure,
            };
            match failure.pause(requests) {
                Some(pause) if requests < MAX_REQUESTS => tokio::time::sleep(pause).await,
                _ => return Err(failure.into()),
            }
            requests += 1;
        }
    }
}

impl Failure {
    fn connection(why: reqwest::Error) -> Self {
        // The URL may contain a key.
        let why = why.without_url();
        Self::Transient {
            what: "cannot reach the speech server".to_owned(),
            after: None,
            why: Some(why),
        }
    }

    /// Returns the pause before the next request; `None` if another request does not help.
    fn pause(&self, requests: u32) -> Option<Duration> {
        match self {
            Self::Transient { after, .. } => {
                Some(after.unwrap_or_else(|| backoff::with_jitter(requests, MAX_PAUSE))).filter(|p| *p <= MAX_PAUSE)
            }
            Self::Refused { .. } | Self::NotTranscription => None,
        }
    }
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Transient { what, after, why } => Self::Unavailable {
                what,
                after,
                why: why.map(Into::into),
            },
            Failure::Refused { status, body } => {
                let what = format!(
                    "the speech server responded {status}: {body}; check TRACKSCRIBE_ENGINE_HTTP_URL, _MODEL and _API_KEY"
                );
                match is_setting(status) {
                    true => Self::Unavailable {
                        what,
                        after: None,
                        why: None,
                    },
                    false => Self::Refused(what),
                }
            }
            Failure::NotTranscription => Self::Refused(
                "the speech server's response is not a transcription; check TRACKSCRIBE_ENGINE_HTTP_URL".to_owned(),
            ),
        }
    }
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let status = response.status();
    let after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|v| v.to_str().ok()?.trim().parse().ok());
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(Failure::connection)? {
        body.extend(part);
        if body.len() > MAX_RESPONSE_BYTES {
            return Err(Failure::NotTranscription);
        }
    }
    if status.is_success() {
        return Ok(body);
    }
    if is_transient(status) {
        let what = format!("the speech server responded {status}");
        return Err(Failure::Transient {
            what,
            after: after.map(Duration::from_secs),
            why: None,
        });
    }
    let shown = String::from_utf8_lossy(&body[..body.len().min(MAX_SHOWN_BYTES)]);
    Err(Failure::Refused {
        status,
        body: shown.trim().to_owned(),
    })
}

/// Whether the server turns us away for a reason that someone will repair, such as a wrong key or an unpaid bill.
fn is_setting(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::PAYMENT_REQUIRED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND
    )
}

/// Whether the request may succeed later. Other errors are permanent.
fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::{
        Match, Mock, MockServer, Request, ResponseTemplate,
        matchers::{header, method, path},
    };

    use super::*;

    async fn engine(server: &MockServer) -> HttpEngine {
        boot::tls::install_provider();
        HttpEngine::new(Options {
            url: format!("{}/v1/audio/transcriptions", server.uri()).parse().unwrap(),
            model: "small".to_owned(),
            api_key: Some(SecretString::from("hush")),
            concurrency: 1,
        })
        .unwrap()
    }

    /// Matches part of the body, as bytes: the body contains both text and audio.
    fn body_has(text: &'static str) -> impl Match {
        move |request: &Request| request.body.windows(text.len()).any(|part| part == text.as_bytes())
    }

    fn second() -> Audio {
        vec![3_000; 16_000].into()
    }

    fn english() -> Hint {
        Hint {
            language: Some("en".to_owned()),
        }
    }

    fn answer() -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!({"words": [{"word": "yes", "start": 0.2, "end": 0.5}]}))
    }

    #[tokio::test]
    async fn a_chunk_is_sent_as_wav_with_all_options() {
        let server = MockServer::start().await;
        let asked = Mock::given(method("POST"))
            .and(path("/v1/audio/transcriptions"))
            .and(header("authorization", "Bearer hush"))
            .and(body_has("filename=\"chunk.wav\""))
            .and(body_has("verbose_json"))
            .and(body_has("timestamp_granularities[]"))
            .and(body_has("name=\"language\"\r\n\r\nen"));
        asked.respond_with(answer()).expect(1).mount(&server).await;

        let transcript = engine(&server).await.transcribe(second(), &english()).await.unwrap();

        assert_eq!(transcript.words, [crate::engine::RecognizedWord::new("yes", 200, 500)]);
    }

    #[tokio::test]
    async fn a_busy_server_is_asked_again_after_its_pause() {
        let server = MockServer::start().await;
        let busy = ResponseTemplate::new(429).insert_header("retry-after", "0");
        Mock::given(method("POST"))
            .respond_with(busy)
            .up_to_n_times(2)
            .mount(&server)
            .await;
        Mock::given(method("POST"))
            .respond_with(answer())
            .expect(1)
            .mount(&server)
            .await;

        let transcript = engine(&server)
            .await
            .transcribe(second(), &Hint::default())
            .await
            .unwrap();

        assert_eq!(transcript.words.len(), 1);
    }

    #[tokio::test]
    async fn a_long_pause_returns_the_chunk_with_the_servers_time() {
        let server = MockServer::start().await;
        let later = ResponseTemplate::new(503).insert_header("retry-after", "120");
        Mock::given(method("POST"))
            .respond_with(later)
            .expect(1)
            .mount(&server)
            .await;

        let error = engine(&server)
            .await
            .transcribe(second(), &Hint::default())
            .await
            .unwrap_err();

        assert!(
            matches!(error, EngineError::Unavailable { after: Some(after), .. } if after.as_secs() == 120),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_server_that_refuses_verbose_json_is_asked_for_json_from_then_on() {
        let server = MockServer::start().await;
        let plain = Mock::given(body_has("\r\n\r\njson\r\n"));
        let detailed = Mock::given(body_has("verbose_json"));
        detailed
            .respond_with(ResponseTemplate::new(400))
            .expect(1)
            .mount(&server)
            .await;
        let text = ResponseTemplate::new(200).set_body_json(json!({"text": "one two"}));
        plain.respond_with(text).expect(2).mount(&server).await;
        let engine = engine(&server).await;

        let first = engine.transcribe(second(), &Hint::default()).await.unwrap();
        let second = engine.transcribe(second(), &Hint::default()).await.unwrap();

        assert_eq!(first, second);
        assert!(first.words.iter().all(|w| w.interpolated) && first.words.len() == 2);
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_does_not_show_the_key() {
        let server = MockServer::start().await;
        let no_model = ResponseTemplate::new(404).set_body_string("model small is not installed");
        Mock::given(method("POST"))
            .respond_with(no_model)
            .expect(1)
            .mount(&server)
            .await;

        let error = engine(&server)
            .await
            .transcribe(second(), &Hint::default())
            .await
            .unwrap_err()
            .to_string();

        assert!(
            error.contains("not installed") && error.contains("TRACKSCRIBE_ENGINE_HTTP_URL"),
            "{error}"
        );
        assert!(!error.contains("hush"), "{error}");
    }

    #[tokio::test]
    async fn responses_without_a_transcription_are_refused() {
        for body in ["", "<html>", "[]", "{\"words\":7}", &"x".repeat(5 * 1024 * 1024)] {
            let server = MockServer::start().await;
            let page = ResponseTemplate::new(200).set_body_string(body);
            Mock::given(method("POST")).respond_with(page).mount(&server).await;

            let error = engine(&server)
                .await
                .transcribe(second(), &Hint::default())
                .await
                .unwrap_err();

            assert!(matches!(error, EngineError::Refused(_)), "{error}");
        }
    }
}
