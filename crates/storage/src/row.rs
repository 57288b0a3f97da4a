//! From columns to domain types and back.

use serde::{Serialize, de::DeserializeOwned};

use crate::StorageError;

/// Where a value stands; named in errors.
#[derive(Clone, Copy)]
pub(crate) struct Cell<'a> {
    pub table: &'static str,
    pub column: &'static str,
    pub id: &'a dyn std::fmt::Display,
}

impl Cell<'_> {
    /// Reads an enum that is stored as its name in JSON.
    pub fn word<T: DeserializeOwned>(self, word: &str) -> Result<T, StorageError> {
        self.json(serde_json::Value::String(word.to_owned()))
    }

    pub fn json<T: DeserializeOwned>(self, value: serde_json::Value) -> Result<T, StorageError> {
        serde_json::from_value(value).map_err(|why| self.unreadable(why))
    }

    pub fn unreadable(self, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StorageError {
        StorageError::Row { table: self.table, column: self.column, id: self.id.to_string(), why: why.into() }
    }
}

/// The name of an enum's variant, as it stands in JSON and in the table.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("an enum without fields is a string in JSON, not {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use domain::transcript::TranscriptState;

    use super::*;

    #[test]
    fn a_row_that_cannot_be_names_table_column_and_id() {
        let cell = Cell { table: "transcripts", column: "state", id: &"m-1" };

        let error = cell.word::<TranscriptState>("shiny").unwrap_err();

        assert_eq!(error.to_string(), "transcripts.state of m-1 cannot be read");
        assert_eq!(cell.word::<TranscriptState>(&word(&TranscriptState::Ready)).unwrap(), TranscriptState::Ready);
    }
}
