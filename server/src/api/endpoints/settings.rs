//! Checks the settings of an endpoint, and makes its keys.

use std::fmt::Display;

use base64::{Engine, prelude::BASE64_STANDARD};
use domain::{
    RoomName,
    endpoint::{EndpointSecret, EndpointUrl},
    feed::FeedEventType,
};
use rand::RngCore;

use crate::{
    api::error::{ApiError, ApiResult},
    state::AppState,
};

/// Longest description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 500;

/// Prefix of every key, as Standard Webhooks defines it.
const SECRET_PREFIX: &str = "whsec_";

/// Random bytes of a key: as many as the digest has.
const SECRET_BYTES: usize = 32;

/// Checks a URL, and returns it in its normal form.
pub fn url(text: &str, app: &AppState) -> ApiResult<String> {
    let url = EndpointUrl::parse(text, &app.options.webhook_networks).map_err(|error| invalid("url", error))?;
    Ok(url.as_str().to_owned())
}

/// Checks a description.
pub fn description(text: String) -> ApiResult<String> {
    match text.chars().count() <= MAX_DESCRIPTION_CHARS && !text.contains('\0') {
        true => Ok(text),
        false => Err(invalid(
            "description",
            format!("must have at most {MAX_DESCRIPTION_CHARS} characters"),
        )),
    }
}

/// Checks the names of types; the result has each once.
pub fn event_types(names: Vec<String>) -> ApiResult<Vec<String>> {
    let mut types = names
        .iter()
        .map(|name| FeedEventType::parse(name).ok_or_else(|| invalid("event_types", unknown_type(name))))
        .map(|kind| kind.map(FeedEventType::name))
        .collect::<ApiResult<Vec<_>>>()?;
    types.sort();
    types.dedup();
    Ok(types)
}

/// Returns the name of a room. The room need not exist yet.
pub fn room(name: RoomName) -> String {
    name.as_str().to_owned()
}

/// Makes a random key.
pub fn new_secret() -> EndpointSecret {
    let mut random = vec![0; SECRET_BYTES];
    rand::rng().fill_bytes(&mut random);
    EndpointSecret(random)
}

/// Returns a key as its owner enters it: `whsec_` and Base64.
pub fn secret_text(secret: &EndpointSecret) -> String {
    format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(&secret.0))
}

fn unknown_type(name: &str) -> String {
    let known: Vec<_> = FeedEventType::all().map(FeedEventType::name).collect();
    let name: String = name.chars().take(40).collect();
    format!("{name:?} is not a type; types are {}", known.join(", "))
}

fn invalid(field: &'static str, message: impl Display) -> ApiError {
    ApiError::invalid(field, message)
}
