//! Authentication by API key and authorization by scope.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use domain::audit::Actor;
use secrecy::SecretString;
use storage::api_keys::ApiKey;

use super::error::{ApiError, ApiResult};
use crate::{
    keys::{self, Scope},
    middleware::KEY_ID,
    state::AppState,
};

/// Extractor: a caller whose key has the scope `read`. Every handler takes one of these extractors, so none skips the check.
pub struct Reader;

/// Extractor: a caller whose key has the scope `write`.
pub struct Writer {
    /// Who it is, for the audit.
    pub actor: Actor,
}

/// Extractor: a caller whose key has the scope `join`.
pub struct Admitter;

/// Extractor: a caller whose key has the scope `admin`.
pub struct Admin;

impl FromRequestParts<AppState> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> ApiResult<Self> {
        authorize(Scope::Read, parts, app).await.map(|_| Self)
    }
}

impl FromRequestParts<AppState> for Writer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> ApiResult<Self> {
        authorize(Scope::Write, parts, app).await.map(|actor| Self { actor })
    }
}

impl FromRequestParts<AppState> for Admitter {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> ApiResult<Self> {
        authorize(Scope::Join, parts, app).await.map(|_| Self)
    }
}

impl FromRequestParts<AppState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> ApiResult<Self> {
        authorize(Scope::Admin, parts, app).await.map(|_| Self)
    }
}

/// Checks that the caller has a key with this scope.
pub async fn authorize(scope: Scope, parts: &Parts, app: &AppState) -> ApiResult<Actor> {
    let key = match parts.extensions.get::<Authenticated>() {
        Some(Authenticated(key)) => key.clone(),
        None => authenticate(&parts.headers, app).await?,
    };
    // Unknown scopes, written by another version, grant nothing.
    let mut granted = key.scopes.iter().filter_map(|word| word.parse::<Scope>().ok());
    match granted.any(|granted| granted.includes(scope)) {
        true => Ok(Actor::Key(key.id)),
        false => Err(ApiError::Forbidden(scope.as_str())),
    }
}

/// Request extension: middleware has authenticated this key, and counted the request.
#[derive(Clone)]
pub struct Authenticated(pub ApiKey);

/// Finds the request's key, and counts the request against its limit.
pub async fn authenticate(headers: &HeaderMap, app: &AppState) -> ApiResult<ApiKey> {
    let text = bearer(headers).ok_or(ApiError::Unauthenticated)?;
    let mut conn = app.conn().await?;
    let key = storage::api_keys::find_by_hash(&mut conn, &keys::digest(&text)).await?;
    let key = key.ok_or(ApiError::Unauthenticated)?;
    tracing::Span::current().record(KEY_ID, tracing::field::display(key.id));
    app.limits.check_key(key.id)?;
    storage::api_keys::touch(&mut conn, &key, (app.clock)()).await?;
    Ok(key)
}

/// Returns the key of `Authorization: Bearer KEY` (RFC 6750). `None` also if it lacks our prefix, which saves a query.
pub fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    bearer_with(headers, keys::PREFIX)
}

/// Returns what follows `Authorization: Bearer` if it begins with `prefix`.
pub fn bearer_with(headers: &HeaderMap, prefix: &str) -> Option<SecretString> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_ours = scheme.eq_ignore_ascii_case("bearer") && token.trim().starts_with(prefix);
    is_ours.then(|| SecretString::from(token.trim()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn only_a_bearer_token_with_our_prefix_is_looked_up() {
        let read = |value: &'static [u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            bearer(&HeaderMap::from_iter([(header::AUTHORIZATION, value)])).map(|k| k.expose_secret().to_owned())
        };

        assert_eq!(read(b"Bearer tsk_abc").as_deref(), Some("tsk_abc"));
        assert_eq!(read(b"bearer  tsk_abc ").as_deref(), Some("tsk_abc"));
        for bad in [
            &b"tsk_abc"[..],
            b"Basic tsk_abc",
            b"Bearer",
            b"Bearer abc",
            b"Bearer \xff",
            b"",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
