//! Collects configuration errors, so that an operator sees all of them at once.

use std::{error::Error, fmt};

/// Invalid settings. The message has a line for each, which names the variable and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{what} are invalid:\n  {}", errors.join("\n  "))]
pub struct ConfigError {
    what: &'static str,
    errors: Vec<String>,
}

/// The errors found so far.
#[derive(Debug, Default)]
pub struct ConfigErrors(Vec<String>);

impl ConfigErrors {
    /// Adds an error.
    pub fn add(&mut self, error: impl fmt::Display) {
        self.0.push(error.to_string());
    }

    /// Returns the value of `result`, or adds its error and the error's causes and returns `None`.
    pub fn ok<T>(&mut self, result: Result<T, impl Error>) -> Option<T> {
        result.map_err(|error| self.add(with_causes(&error))).ok()
    }

    /// Whether no error was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Combines the errors, without duplicates, into one. `what` is the plural subject of its message, such as "the
    /// server's settings".
    pub fn into_error(mut self, what: &'static str) -> ConfigError {
        let mut seen = std::collections::HashSet::new();
        self.0.retain(|error| seen.insert(error.clone()));
        ConfigError { what, errors: self.0 }
    }
}

fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
