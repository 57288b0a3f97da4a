//! Secrets from the environment. Each has a `_FILE` variant that names a file with the secret.

use std::{fs, io, path::Path};

use secrecy::SecretString;

/// Longest accepted secret file in bytes. A longer one is probably the wrong file.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The possible sources of one secret. `name` is the environment variable, for messages.
#[derive(Clone, Copy, Debug)]
pub struct SecretSource<'a> {
    pub name: &'a str,
    pub value: Option<&'a SecretString>,
    pub file: Option<&'a Path>,
}

/// Why a secret cannot be read. Messages never contain the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("{0} is not set; set it, or set {0}_FILE to a file with the value")]
    Missing(String),
    #[error("{0} and {0}_FILE are both set; unset one of them")]
    ValueAndFile(String),
    #[error("{0} is empty")]
    Empty(String),
    #[error("cannot read {path}, the file in {name}_FILE")]
    Unreadable {
        name: String,
        path: String,
        source: io::Error,
    },
    #[error("{path}, the file in {name}_FILE, is longer than {MAX_FILE_BYTES} bytes; check the path")]
    TooLong { name: String, path: String },
}

impl SecretSource<'_> {
    /// Reads the secret. White space around a file's content is trimmed.
    pub fn required(self) -> Result<SecretString, SecretError> {
        self.optional()?
            .ok_or_else(|| SecretError::Missing(self.name.to_owned()))
    }

    /// Reads the secret, or returns `None` if neither the variable nor its `_FILE` variant is set.
    pub fn optional(self) -> Result<Option<SecretString>, SecretError> {
        let secret = match (self.value, self.file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(SecretError::ValueAndFile(self.name.to_owned())),
            (Some(value), None) => value.clone(),
            (None, Some(file)) => self.read(file)?,
        };
        if secrecy::ExposeSecret::expose_secret(&secret).is_empty() {
            return Err(SecretError::Empty(self.name.to_owned()));
        }
        Ok(Some(secret))
    }

    /// Reads several secrets, separated by commas or white space, so that one can be replaced while the other is in use.
    /// Returns `None` if neither the variable nor its `_FILE` variant is set.
    pub fn list(self) -> Result<Option<Vec<SecretString>>, SecretError> {
        let Some(text) = self.optional()? else {
            return Ok(None);
        };
        let separators = |c: char| c == ',' || c.is_whitespace();
        let parts = secrecy::ExposeSecret::expose_secret(&text).split(separators);
        let secrets: Vec<SecretString> = parts.filter(|part| !part.is_empty()).map(SecretString::from).collect();
        match secrets.is_empty() {
            true => Err(SecretError::Empty(self.name.to_owned())),
            false => Ok(Some(secrets)),
        }
    }

    /// As [`Self::list`], with at least one secret.
    pub fn required_list(self) -> Result<Vec<SecretString>, SecretError> {
        self.list()?.ok_or_else(|| SecretError::Missing(self.name.to_owned()))
    }

    fn read(self, file: &Path) -> Result<SecretString, SecretError> {
        let (name, path) = (self.name.to_owned(), file.display().to_string());
        let read = || {
            if fs::metadata(file)?.len() > MAX_FILE_BYTES {
                return Ok(None);
            }
            fs::read_to_string(file).map(Some)
        };
        match read() {
            Ok(Some(text)) => Ok(SecretString::from(text.trim())),
            Ok(None) => Err(SecretError::TooLong { name, path }),
            Err(source) => Err(SecretError::Unreadable { name, path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn source<'a>(value: Option<&'a SecretString>, file: Option<&'a Path>) -> SecretSource<'a> {
        SecretSource {
            name: "DOOR_KEY",
            value,
            file,
        }
    }

    #[test]
    fn a_secret_is_read_from_its_variable_or_from_the_file_in_its_file_variant() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "from a file\n").unwrap();
        let value = SecretString::from("from the variable");

        let by_value = source(Some(&value), None).required().unwrap();
        let by_file = source(None, Some(file.path())).required().unwrap();

        assert_eq!(by_value.expose_secret(), "from the variable");
        assert_eq!(by_file.expose_secret(), "from a file");
        assert!(source(None, None).optional().unwrap().is_none());
    }

    #[test]
    fn every_error_names_the_variable_and_none_the_secret() {
        let (value, empty) = (SecretString::from("hush"), SecretString::from(""));
        let nowhere = Path::new("/nowhere/at/all");

        let errors = [
            source(None, None).required().unwrap_err(),
            source(Some(&value), Some(nowhere)).required().unwrap_err(),
            source(Some(&empty), None).required().unwrap_err(),
            source(None, Some(nowhere)).required().unwrap_err(),
        ];

        for error in errors {
            let text = error.to_string();
            assert!(text.contains("DOOR_KEY") && !text.contains("hush"), "{text}");
        }
    }

    #[test]
    fn several_secrets_are_separated_by_commas_or_lines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "new\nold\n").unwrap();
        let (value, empty) = (SecretString::from("new, old,"), SecretString::from(" , "));
        let shown = |source: SecretSource<'_>| {
            let secrets = source.list().unwrap().unwrap_or_default();
            secrets.iter().map(|s| s.expose_secret().to_owned()).collect::<Vec<_>>()
        };

        assert_eq!(shown(source(Some(&value), None)), ["new", "old"]);
        assert_eq!(shown(source(None, Some(file.path()))), ["new", "old"]);
        assert!(source(None, None).list().unwrap().is_none());
        assert!(matches!(source(Some(&empty), None).list(), Err(SecretError::Empty(_))));
    }

    #[test]
    fn a_file_too_long_for_a_secret_is_rejected() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "x".repeat(70_000)).unwrap();

        let error = source(None, Some(file.path())).required().unwrap_err();

        assert!(matches!(error, SecretError::TooLong { .. }), "{error}");
    }
}
