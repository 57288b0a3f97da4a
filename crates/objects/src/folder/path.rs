//! From keys to paths that stay below the root.
//!
//! `ObjectKey` holds no `..`, so only symbolic links could lead out: whatever exists of a path is resolved and must
//! still lie below the root.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use domain::ObjectKey;

use super::object_error;
use crate::ObjectError;

/// What names of unfinished files begin with; no object may be called so.
pub const TEMP_PREFIX: &str = ".unfinished-";

const ESCAPES_ROOT: &str = "a symbolic link leads it out of the object folder";

/// The path of an object that must be there.
pub fn resolve_existing(root: &Path, key: &ObjectKey) -> Result<PathBuf, ObjectError> {
    check_name(key)?;
    let path = fs::canonicalize(root.join(key.as_str())).map_err(|e| object_error(key, "read an object", e))?;
    ensure_below(root, path, key)
}

/// Where an object is to be written, and the folder that will hold it, which may not be there yet.
pub fn resolve_new(root: &Path, key: &ObjectKey) -> Result<PathBuf, ObjectError> {
    check_name(key)?;
    let path = root.join(key.as_str());
    let mut existing = path.parent().unwrap_or(root);
    let resolved = loop {
        match fs::canonicalize(existing) {
            Ok(resolved) => break resolved,
            // A link that leads nowhere would be followed by whoever makes the folder.
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

/// An error on the way to a new object: a file where a folder should be is the key's fault.
pub fn write_error(key: &ObjectKey, error: io::Error) -> ObjectError {
    match error.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => ObjectError::BadKey {
            key: key.clone(),
            why: "another object lies where it needs a folder",
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
            why: "names of unfinished files begin like that",
        });
    }
    Ok(())
}
