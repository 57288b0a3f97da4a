//! The HTTP client: one request, its rate limit, its answer as JSON.

use std::time::Duration;

use domain::event::PlatformKind;
use http::{Method, StatusCode};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::{Answer, Failure, InvalidUrl, Limiter};
use crate::PlatformError;

/// A server that accepts no connection in this time counts as down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Timeout of a request. The platforms answer within 2 s; somebody who joins waits for it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer that is read. A page of 100 recordings with 100 tracks each is a tenth of it.
const MAX_RESPONSE_BYTES: usize = 32 * 1024 * 1024;

/// Pause after a 429 that names none.
const DEFAULT_PAUSE: Duration = Duration::from_secs(5);

/// How often a request is sent if the platform answers 429, which says that it did nothing. The limiter waits in between.
const MAX_SENDS: u32 = 3;

/// An API: its address and key.
pub struct Api {
    kind: PlatformKind,
    base: Url,
    key: SecretString,
    http: reqwest::Client,
}

/// The limiter that a call passes, and the tokens that it takes there.
#[derive(Clone, Copy)]
pub struct Cost<'a> {
    pub limiter: &'a Limiter,
    pub tokens: u32,
}

/// A call that has not been sent.
pub struct Call<'a> {
    api: &'a Api,
    cost: Cost<'a>,
    method: Method,
    url: Url,
    body: Option<Value>,
    has_secrets: bool,
}

impl Api {
    /// Creates the client. Opens no connection.
    ///
    /// # Errors
    /// `base` is not an `http` or `https` URL.
    pub fn new(kind: PlatformKind, base: &str, key: SecretString) -> Result<Self, InvalidUrl> {
        let base = Url::parse(base).map_err(|_| InvalidUrl)?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(InvalidUrl);
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none()) // the API key goes nowhere else
            .build()
            .expect("the process has a TLS provider and the system's certificates");
        Ok(Self { kind, base, key, http })
    }

    /// Begins a call. Each of `path` is one segment, which is percent-encoded.
    pub fn call<'a>(&'a self, method: Method, path: &[&str], cost: Cost<'a>) -> Call<'a> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("a URL with a host has a path")
            .pop_if_empty()
            .extend(path);
        Call {
            api: self,
            cost,
            method,
            url,
            body: None,
            has_secrets: false,
        }
    }
}

impl Call<'_> {
    /// Adds a field to the query.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Sets the body.
    pub fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Marks a body with secrets, so that no error repeats what the platform says about it.
    pub fn with_secrets(mut self) -> Self {
        self.has_secrets = true;
        self
    }

    /// Sends the request and reads its answer.
    ///
    /// # Errors
    /// As [`Failure::of`] classifies them.
    pub async fn send<T: DeserializeOwned>(self) -> Result<T, PlatformError> {
        let kind = self.api.kind;
        self.read().await.map_err(|failure| failure.of(kind))
    }

    /// Sends the request and ignores what it returns, which may be nothing.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_only(self) -> Result<(), PlatformError> {
        let kind = self.api.kind;
        let sent = self.send_within_limit().await;
        sent.map(|_| ()).map_err(|failure| failure.of(kind))
    }

    /// Sends the request and reads its answer; the caller judges the failure.
    ///
    /// # Errors
    /// The call failed, or its answer is not a `T`.
    pub async fn read<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let body = self.send_within_limit().await?;
        serde_json::from_slice(&body).map_err(Failure::Unreadable)
    }

    async fn send_within_limit(self) -> Result<Vec<u8>, Failure> {
        let mut sends = 1;
        loop {
            let permit = self.cost.limiter.acquire(self.cost.tokens).await;
            permit.map_err(|retry_after| Failure::RateLimited { retry_after })?;
            let answer = self.send_once().await;
            if let Err(Failure::RateLimited { retry_after }) = &answer {
                self.cost.limiter.block(*retry_after);
                if sends < MAX_SENDS {
                    sends += 1;
                    continue;
                }
            }
            return answer;
        }
    }

    async fn send_once(&self) -> Result<Vec<u8>, Failure> {
        let response = self.request().send().await.map_err(no_response)?;
        let (status, pause) = (response.status(), pause(response.headers()));
        if status == StatusCode::TOO_MANY_REQUESTS {
            let retry_after = pause.unwrap_or(DEFAULT_PAUSE);
            return Err(Failure::RateLimited { retry_after });
        }
        let body = read_body(response).await?;
        if status.is_success() {
            return Ok(body);
        }
        let answer = Answer::read(status, &body);
        Err(Failure::Status(if self.has_secrets {
            answer.without_text()
        } else {
            answer
        }))
    }

    fn request(&self) -> RequestBuilder {
        let api = self.api;
        let request = api.http.request(self.method.clone(), self.url.clone());
        let request = request.bearer_auth(api.key.expose_secret());
        match &self.body {
            Some(body) => request.json(body),
            None => request,
        }
    }
}

/// The URL may name people and rooms, so the error does not repeat it.
fn no_response(error: reqwest::Error) -> Failure {
    Failure::NoResponse(error.without_url())
}

/// Reads whole seconds. A date, which HTTP allows as well, is sent by neither platform.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER).map(HeaderValue::to_str)?.ok()?;
    seconds.trim().parse().map(Duration::from_secs).ok()
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(no_response)? {
        if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
            return Err(Failure::TooLong(MAX_RESPONSE_BYTES));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
