//! What all operations have in common.

mod clients;
mod document;
mod requests;
mod scopes;

use crate::support::Operation;

const SOME_ID: &str = "00000000-0000-7000-8000-000000000009";

/// Returns the operation's path with a value for each placeholder, of something that does not exist.
fn path_of(operation: &Operation) -> String {
    operation.path.replace("{name}", "nobody").replace("{id}", SOME_ID)
}
