//! Reads all pages of a list.

use domain::event::PlatformKind;
use serde::de::DeserializeOwned;

use super::wire::Page;
use crate::PlatformError;
use crate::rest::Call;

/// Most entries of a page.
const PAGE: &str = "100";

/// Most pages that are read: 10,000 entries. A list that goes on is answered wrongly.
const MAX_PAGES: usize = 100;

/// Reads the pages that `first` asks for.
///
/// # Errors
/// A call failed, or the list does not end.
pub async fn pages<'a, T: DeserializeOwned>(first: impl Fn() -> Call<'a>) -> Result<Vec<T>, PlatformError> {
    let (mut found, mut after) = (Vec::new(), None::<String>);
    for _ in 0..MAX_PAGES {
        let call = first().query("limit", PAGE);
        let call = match &after {
            Some(cursor) => call.query("cursor", cursor),
            None => call,
        };
        let page: Page<T> = call.send().await?;
        found.extend(page.results);
        after = page.cursor.filter(|cursor| !cursor.is_empty());
        if after.is_none() {
            return Ok(found);
        }
    }
    let endless = "a list does not end".into();
    Err(PlatformError::UnexpectedResponse(PlatformKind::Whereby, endless))
}
