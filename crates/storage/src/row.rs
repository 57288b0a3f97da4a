//! From columns to domain types.

use std::fmt::Display;

use crate::StorageError;

/// Whose columns are read; named in errors.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub table: &'static str,
    pub id: &'a dyn Display,
}

impl Row<'_> {
    /// The value of `column`, or an error that says where the bad one stands.
    pub fn read<T, E>(self, column: &'static str, value: Result<T, E>) -> Result<T, StorageError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        value.map_err(|why| StorageError::Row {
            table: self.table,
            column,
            id: self.id.to_string(),
            why: why.into(),
        })
    }

    /// As [`Row::read`], for a column that may be NULL.
    pub fn read_optional<T, E>(
        self,
        column: &'static str,
        value: Option<Result<T, E>>,
    ) -> Result<Option<T>, StorageError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        value.map(|value| self.read(column, value)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use domain::RoomName;

    use super::*;

    #[test]
    fn a_row_that_cannot_be_names_table_column_and_id() {
        let row = Row {
            table: "rooms",
            id: &"r-1",
        };

        let error = row.read("name", RoomName::parse("No Name")).unwrap_err();

        assert_eq!(error.to_string(), "rooms.name of r-1 cannot be read");
    }
}
