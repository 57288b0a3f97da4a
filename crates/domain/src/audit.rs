//! The audit: what people and keys have ordered, as a chain of hashes.
//!
//! Each row holds a digest of each of its columns, and a hash of the row before it and of these digests. A changed byte is
//! found in its column; a row that is missing or moved breaks the chain. The head of the chain is kept apart, so that rows
//! missing at the end are found, too. Somebody who may write to the database can make a new chain: note the head elsewhere to
//! find that.

mod verify;

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::text_enum::text_enum;
use crate::{ApiKeyId, Identity};

pub use verify::{AuditFault, AuditVerifier};

/// First bytes of everything that is hashed, so that no other use of SHA-256 gives the same hash. Names the format.
const DOMAIN: &[u8] = b"trackscribe audit 1";

/// A SHA-256 digest.
pub type AuditHash = [u8; 32];

/// The hash before the first row.
pub const GENESIS: AuditHash = [0; 32];

text_enum! {
    /// What was ordered. The words are stable.
    AuditAction {
        /// A room was created.
        CreateRoom = "create_room",
        /// Settings of a room were changed.
        UpdateRoom = "update_room",
        /// A room was deleted.
        DeleteRoom = "delete_room",
        /// An API key was created.
        CreateKey = "create_key",
        /// An API key was revoked.
        RevokeKey = "revoke_key",
        /// Somebody was removed from a meeting.
        RemoveParticipant = "remove_participant",
        /// Somebody who was removed may join again.
        ReadmitParticipant = "readmit_participant",
        /// Tracks of somebody were muted.
        MuteTracks = "mute_tracks",
        /// Tracks of somebody were unmuted.
        UnmuteTracks = "unmute_tracks",
        /// Permissions of somebody were changed.
        ChangePermissions = "change_permissions",
        /// A meeting was locked.
        LockMeeting = "lock_meeting",
        /// A meeting was unlocked.
        UnlockMeeting = "unlock_meeting",
        /// A meeting was ended.
        EndMeeting = "end_meeting",
    }
}

/// Who ordered something. Its text is the value of the column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A caller with an API key.
    Key(ApiKeyId),
    /// A host, with their participant token.
    Participant(Identity),
    /// Somebody at the command line of a machine that has access to the database.
    Operator,
}

/// What an order was about. Its text is the value of the column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSubject {
    kind: &'static str,
    id: String,
}

/// A row that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// When, in whole microseconds: the database stores no more.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: AuditAction,
    /// About what.
    pub subject: AuditSubject,
    /// A JSON object of more, without secrets.
    pub details: Value,
}

/// A row as it is stored. Texts are kept as they are, because a column that cannot be read must still be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// 1, 2, 3, … without a gap.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Text of an [`Actor`].
    pub actor: String,
    /// Word of an [`AuditAction`].
    pub action: String,
    /// Text of an [`AuditSubject`].
    pub subject: String,
    /// JSON text.
    pub details: String,
    /// Digests of the columns above, in their order, each 32 bytes.
    pub digests: Vec<u8>,
    /// Hash of the row before and of `digests`.
    pub hash: Vec<u8>,
}

/// The last row of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// Its number; 0 if there is none.
    pub seq: i64,
    /// Its hash; [`GENESIS`] if there is none.
    pub hash: AuditHash,
}

impl AuditSubject {
    /// A room, by its name.
    pub fn room(name: &crate::RoomName) -> Self {
        Self::new("room", name)
    }

    /// A meeting.
    pub fn meeting(id: crate::MeetingId) -> Self {
        Self::new("meeting", id)
    }

    /// An API key.
    pub fn key(id: ApiKeyId) -> Self {
        Self::new("key", id)
    }

    fn new(kind: &'static str, id: impl fmt::Display) -> Self {
        let id = id.to_string();
        Self { kind, id }
    }
}

impl fmt::Display for AuditSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Participant(identity) => write!(f, "participant:{identity}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

impl AuditHead {
    /// The head of an empty chain.
    pub const EMPTY: Self = Self { seq: 0, hash: GENESIS };

    /// Returns the row that follows, with its hashes.
    pub fn next(&self, entry: &AuditEntry) -> AuditRow {
        let mut row = AuditRow {
            seq: self.seq + 1,
            at: entry.at,
            actor: entry.actor.to_string(),
            action: entry.action.to_string(),
            subject: entry.subject.to_string(),
            details: entry.details.to_string(),
            digests: Vec::new(),
            hash: Vec::new(),
        };
        row.digests = row.column_digests().concat();
        row.hash = chain(&self.hash, &row.digests).to_vec();
        row
    }
}

impl AuditRow {
    /// Names of the columns that have a digest, in their order.
    pub const COLUMNS: [&'static str; 6] = ["seq", "at", "actor", "action", "subject", "details"];

    /// Returns the digest of each column, as its value is now.
    fn column_digests(&self) -> [AuditHash; 6] {
        let values: [&[u8]; 6] = [
            &self.seq.to_be_bytes(),
            &self.at.timestamp_micros().to_be_bytes(),
            self.actor.as_bytes(),
            self.action.as_bytes(),
            self.subject.as_bytes(),
            self.details.as_bytes(),
        ];
        std::array::from_fn(|n| digest(Self::COLUMNS[n], values[n]))
    }
}

fn digest(column: &str, value: &[u8]) -> AuditHash {
    let mut hash = Sha256::new_with_prefix(DOMAIN);
    hash.update([0]);
    hash.update(column);
    hash.update([0]);
    hash.update(value);
    hash.finalize().into()
}

fn chain(before: &AuditHash, digests: &[u8]) -> AuditHash {
    let mut hash = Sha256::new_with_prefix(DOMAIN);
    hash.update(before);
    hash.update(digests);
    hash.finalize().into()
}
