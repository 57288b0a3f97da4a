//! How LiveKit's API is reached.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use url::Url;

use super::ConfigErrors;
use crate::secret::SecretSource;

#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct LivekitApiArgs {
    /// How we reach LiveKit, for example ws://127.0.0.1:7880
    #[arg(long, env = "LIVEKIT_URL", value_name = "URL")]
    pub livekit_url: Option<Url>,
    /// The id of the API key
    #[arg(long, env = "LIVEKIT_API_KEY", value_name = "ID")]
    pub livekit_api_key: Option<String>,
    /// The secret of the API key; from the environment rather, an argument is seen by all
    #[arg(
        long,
        env = "LIVEKIT_API_SECRET",
        hide_env_values = true,
        hide = true,
        value_name = "SECRET"
    )]
    pub livekit_api_secret: Option<SecretString>,
    /// File that holds the secret of the API key
    #[arg(long, env = "LIVEKIT_API_SECRET_FILE", value_name = "FILE")]
    pub livekit_api_secret_file: Option<PathBuf>,
}

/// The same, checked.
#[derive(Clone, Debug)]
pub struct LivekitApi {
    /// Without a slash at the end.
    pub url: String,
    pub key: String,
    pub secret: SecretString,
}

impl LivekitApiArgs {
    /// How to reach it, or a problem more for each thing that is wrong.
    pub fn check(&self, errors: &mut ConfigErrors) -> Option<LivekitApi> {
        let schemes = ["ws", "wss", "http", "https"];
        let url = livekit_url(errors, "LIVEKIT_URL", self.livekit_url.as_ref(), &schemes);
        let key = self.livekit_api_key.clone().filter(|key| !key.is_empty());
        if key.is_none() {
            errors.add("LIVEKIT_API_KEY is not set; set it to the id of a key of livekit.yaml");
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
}

/// The address in the variable `name` without a slash at its end, or one problem more.
pub fn livekit_url(errors: &mut ConfigErrors, name: &str, url: Option<&Url>, schemes: &[&str]) -> Option<String> {
    let Some(url) = url else {
        errors.add(format!("{name} is not set; an example: ws://127.0.0.1:7880"));
        return None;
    };
    if !schemes.contains(&url.scheme()) {
        errors.add(format!(
            "{name}={url} must begin with one of: {}://",
            schemes.join("://, ")
        ));
        return None;
    }
    Some(url.as_str().trim_end_matches('/').to_owned())
}
