//! What an answer of 404 means to some calls.

use crate::PlatformError;

/// Deleting what does not exist has succeeded.
pub fn gone_is_deleted(deleted: Result<(), PlatformError>) -> Result<(), PlatformError> {
    match deleted {
        Err(PlatformError::NotFound(..)) => Ok(()),
        other => other,
    }
}

/// Returns `None` for what does not exist.
pub fn gone_is_none<T>(found: Result<T, PlatformError>) -> Result<Option<T>, PlatformError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(PlatformError::NotFound(..)) => Ok(None),
        Err(error) => Err(error),
    }
}
