//! A mapping of the YAML file that is read key by key. It knows its path, for messages, and which keys were not read.

use std::{collections::BTreeSet, fmt::Display, path::PathBuf, time::Duration};

use secrecy::SecretString;
use serde_norway::{Mapping, Value};

use super::{duration, error::ConfigError};

/// A mapping and its path, for example `storage.s3`.
pub struct Section {
    path: String,
    values: Mapping,
    read: BTreeSet<String>,
}

impl Section {
    /// The root of the file. An empty file is an empty mapping.
    pub fn root(document: Value) -> Result<Self, ConfigError> {
        match document {
            Value::Null => Ok(Self::new(String::new(), Mapping::new())),
            Value::Mapping(values) => Ok(Self::new(String::new(), values)),
            _ => Err(ConfigError::NotAMapping),
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| !value.is_null())
    }

    /// Returns a nested mapping.
    pub fn section(&mut self, key: &str) -> Result<Option<Self>, ConfigError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Mapping(values)) => Ok(Some(Self::new(self.path_of(key), values))),
            Some(_) => Err(self.invalid(key, "a mapping of keys to values", "address: 127.0.0.1:6379")),
        }
    }

    /// Returns a text that is not empty: LiveKit treats an empty value as missing.
    pub fn text(&mut self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            // `secret: 1234` is a number in YAML, but meant as text.
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(self.invalid(key, "text", "\"some text\"")),
        }
    }

    pub fn secret(&mut self, key: &str) -> Result<Option<SecretString>, ConfigError> {
        Ok(self.text(key)?.map(SecretString::from))
    }

    pub fn path(&mut self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        Ok(self.text(key)?.map(PathBuf::from))
    }

    pub fn flag(&mut self, key: &str) -> Result<Option<bool>, ConfigError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(self.invalid(key, "true or false", "false")),
        }
    }

    pub fn integer<T: TryFrom<i64> + Display>(&mut self, key: &str, example: T) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match value.as_i64().and_then(|number| T::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.invalid(key, "an integer in the valid range", example)),
        }
    }

    pub fn duration(&mut self, key: &str) -> Result<Option<Duration>, ConfigError> {
        let text = match self.take(key) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) if number.as_i64() == Some(0) => "0".to_owned(),
            Some(_) => return Err(self.invalid(key, "a duration with a unit", "90m")),
        };
        let duration = duration::parse(&text).ok_or_else(|| self.invalid(key, "a duration with a unit", "90m"))?;
        Ok(Some(duration))
    }

    /// Returns an error if a key is set that this worker does not support.
    pub fn refuse(&mut self, key: &str, remedy: &'static str) -> Result<(), ConfigError> {
        match self.take(key) {
            None | Some(Value::Null | Value::Bool(false)) => Ok(()),
            Some(Value::String(text)) if text.is_empty() => Ok(()),
            Some(Value::Mapping(values)) if values.is_empty() => Ok(()),
            Some(_) => Err(ConfigError::Unsupported {
                key: self.path_of(key),
                remedy,
            }),
        }
    }

    /// Accepts keys of LiveKit's worker that have no effect here.
    pub fn ignore(&mut self, keys: &[&str]) {
        self.read.extend(keys.iter().map(|key| (*key).to_owned()));
    }

    /// The error for a value of this section. Does not contain the value, which may be a secret.
    pub fn invalid(&self, key: &str, expected: &'static str, example: impl Display) -> ConfigError {
        ConfigError::Value {
            key: self.path_of(key),
            expected,
            example: format!("{key}: {example}"),
        }
    }

    pub fn missing(&self, key: &str, example: &str) -> ConfigError {
        ConfigError::Missing {
            key: self.path_of(key),
            example: format!("{key}: {example}"),
        }
    }

    /// Adds a warning for every key that was not read.
    pub fn finish(self, warnings: &mut Vec<String>) {
        for key in self
            .values
            .keys()
            .filter_map(Value::as_str)
            .filter(|key| !self.read.contains(*key))
        {
            warnings.push(format!("{} is not a known key and has no effect", self.path_of(key)));
        }
    }

    fn new(path: String, values: Mapping) -> Self {
        Self {
            path,
            values,
            read: BTreeSet::new(),
        }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.read.insert(key.to_owned());
        self.values.get(key).filter(|value| !value.is_null()).cloned()
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}
