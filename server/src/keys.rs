//! API keys: format, creation and scopes.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use domain::{
    ApiKeyId,
    audit::{Actor, AuditAction, AuditEntry, AuditSubject},
};
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use storage::{PgPool, StorageError, api_keys::ApiKey};
use uuid::Uuid;

use crate::state::system_clock;

/// Prefix of every key, by which secret scanners recognize leaked keys.
pub const PREFIX: &str = "tsk_";

/// Random bytes per key. 256 bits cannot be guessed, so an unsalted SHA-256 is a safe digest.
const RANDOM_BYTES: usize = 32;

/// Leading characters of a key that are stored in clear and shown in listings.
const DISPLAY_CHARS: usize = 10;

/// What a key permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Reading everything.
    Read,
    /// Changing rooms and meetings, and what `Read` permits.
    Write,
    /// Issuing tokens to join rooms, and nothing else: the key of a page that lets people in need not be able to read
    /// what they said.
    Join,
    /// Everything.
    Admin,
}

/// The scope does not exist.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a scope; use read, write, join or admin")]
pub struct UnknownScope(String);

/// A new key. Its text is stored nowhere.
pub struct NewKey {
    pub id: ApiKeyId,
    pub text: SecretString,
}

impl Scope {
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Join, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Join => "join",
            Self::Admin => "admin",
        }
    }

    /// Whether a key with this scope may do what needs `needed`.
    pub fn includes(self, needed: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Write => matches!(needed, Self::Read | Self::Write),
            Self::Read | Self::Join => needed == self,
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
            "join" => Ok(Self::Join),
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
    let key = new_row(name, scopes, &text, now());
    let mut tx = storage::pool::begin(pool).await?;
    storage::api_keys::insert(&mut tx, &key, &digest(&text)).await?;
    let details = json!({"name": key.name, "scopes": key.scopes});
    let entry = entry(AuditAction::CreateKey, key.id, key.created_at, details);
    storage::audit::append(&mut tx, &entry).await?;
    storage::pool::commit(tx).await?;
    Ok(NewKey { id: key.id, text })
}

/// Revokes a key. Returns whether it existed and was valid.
pub async fn revoke(pool: &PgPool, id: ApiKeyId) -> Result<bool, StorageError> {
    let now = now();
    let mut tx = storage::pool::begin(pool).await?;
    let revoked = storage::api_keys::revoke(&mut tx, id, now).await?;
    if revoked {
        storage::audit::append(&mut tx, &entry(AuditAction::RevokeKey, id, now, json!({}))).await?;
    }
    storage::pool::commit(tx).await?;
    Ok(revoked)
}

/// Keys are created and revoked at the command line only.
fn entry(action: AuditAction, id: ApiKeyId, at: DateTime<Utc>, details: Value) -> AuditEntry {
    AuditEntry {
        at,
        actor: Actor::Operator,
        action,
        subject: AuditSubject::key(id),
        details,
    }
}

/// The audit keeps the time as the database stores it.
fn now() -> DateTime<Utc> {
    (system_clock())()
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
    fn a_scope_includes_only_what_it_says() {
        let included = |scope: Scope| Scope::ALL.map(|needed| scope.includes(needed));

        assert_eq!(included(Scope::Read), [true, false, false, false]);
        assert_eq!(included(Scope::Write), [true, true, false, false]);
        assert_eq!(included(Scope::Join), [false, false, true, false]);
        assert_eq!(included(Scope::Admin), [true; 4]);
        assert!(Scope::ALL.iter().all(|scope| scope.as_str().parse() == Ok(*scope)));
        assert!("root".parse::<Scope>().is_err());
    }
}
