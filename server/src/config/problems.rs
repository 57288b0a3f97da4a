//! All that is wrong with the settings, gathered, so that an operator mends them in one go.

use std::{error::Error, fmt};

/// Settings that cannot be used. Each line names its variable and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("the settings cannot be used:\n  {}", .0.join("\n  "))]
pub struct ConfigError(Vec<String>);

#[derive(Default)]
pub struct Problems(Vec<String>);

impl Problems {
    pub fn add(&mut self, problem: impl fmt::Display) {
        self.0.push(problem.to_string());
    }

    /// The value, or nothing and one problem more.
    pub fn take<T>(&mut self, result: Result<T, impl Error>) -> Option<T> {
        result.map_err(|error| self.add(with_causes(&error))).ok()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Problems> for ConfigError {
    fn from(problems: Problems) -> Self {
        Self(problems.0)
    }
}

fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
