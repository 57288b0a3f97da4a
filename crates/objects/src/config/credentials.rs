//! How a store knows us.

use std::{fmt, sync::Arc};

use secrecy::{ExposeSecret, SecretString};

use crate::BoxError;

/// The credentials of an S3 store.
#[derive(Clone, Debug, PartialEq)]
pub enum Credentials {
    /// Those that the AWS SDK finds: in the environment, in profile files, by a web identity token, or from the
    /// container or the machine that this process runs on.
    DefaultChain,
    Keys(KeySource),
}

/// Access key and secret.
#[derive(Clone, Debug)]
pub struct Keys {
    pub access_key: SecretString,
    pub secret: SecretString,
    pub session_token: Option<SecretString>,
}

/// Keys, and how to read them again once the store denies them: they may have been replaced in their file.
#[derive(Clone)]
pub struct KeySource {
    pub keys: Keys,
    reload: Option<Reload>,
}

type Reload = Arc<dyn Fn() -> Result<Keys, BoxError> + Send + Sync>;

impl Credentials {
    /// Keys that never change.
    pub fn fixed(keys: Keys) -> Self {
        Self::Keys(KeySource { keys, reload: None })
    }

    /// Keys that `reload` reads again, in a blocking way, from where they came from.
    pub fn reloaded(keys: Keys, reload: impl Fn() -> Result<Keys, BoxError> + Send + Sync + 'static) -> Self {
        Self::Keys(KeySource {
            keys,
            reload: Some(Arc::new(reload)),
        })
    }

    /// The keys, unless the SDK finds them.
    pub fn keys(&self) -> Option<&Keys> {
        match self {
            Self::DefaultChain => None,
            Self::Keys(source) => Some(&source.keys),
        }
    }

    /// Returns the credentials as they are now in the place that they came from.
    pub(crate) fn read_again(&self) -> Result<Self, BoxError> {
        let mut credentials = self.clone();
        if let Self::Keys(KeySource {
            keys,
            reload: Some(reload),
        }) = &mut credentials
        {
            *keys = reload()?;
        }
        Ok(credentials)
    }

    /// Whether reading them again may give others.
    pub(crate) fn can_change(&self) -> bool {
        match self {
            Self::DefaultChain => true,
            Self::Keys(source) => source.reload.is_some(),
        }
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        let token = |keys: &Self| {
            keys.session_token
                .as_ref()
                .map(|token| token.expose_secret().to_owned())
        };
        self.access_key.expose_secret() == other.access_key.expose_secret()
            && self.secret.expose_secret() == other.secret.expose_secret()
            && token(self) == token(other)
    }
}

/// Compares the keys only: the same keys open the same store.
impl PartialEq for KeySource {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySource")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
