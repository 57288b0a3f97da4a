//! API keys: format, creation and scopes.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use domain::ApiKeyId;
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use storage::{PgPool, StorageError, api_keys::ApiKey};
use uuid::Uuid;

/// Prefix of every key, by which secret scanners recognize leaked keys.
pub const PREFIX: &str = "tsk_";

/// Random bytes per key. 256 bits cannot be guessed, so an unsalted SHA-256 is a safe digest.
const RANDOM_BYTES: usize = 32;

/// Leading characters of a key that are stored in clear and shown in listings.
const DISPLAY_CHARS: usize = 10;

/// What a key permits. Each scope includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Read,
    Write,
    Admin,
}

/// The scope does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a scope; use read, write or admin")]
pub struct UnknownScope(String);

/// A new key. Its text is stored nowhere.
pub struct NewKey {
    pub id: ApiKeyId,
    pub text: SecretString,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// Whether a key with this scope may do what `other` permits.
    pub fn includes(self, other: Self) -> bool {
        self >= other
    }

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

/// Creates a key and stores its digest. The returned text cannot be recovered later, so show it to the user.
pub async fn create(pool: &PgPool, name: &str, scopes: &[Scope]) -> Result<NewKey, StorageError> {
    let mut random = [0; RANDOM_BYTES];
    rand::rng().fill_bytes(&mut random);
    let text = SecretString::from(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random)));
    let key = new_row(name, scopes, &text, Utc::now());
    storage::api_keys::insert(&mut *storage::pool::acquire(pool).await?, &key, &digest(&text)).await?;
    Ok(NewKey { id: key.id, text })
}

/// Returns the SHA-256 digest under which a key is stored.
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
    async fn a_key_is_found_by_its_digest_and_stored_nowhere(pool: PgPool) {
        let key = create(&pool, "ci", &[Scope::Write]).await.unwrap();

        let found = storage::api_keys::find_by_hash(&mut pool.acquire().await.unwrap(), &digest(&key.text)).await;

        let found = found.unwrap().expect("the key was just created");
        assert_eq!((found.id, found.scopes), (key.id, vec!["write".to_owned()]));
        assert!(key.text.expose_secret().starts_with(&found.prefix) && found.prefix.len() == DISPLAY_CHARS);
    }

    #[test]
    fn scopes_include_those_before_them() {
        assert!(Scope::Read < Scope::Write && Scope::Write < Scope::Admin);
        assert!("root".parse::<Scope>().is_err());
    }
}
