//! Converts columns to domain types.

use std::fmt::Display;

use crate::StorageError;

/// The row whose columns are read, as named in errors.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub table: &'static str,
    pub id: &'a dyn Display,
}

impl Row<'_> {
    /// Returns the value of `column`, or an error that names table, column and id.
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

    /// Like [`Row::read`], for a nullable column.
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
    fn an_invalid_row_is_named_by_table_column_and_id() {
        let row = Row {
            table: "rooms",
            id: &"r-1",
        };

        let error = row.read("name", RoomName::parse("No Name")).unwrap_err();

        assert_eq!(error.to_string(), "cannot read rooms.name of r-1");
    }
}
