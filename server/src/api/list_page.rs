//! Cursor pagination of lists.

use axum::extract::FromRequestParts;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use super::{error::ApiError, extract::ApiQuery};

/// Items per page if the request sets no `limit`.
pub const DEFAULT_LIMIT: u32 = 50;

/// Largest allowed `limit`.
pub const MAX_LIMIT: u32 = 200;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListPage<T> {
    pub items: Vec<T>,
    /// Cursor of the next page, to be passed as `cursor`. Null on the last page.
    pub next: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Maximum number of items to return, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the previous page, unchanged. Omit it for the first page.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// The requested page: at most `limit` items that follow `after`. `K` is the sort key of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest<K> {
    pub limit: u32,
    pub after: Option<K>,
}

impl<K: DeserializeOwned> PageRequest<K> {
    /// Parses the query parameters `limit` and `cursor`.
    pub fn new(limit: Option<u32>, cursor: Option<String>) -> Result<Self, ApiError> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(ApiError::invalid("limit", format!("must be between 1 and {MAX_LIMIT}")));
        }
        let bad_cursor = || ApiError::invalid("cursor", "must be `next` of the previous page, unchanged");
        let decode = |text: String| {
            let json = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
            serde_json::from_slice(&json).ok()
        };
        let after = cursor.map(|text| decode(text).ok_or_else(bad_cursor)).transpose()?;
        Ok(Self { limit, after })
    }
}

impl<K: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for PageRequest<K> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, ApiError> {
        let ApiQuery(query) = ApiQuery::<ListQuery>::from_request_parts(parts, state).await?;
        Self::new(query.limit, query.cursor)
    }
}

impl<K> PageRequest<K> {
    /// Returns how many rows to fetch: one more than the page holds, to know whether another page follows.
    pub fn row_limit(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}

impl<K: Serialize> PageRequest<K> {
    /// Truncates the fetched rows to the page and sets its cursor. `key` returns the sort key of a row.
    pub fn page<R, T>(&self, mut rows: Vec<R>, key: impl Fn(&R) -> K, item: impl Fn(R) -> T) -> ListPage<T> {
        let limit = self.limit as usize;
        let next = (rows.len() > limit).then(|| encode(&key(&rows[limit - 1])));
        rows.truncate(limit);
        ListPage {
            items: rows.into_iter().map(item).collect(),
            next,
        }
    }
}

fn encode(key: &impl Serialize) -> String {
    let json = serde_json::to_vec(key).expect("ids, names and times serialize to JSON");
    BASE64_URL_SAFE_NO_PAD.encode(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(limit: Option<u32>, cursor: Option<&str>) -> Result<PageRequest<u32>, ApiError> {
        PageRequest::new(limit, cursor.map(str::to_owned))
    }

    fn list(request: &PageRequest<u32>) -> ListPage<u32> {
        let from = request.after.map_or(0, |n| n + 1);
        let rows = (from..5).take(request.row_limit() as usize).collect();
        request.page(rows, |n| *n, |n| n)
    }

    #[test]
    fn pages_have_no_gaps_and_no_repeated_items() {
        let mut seen = Vec::new();
        let mut cursor = None;

        loop {
            let page = list(&request(Some(2), cursor.as_deref()).unwrap());
            seen.push(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }

        assert_eq!(seen, [vec![0, 1], vec![2, 3], vec![4]]);
    }

    #[test]
    fn invalid_limits_and_cursors_are_reported_by_name() {
        for (limit, cursor, field) in [
            (Some(0), None, "limit"),
            (Some(201), None, "limit"),
            (None, Some("!"), "cursor"),
            (None, Some(""), "cursor"),
            (None, Some("Im5vdCBhIG51bWJlciI"), "cursor"),
            (None, Some("NTAwMDAwMDAwMDAwMDAwMA"), "cursor"),
            (None, Some("NSA1"), "cursor"),
            (None, Some("NQ=="), "cursor"),
            (None, Some("\u{0}"), "cursor"),
        ] {
            let Err(ApiError::Invalid(errors)) = request(limit, cursor) else {
                panic!("{limit:?} {cursor:?}")
            };
            assert_eq!(errors[0].field, field);
        }
    }
}
