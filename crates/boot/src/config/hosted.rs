//! Settings of the platforms that others run: Daily and Whereby.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use url::Url;

use super::ConfigErrors;
use crate::secret::SecretSource;

/// Command-line arguments and variables of Daily.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct DailyArgs {
    /// API key of the Daily domain
    #[arg(long, env = "DAILY_API_KEY", hide_env_values = true, hide = true, value_name = "KEY")]
    pub daily_api_key: Option<SecretString>,
    /// File with the API key of the Daily domain
    #[arg(long, env = "DAILY_API_KEY_FILE", value_name = "FILE")]
    pub daily_api_key_file: Option<PathBuf>,
    /// Secret that signs Daily's webhooks: 16 random bytes or more, in base64. Several, separated by commas, are all accepted
    #[arg(
        long,
        env = "DAILY_WEBHOOK_SECRET",
        hide_env_values = true,
        hide = true,
        value_name = "SECRET"
    )]
    pub daily_webhook_secret: Option<SecretString>,
    /// File with the secret that signs Daily's webhooks, or with one in each line
    #[arg(long, env = "DAILY_WEBHOOK_SECRET_FILE", value_name = "FILE")]
    pub daily_webhook_secret_file: Option<PathBuf>,
    /// URL of Daily's API, if it is reached through a proxy
    #[arg(long, env = "DAILY_API_URL", value_name = "URL")]
    pub daily_api_url: Option<Url>,
}

/// Command-line arguments and variables of Whereby.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct WherebyArgs {
    /// API key of the Whereby organization
    #[arg(
        long,
        env = "WHEREBY_API_KEY",
        hide_env_values = true,
        hide = true,
        value_name = "KEY"
    )]
    pub whereby_api_key: Option<SecretString>,
    /// File with the API key of the Whereby organization
    #[arg(long, env = "WHEREBY_API_KEY_FILE", value_name = "FILE")]
    pub whereby_api_key_file: Option<PathBuf>,
    /// Secret that signs Whereby's webhooks, from its dashboard. Several, separated by commas, are all accepted
    #[arg(
        long,
        env = "WHEREBY_WEBHOOK_SECRET",
        hide_env_values = true,
        hide = true,
        value_name = "SECRET"
    )]
    pub whereby_webhook_secret: Option<SecretString>,
    /// File with the secret that signs Whereby's webhooks, or with one in each line
    #[arg(long, env = "WHEREBY_WEBHOOK_SECRET_FILE", value_name = "FILE")]
    pub whereby_webhook_secret_file: Option<PathBuf>,
    /// URL of Whereby's API, if it is reached through a proxy
    #[arg(long, env = "WHEREBY_API_URL", value_name = "URL")]
    pub whereby_api_url: Option<Url>,
}

/// The checked settings of a hosted platform.
#[derive(Clone, Debug)]
pub struct HostedApi {
    pub key: SecretString,
    /// At least one.
    pub webhook_secrets: Vec<SecretString>,
    /// Without a trailing slash; the platform's own if `None`.
    pub url: Option<String>,
}

/// The sources of a hosted platform's settings.
struct Sources<'a> {
    key: SecretSource<'a>,
    webhook_secret: SecretSource<'a>,
    url_name: &'a str,
    url: Option<&'a Url>,
}

impl DailyArgs {
    /// The variables that Daily needs. If none of them is set, Daily is not used.
    pub const VARIABLES: &'static [&'static str] = &["DAILY_API_KEY", "DAILY_WEBHOOK_SECRET"];

    /// Returns the settings, or adds an error for each invalid or missing one. If none is set, returns `None` and adds no
    /// error: Daily is not used.
    pub fn check(&self, errors: &mut ConfigErrors) -> Option<HostedApi> {
        self.sources().check(errors)
    }

    /// Whether a variable of Daily is set.
    pub fn is_set(&self) -> bool {
        self.sources().is_set()
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            key: SecretSource {
                name: "DAILY_API_KEY",
                value: self.daily_api_key.as_ref(),
                file: self.daily_api_key_file.as_deref(),
            },
            webhook_secret: SecretSource {
                name: "DAILY_WEBHOOK_SECRET",
                value: self.daily_webhook_secret.as_ref(),
                file: self.daily_webhook_secret_file.as_deref(),
            },
            url_name: "DAILY_API_URL",
            url: self.daily_api_url.as_ref(),
        }
    }
}

impl WherebyArgs {
    /// The variables that Whereby needs. If none of them is set, Whereby is not used.
    pub const VARIABLES: &'static [&'static str] = &["WHEREBY_API_KEY", "WHEREBY_WEBHOOK_SECRET"];

    /// Returns the settings, or adds an error for each invalid or missing one. If none is set, returns `None` and adds no
    /// error: Whereby is not used.
    pub fn check(&self, errors: &mut ConfigErrors) -> Option<HostedApi> {
        self.sources().check(errors)
    }

    /// Whether a variable of Whereby is set.
    pub fn is_set(&self) -> bool {
        self.sources().is_set()
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            key: SecretSource {
                name: "WHEREBY_API_KEY",
                value: self.whereby_api_key.as_ref(),
                file: self.whereby_api_key_file.as_deref(),
            },
            webhook_secret: SecretSource {
                name: "WHEREBY_WEBHOOK_SECRET",
                value: self.whereby_webhook_secret.as_ref(),
                file: self.whereby_webhook_secret_file.as_deref(),
            },
            url_name: "WHEREBY_API_URL",
            url: self.whereby_api_url.as_ref(),
        }
    }
}

impl Sources<'_> {
    fn is_set(&self) -> bool {
        let given = |source: &SecretSource<'_>| source.value.is_some() || source.file.is_some();
        given(&self.key) || given(&self.webhook_secret) || self.url.is_some()
    }

    fn check(&self, errors: &mut ConfigErrors) -> Option<HostedApi> {
        if !self.is_set() {
            return None;
        }
        let key = errors.ok(self.key.required());
        let webhook_secrets = errors.ok(self.webhook_secret.required_list());
        let url = self.url.map(|url| url.as_str().trim_end_matches('/').to_owned());
        if let Some(url) = self.url.filter(|url| !matches!(url.scheme(), "http" | "https")) {
            errors.add(format!("{}={url} must start with https:// or http://", self.url_name));
            return None;
        }
        Some(HostedApi {
            key: key?,
            webhook_secrets: webhook_secrets?,
            url,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &DailyArgs) -> (Option<HostedApi>, String) {
        let mut errors = ConfigErrors::default();
        let api = args.check(&mut errors);
        (api, errors.into_error("the settings").to_string())
    }

    #[test]
    fn a_platform_without_any_setting_is_not_used_and_half_of_them_is_an_error() {
        let nothing = DailyArgs::default();
        let half = DailyArgs {
            daily_api_key: Some("key".into()),
            ..DailyArgs::default()
        };
        let whole = DailyArgs {
            daily_webhook_secret: Some("new,old".into()),
            ..half.clone()
        };
        let wrong_url = DailyArgs {
            daily_api_url: Some("ftp://daily.test".parse().unwrap()),
            ..whole.clone()
        };

        assert!(check(&nothing).0.is_none() && !check(&nothing).1.contains("DAILY"));
        assert!(check(&half).0.is_none() && check(&half).1.contains("DAILY_WEBHOOK_SECRET is not set"));
        assert_eq!(check(&whole).0.unwrap().webhook_secrets.len(), 2);
        assert!(check(&wrong_url).1.contains("DAILY_API_URL"));
    }
}
