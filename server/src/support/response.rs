//! What the application returned.

use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde_json::Value;

/// A response with its whole body.
#[derive(Debug)]
pub struct TestResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl TestResponse {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Formats status and body for snapshots, without the id of the request, which must be in both headers and errors.
    pub fn to_snapshot(&self) -> String {
        let mut body = self.json();
        if !self.status.is_success() {
            let id = body.as_object_mut().unwrap().remove("request_id").unwrap();
            assert_eq!(id.as_str(), self.header("x-request-id"));
        }
        format!("{}\n{}", self.status, serde_json::to_string_pretty(&body).unwrap())
    }

    /// Returns the last part of an error's `type`.
    pub fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text()
        );
        let kind = self.json()["type"].as_str().unwrap().to_owned();
        kind.strip_prefix("urn:trackscribe:problem:").unwrap().to_owned()
    }
}
