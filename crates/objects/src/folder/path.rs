//! Resolves keys to paths below the root.
//!
//! An `ObjectKey` contains no `..`, so only symbolic links could leave the root: the existing part of a path is resolved
//! and must still be below the root.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use domain::ObjectKey;

use super::object_error;
use crate::ObjectError;

/// Prefix of temporary files. Segments of keys must not start with it.
pub const TEMP_PREFIX: &str = ".unfinished-";

const ESCAPES_ROOT: &str = "a symbolic link in its path leaves the object folder";

/// Returns the path of an existing object.
pub fn resolve_existing(root: &Path, key: &ObjectKey) -> Result<PathBuf, ObjectError> {
    check_name(key)?;
    let path = fs::canonicalize(root.join(key.as_str())).map_err(|e| object_error(key, "read an object", e))?;
    ensure_below(root, path, key)
}

/// Returns the path for writing an object. Its folder may not exist yet.
pub fn resolve_new(root: &Path, key: &ObjectKey) -> Result<PathBuf, ObjectError> {
    check_name(key)?;
    let path = root.join(key.as_str());
    let mut existing = path.parent().unwrap_or(root);
    let resolved = loop {
        match fs::canonicalize(existing) {
            Ok(resolved) => break resolved,
            // Creating the folder would follow a dangling link.
            Err(_) if fs::symlink_metadata(existing).is_ok_and(|m| m.is_symlink()) => {
                return Err(ObjectError::BadKey {
                    key: key.clone(),
                    why: ESCAPES_ROOT,
                });
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => existing = existing.parent().unwrap_or(root),
            Err(e) => return Err(write_error(key, e)),
        }
    };
    ensure_below(root, resolved, key)?;
    Ok(path)
}

/// Classifies an error of creating an object. A file in place of one of the key's folders makes the key invalid.
pub fn write_error(key: &ObjectKey, error: io::Error) -> ObjectError {
    match error.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => ObjectError::BadKey {
            key: key.clone(),
            why: "one of its folders is an object",
        },
        _ => object_error(key, "store an object", error),
    }
}

fn ensure_below(root: &Path, path: PathBuf, key: &ObjectKey) -> Result<PathBuf, ObjectError> {
    if path.starts_with(root) {
        Ok(path)
    } else {
        Err(ObjectError::BadKey {
            key: key.clone(),
            why: ESCAPES_ROOT,
        })
    }
}

fn check_name(key: &ObjectKey) -> Result<(), ObjectError> {
    if key.as_str().split('/').any(|part| part.starts_with(TEMP_PREFIX)) {
        return Err(ObjectError::BadKey {
            key: key.clone(),
            why: "this prefix is reserved for temporary files",
        });
    }
    Ok(())
}
