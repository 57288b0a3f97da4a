//! Settings of LiveKit's API.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use url::Url;

use super::ConfigErrors;
use crate::secret::SecretSource;

/// Command-line arguments and variables of LiveKit's API.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct LivekitApiArgs {
    /// URL of LiveKit for Trackscribe's own calls, for example ws://127.0.0.1:7880
    #[arg(long, env = "LIVEKIT_URL", value_name = "URL")]
    pub livekit_url: Option<Url>,
    /// Id of the LiveKit API key
    #[arg(long, env = "LIVEKIT_API_KEY", value_name = "ID")]
    pub livekit_api_key: Option<String>,
    /// Secret of the LiveKit API key
    #[arg(
        long,
        env = "LIVEKIT_API_SECRET",
        hide_env_values = true,
        hide = true,
        value_name = "SECRET"
    )]
    pub livekit_api_secret: Option<SecretString>,
    /// File with the secret of the LiveKit API key
    #[arg(long, env = "LIVEKIT_API_SECRET_FILE", value_name = "FILE")]
    pub livekit_api_secret_file: Option<PathBuf>,
}

/// The checked settings of LiveKit's API.
#[derive(Clone, Debug)]
pub struct LivekitApi {
    /// Without a trailing slash.
    pub url: String,
    pub key: String,
    pub secret: SecretString,
}

impl LivekitApiArgs {
    /// The variables that LiveKit needs. If none of them is set, LiveKit is not used.
    pub const VARIABLES: &'static [&'static str] = &["LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"];

    /// Returns the settings, or adds an error for each invalid or missing one. If none is set, returns `None` and adds no
    /// error: LiveKit is not used.
    pub fn check(&self, errors: &mut ConfigErrors) -> Option<LivekitApi> {
        if !self.is_set() {
            return None;
        }
        let schemes = ["ws", "wss", "http", "https"];
        let url = livekit_url(errors, "LIVEKIT_URL", self.livekit_url.as_ref(), &schemes);
        let key = self.livekit_api_key.clone().filter(|key| !key.is_empty());
        if key.is_none() {
            errors.add("LIVEKIT_API_KEY is not set; set it to the id of a key in livekit.yaml");
        }
        let source = SecretSource {
            name: "LIVEKIT_API_SECRET",
            value: self.livekit_api_secret.as_ref(),
            file: self.livekit_api_secret_file.as_deref(),
        };
        let secret = errors.ok(source.required());
        Some(LivekitApi {
            url: url?,
            key: key?,
            secret: secret?,
        })
    }

    /// Whether a variable of LiveKit's API is set.
    pub fn is_set(&self) -> bool {
        self.livekit_url.is_some()
            || self.livekit_api_key.as_ref().is_some_and(|key| !key.is_empty())
            || self.livekit_api_secret.is_some()
            || self.livekit_api_secret_file.is_some()
    }
}

/// Returns the URL in the variable `name` without a trailing slash, or adds an error.
pub fn livekit_url(errors: &mut ConfigErrors, name: &str, url: Option<&Url>, schemes: &[&str]) -> Option<String> {
    let Some(url) = url else {
        errors.add(format!("{name} is not set; example: ws://127.0.0.1:7880"));
        return None;
    };
    if !schemes.contains(&url.scheme()) {
        errors.add(format!(
            "{name}={url} must start with one of: {}://",
            schemes.join("://, ")
        ));
        return None;
    }
    Some(url.as_str().trim_end_matches('/').to_owned())
}
