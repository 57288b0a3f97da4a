//! The id of a request: in its response, its log lines and its error.

use axum::http::{HeaderMap, HeaderName};

/// Request header: the caller's id of the request. Response header: the id of the request in our logs.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that is adopted from a caller.
const MAX_LEN: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// Runs `work` as a part of the request `id`.
pub async fn within<T>(id: String, work: impl Future<Output = T>) -> T {
    CURRENT.scope(id, work).await
}

/// Returns the id of the request that this task serves.
pub fn current() -> Option<String> {
    CURRENT.try_with(String::clone).ok()
}

/// Returns the caller's request id if it is short and safe to log unescaped.
pub fn of_caller(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    ((1..=MAX_LEN).contains(&id.len()) && id.bytes().all(is_plain)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_short_and_plain_request_id_is_adopted() {
        let read = |id: &str| of_caller(&HeaderMap::from_iter([(REQUEST_ID, id.parse().unwrap())]));

        assert_eq!(read("req-1_a.B").as_deref(), Some("req-1_a.B"));
        for bad in ["", "a b", "a\"b", &"x".repeat(65)] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
