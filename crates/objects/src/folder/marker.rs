//! A folder in the root that shows that the root is the store that was opened. While a disk is not mounted, its mount
//! point is an empty folder: there, a missing object means nothing, and an object would be written to the wrong disk.

use std::{fs, io, path::Path};

use super::write::make_folders;
use crate::ObjectError;

/// The marker. Probe objects are in it too.
const NAME: &str = ".trackscribe";

/// Creates the marker if the root has none.
pub fn create(root: &Path) -> io::Result<()> {
    make_folders(&root.join(NAME))
}

/// Fails if the root is not the store that was opened.
pub fn expect(root: &Path) -> Result<(), ObjectError> {
    match fs::metadata(root.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let root = root.display();
            let why = format!("{root}/{NAME} has disappeared; check that the disk of {root} is mounted");
            Err(ObjectError::Unavailable(why.into()))
        }
        // Other errors say more when the object itself is used.
        _ => Ok(()),
    }
}
