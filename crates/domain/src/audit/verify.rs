//! Verifies the chain, row by row.

use super::{AuditHash, AuditHead, AuditRow, chain};

/// What is wrong with the chain, at its first wrong row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// A column was changed.
    #[error("row {seq}: the column {column} was changed")]
    Changed {
        /// The row.
        seq: i64,
        /// The column.
        column: &'static str,
    },
    /// A row is missing, or was moved.
    #[error("row {seq} is missing; row {found} is in its place")]
    Missing {
        /// The row that should be here.
        seq: i64,
        /// The row that is.
        found: i64,
    },
    /// The rows do not continue the chain: rows before this one were replaced as a whole.
    #[error("row {seq} does not continue row {}: one of them was replaced", seq - 1)]
    Replaced {
        /// The row.
        seq: i64,
    },
    /// The last rows are missing, or the head was changed.
    #[error("the chain ends with row {last}, but its head says {head}")]
    Head {
        /// The last row.
        last: i64,
        /// The number in the head.
        head: i64,
    },
    /// The head has another hash than the last row.
    #[error("the hash of the chain's head was changed")]
    HeadHash,
}

/// Verifies a chain. Give it all rows in the order of their numbers, then the head.
#[derive(Clone, Copy, Debug)]
pub struct AuditVerifier {
    /// The last row, with the hash that it should have.
    last: AuditHead,
    /// Whether the last row has another hash. What follows it tells which of the two is right.
    is_suspect: bool,
}

impl Default for AuditVerifier {
    fn default() -> Self {
        Self {
            last: AuditHead::EMPTY,
            is_suspect: false,
        }
    }
}

impl AuditVerifier {
    /// Verifies the next row.
    ///
    /// # Errors
    /// The first fault that the row shows.
    pub fn next(&mut self, row: &AuditRow) -> Result<(), AuditFault> {
        let seq = self.last.seq + 1;
        let columns = row.column_digests().concat();
        let hash: AuditHash = chain(&self.last.hash, &columns);
        let continues = hash[..] == row.hash[..];
        if self.is_suspect {
            return Err(self.judge_suspect(continues));
        }
        // The hash vouches for the columns as they are, so only the copy of their digests can be wrong.
        if continues && columns != row.digests {
            return Err(AuditFault::Changed { seq, column: "digests" });
        }
        if let Some(fault) = changed_column(seq, row, &columns) {
            return Err(fault);
        }
        if row.seq != seq {
            return Err(AuditFault::Missing { seq, found: row.seq });
        }
        self.last = AuditHead { seq, hash };
        self.is_suspect = !continues;
        Ok(())
    }

    /// Verifies that the last row is the chain's head.
    ///
    /// # Errors
    /// Rows are missing at the end, or the head was changed.
    pub fn finish(self, head: &AuditHead) -> Result<AuditHead, AuditFault> {
        match (head.seq == self.last.seq, head.hash == self.last.hash) {
            (_, continues) if self.is_suspect => Err(self.judge_suspect(continues)),
            (true, true) => Ok(self.last),
            (true, false) => Err(AuditFault::HeadHash),
            (false, _) => Err(AuditFault::Head {
                last: self.last.seq,
                head: head.seq,
            }),
        }
    }

    /// The last row agrees with its digests but not with its hash. If what follows continues the hash that it should have,
    /// only the column was changed.
    fn judge_suspect(&self, continues: bool) -> AuditFault {
        let seq = self.last.seq;
        match continues {
            true => AuditFault::Changed { seq, column: "hash" },
            false => AuditFault::Replaced { seq },
        }
    }
}

/// Returns the first column that differs from its digest.
fn changed_column(seq: i64, row: &AuditRow, columns: &[u8]) -> Option<AuditFault> {
    if row.digests.len() != columns.len() {
        return Some(AuditFault::Changed { seq, column: "digests" });
    }
    let digests = row.digests.chunks_exact(32).zip(columns.chunks_exact(32));
    let changed = AuditRow::COLUMNS
        .iter()
        .zip(digests)
        .find(|(_, (stored, now))| stored != now);
    changed.map(|(column, _)| AuditFault::Changed { seq, column })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::audit::{Actor, AuditAction, AuditEntry, AuditSubject};
    use crate::{ApiKeyId, MeetingId};

    fn rows(count: i64) -> Vec<AuditRow> {
        let mut head = AuditHead::EMPTY;
        let entry = |n: i64| AuditEntry {
            at: DateTime::from_timestamp(1_800_000_000 + n, 0).unwrap(),
            actor: Actor::Key(ApiKeyId(Uuid::nil())),
            action: AuditAction::RemoveParticipant,
            subject: AuditSubject::meeting(MeetingId(Uuid::nil())),
            details: json!({"identity": n.to_string()}),
        };
        (1..=count)
            .map(|n| {
                let row = head.next(&entry(n));
                head = head_of(&row);
                row
            })
            .collect()
    }

    fn head_of(row: &AuditRow) -> AuditHead {
        AuditHead {
            seq: row.seq,
            hash: row.hash.as_slice().try_into().unwrap(),
        }
    }

    fn verify(rows: &[AuditRow], head: &AuditHead) -> Result<AuditHead, AuditFault> {
        let mut verifier = AuditVerifier::default();
        rows.iter().try_for_each(|row| verifier.next(row))?;
        verifier.finish(head)
    }

    #[test]
    fn an_untouched_chain_is_verified_and_an_empty_one_too() {
        let rows = rows(3);
        let head = head_of(&rows[2]);

        assert_eq!(verify(&rows, &head), Ok(head));
        assert_eq!(verify(&[], &AuditHead::EMPTY), Ok(AuditHead::EMPTY));
    }

    #[test]
    fn a_changed_byte_is_named_with_its_row_and_column() {
        let whole = rows(3);
        let head = head_of(&whole[2]);
        type Damage = fn(&mut AuditRow);
        let changes: [(&str, Damage); 8] = [
            ("seq", |row| row.seq = 7),
            ("at", |row| row.at += chrono::TimeDelta::microseconds(1)),
            ("actor", |row| row.actor.push('x')),
            ("action", |row| row.action = "lock_meeting".to_owned()),
            ("subject", |row| row.subject.replace_range(..1, "M")),
            ("details", |row| row.details.push(' ')),
            ("digests", |row| row.digests[100] ^= 1),
            ("hash", |row| row.hash[5] ^= 1),
        ];

        for (column, change) in changes {
            for (n, seq) in [(1, 2), (2, 3)] {
                let mut rows = whole.clone();
                change(&mut rows[n]);
                assert_eq!(
                    verify(&rows, &head),
                    Err(AuditFault::Changed { seq, column }),
                    "{column}"
                );
            }
        }
        let mut short = whole.clone();
        short[1].hash.pop();
        short[2].digests.pop();
        assert_eq!(
            verify(&short[..2], &head_of(&whole[1])),
            Err(AuditFault::Changed { seq: 2, column: "hash" })
        );
        assert!(verify(&short[2..], &head).is_err());
    }

    #[test]
    fn missing_moved_and_replaced_rows_are_found() {
        let whole = rows(4);
        let head = head_of(&whole[3]);
        let without = |n: usize| [&whole[..n], &whole[n + 1..]].concat();
        let mut forged = whole.clone();
        forged[1].details = "{}".to_owned();
        forged[1].digests = forged[1].column_digests().concat();
        let mut moved = whole.clone();
        moved.swap(1, 2);

        assert_eq!(
            verify(&without(0), &head),
            Err(AuditFault::Missing { seq: 1, found: 2 })
        );
        assert_eq!(
            verify(&without(2), &head),
            Err(AuditFault::Missing { seq: 3, found: 4 })
        );
        assert_eq!(verify(&without(3), &head), Err(AuditFault::Head { last: 3, head: 4 }));
        assert_eq!(verify(&moved, &head), Err(AuditFault::Missing { seq: 2, found: 3 }));
        assert_eq!(verify(&forged, &head), Err(AuditFault::Replaced { seq: 2 }));
        forged[1].hash = chain(&head_of(&whole[0]).hash, &forged[1].digests).to_vec();
        assert_eq!(
            verify(&forged, &head),
            Err(AuditFault::Replaced { seq: 3 }),
            "what follows the forged row"
        );
        assert_eq!(
            verify(&whole, &AuditHead { hash: [7; 32], ..head }),
            Err(AuditFault::HeadHash)
        );
    }
}
