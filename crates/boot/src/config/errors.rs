//! All that is wrong with the settings, gathered, so that an operator mends them in one go.

use std::{error::Error, fmt};

/// Settings that cannot be used. Each line names its variable and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot be used:\n  {}", errors.join("\n  "))]
pub struct ConfigError {
    what: &'static str,
    errors: Vec<String>,
}

/// What is wrong so far.
#[derive(Debug, Default)]
pub struct ConfigErrors(Vec<String>);

impl ConfigErrors {
    pub fn add(&mut self, error: impl fmt::Display) {
        self.0.push(error.to_string());
    }

    /// The value, or nothing and one error more.
    pub fn ok<T>(&mut self, result: Result<T, impl Error>) -> Option<T> {
        result.map_err(|error| self.add(with_causes(&error))).ok()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, each once, as one error about `what` (“the server's settings”).
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
