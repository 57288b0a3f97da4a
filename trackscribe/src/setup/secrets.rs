//! The secrets of a stack. They are generated at the first start and read from `.env` afterwards.

use rand::{RngCore, distr::Alphanumeric, distr::SampleString};
use rtc::token::ApiKey;
use secrecy::SecretString;
use url::Url;

use super::EnvFile;

/// Random bytes of a secret. In hex they are longer than the 32 characters that LiveKit requires.
const SECRET_BYTES: usize = 32;

/// Characters after `API` in a LiveKit API key.
const KEY_CHARS: usize = 12;

/// The secrets of a stack. The id of LiveKit's API key is public: every token contains it.
#[derive(Clone, Debug)]
pub struct Secrets {
    pub livekit: ApiKey,
    pub redis_password: SecretString,
    pub postgres_password: SecretString,
    pub signing: SecretString,
}

impl Secrets {
    /// Reads the secrets from `.env` and generates the missing ones.
    pub fn from_env_or_new(env: &EnvFile) -> Self {
        let key = env
            .get("LIVEKIT_API_KEY")
            .filter(|key| !key.is_empty())
            .map(str::to_owned);
        let key = key.unwrap_or_else(|| format!("API{}", Alphanumeric.sample_string(&mut rand::rng(), KEY_CHARS)));
        let secret = env.secret("LIVEKIT_API_SECRET").unwrap_or_else(random);
        Self {
            livekit: ApiKey { key, secret },
            redis_password: password_in(env, "REDIS_URL").unwrap_or_else(random),
            signing: env.secret("TRACKSCRIBE_SIGNING_SECRET").unwrap_or_else(random),
            postgres_password: password_in(env, "DATABASE_URL").unwrap_or_else(random),
        }
    }
}

fn password_in(env: &EnvFile, name: &str) -> Option<SecretString> {
    let url = Url::parse(env.get(name)?).ok()?;
    url.password()
        .filter(|password| !password.is_empty())
        .map(SecretString::from)
}

/// Returns a secret in hex, which needs no quoting in files and URLs.
fn random() -> SecretString {
    let mut bytes = [0; SECRET_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    SecretString::from(hex::encode(bytes))
}
