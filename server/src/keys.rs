//! API keys: what they look like, how they are made, what they allow.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use domain::ApiKeyId;
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use storage::{PgPool, StorageError, api_keys::ApiKey};
use uuid::Uuid;

/// What every key begins with, so that scanners of leaked secrets can know it.
pub const PREFIX: &str = "tsk_";

/// Random bytes of a key: too many to guess, so a plain SHA-256 keeps it safe at rest.
const RANDOM_BYTES: usize = 32;

/// Characters of a key that may be shown, to tell keys apart.
const DISPLAY_CHARS: usize = 10;

/// What a key allows. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Read,
    Write,
    Admin,
}

/// A scope that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no scope: use read, write or admin")]
pub struct UnknownScope(String);

/// A key that was just made. Its text is nowhere else.
pub struct NewKey {
    pub id: ApiKeyId,
    pub text: SecretString,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            other => Err(UnknownScope(other.to_owned())),
        }
    }
}

/// Makes a key and keeps its digest. The returned text must be shown now: nobody can tell it later.
pub async fn create(pool: &PgPool, name: &str, scopes: &[Scope]) -> Result<NewKey, StorageError> {
    let mut random = [0; RANDOM_BYTES];
    rand::rng().fill_bytes(&mut random);
    let text = SecretString::from(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random)));
    let key = new_row(name, scopes, &text, Utc::now());
    storage::api_keys::insert(&mut *storage::pool::acquire(pool).await?, &key, &digest(&text)).await?;
    Ok(NewKey { id: key.id, text })
}

/// Under what a key is kept.
pub fn digest(key: &SecretString) -> [u8; 32] {
    Sha256::digest(key.expose_secret()).into()
}

fn new_row(name: &str, scopes: &[Scope], text: &SecretString, created_at: DateTime<Utc>) -> ApiKey {
    ApiKey {
        id: ApiKeyId(Uuid::now_v7()),
        name: name.to_owned(),
        prefix: text.expose_secret().chars().take(DISPLAY_CHARS).collect(),
        scopes: scopes.iter().map(Scope::to_string).collect(),
        created_at,
        last_used_at: None,
        revoked_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_key_is_found_by_its_digest_and_kept_nowhere(pool: PgPool) {
        let key = create(&pool, "ci", &[Scope::Write]).await.unwrap();

        let found = storage::api_keys::find_by_hash(&mut pool.acquire().await.unwrap(), &digest(&key.text)).await;

        let found = found.unwrap().expect("the key was just made");
        assert_eq!((found.id, found.scopes), (key.id, vec!["write".to_owned()]));
        assert!(key.text.expose_secret().starts_with(&found.prefix) && found.prefix.len() == DISPLAY_CHARS);
    }

    #[test]
    fn scopes_include_those_before_them() {
        assert!(Scope::Read < Scope::Write && Scope::Write < Scope::Admin);
        assert!("root".parse::<Scope>().is_err());
    }
}
