//! `storage`: the store of recordings whose request names none.

use std::{fs, path::Path};

use domain::object_key::{MAX_PREFIX_LEN, fit};
use objects::{BoxError, Credentials, FolderConfig, Keys, S3Config};
use url::Url;

pub use objects::StoreConfig;

use super::{error::ConfigError, section::Section};

/// The S3 region if none is configured.
pub const DEFAULT_REGION: &str = "us-east-1";

/// What a key looks like, for messages.
const EXAMPLE_KEY: &str = "GK0123456789abcdef";

/// The remedy for stores that this worker does not support.
const ONLY_S3_OR_FILE: &str = "use storage.s3 or storage.file";

/// The configured store.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// The first part of every key, also in stores that requests name.
    pub prefix: String,
    /// If `None`, every request must name its store.
    pub store: Option<StoreConfig>,
}

/// Reads `storage`, or the older `s3` at the root.
pub fn read(root: &mut Section, warnings: &mut Vec<String>) -> Result<Option<StorageConfig>, ConfigError> {
    root.refuse("backup", "remove it: backup stores are not implemented yet")?;
    let older = root.section("s3")?;
    let storage = match (root.section("storage")?, older) {
        (Some(_), Some(_)) => {
            return Err(ConfigError::Both {
                new: "storage.s3",
                old: "s3",
            });
        }
        (None, Some(s3)) => {
            warnings.push("s3 is deprecated; move it to storage.s3".into());
            let store = Some(StoreConfig::S3(s3_config(s3, warnings)?));
            StorageConfig {
                prefix: String::new(),
                store,
            }
        }
        (Some(storage), None) => storage_section(storage, warnings)?,
        (None, None) => return Ok(None),
    };
    Ok(Some(storage))
}

/// Reads the keys of the store again from `file` once the store denies them: they may have been replaced there.
pub fn reload_keys_from(file: &Path, storage: &mut StorageConfig) {
    let Some(StoreConfig::S3(s3)) = &mut storage.store else {
        return;
    };
    let file = file.to_owned();
    if let Some(keys) = s3.credentials.keys().cloned() {
        s3.credentials = Credentials::reloaded(keys, move || keys_in(&file));
    }
}

fn keys_in(file: &Path) -> Result<Keys, BoxError> {
    let text = fs::read_to_string(file)?;
    let mut root = Section::root(serde_norway::from_str(&text)?)?;
    let store = read(&mut root, &mut Vec::new())?.and_then(|storage| storage.store);
    match &store {
        Some(StoreConfig::S3(s3)) => s3
            .credentials
            .keys()
            .cloned()
            .ok_or_else(|| "the file has no keys".into()),
        _ => Err("the file names no S3 store".into()),
    }
}

fn storage_section(mut storage: Section, warnings: &mut Vec<String>) -> Result<StorageConfig, ConfigError> {
    storage.refuse("generate_presigned_url", "remove it: presigned URLs are not supported")?;
    for provider in ["azure", "gcp", "alioss"] {
        storage.refuse(provider, ONLY_S3_OR_FILE)?;
    }
    let prefix = prefix(&mut storage)?;
    let store = match (storage.section("s3")?, storage.section("file")?) {
        (Some(_), Some(_)) => {
            return Err(ConfigError::Both {
                new: "storage.file",
                old: "storage.s3",
            });
        }
        (Some(s3), None) => Some(StoreConfig::S3(s3_config(s3, warnings)?)),
        (None, Some(file)) => Some(StoreConfig::Folder(folder_config(file, warnings)?)),
        (None, None) => None,
    };
    storage.finish(warnings);
    Ok(StorageConfig { prefix, store })
}

/// Reads the prefix, without slashes at its ends.
fn prefix(storage: &mut Section) -> Result<String, ConfigError> {
    let prefix = storage.text("prefix")?.unwrap_or_default().trim_matches('/').to_owned();
    let is_short = prefix.len() <= MAX_PREFIX_LEN && fit(&prefix, "") == prefix;
    if prefix.is_empty() || is_short && domain::ObjectKey::parse(prefix.as_str()).is_ok() {
        return Ok(prefix);
    }
    Err(storage.invalid("prefix", "a short path without '..'", "recordings"))
}

fn folder_config(mut file: Section, warnings: &mut Vec<String>) -> Result<FolderConfig, ConfigError> {
    let example = "/var/lib/trackscribe/objects";
    let root = file.path("root")?.ok_or_else(|| file.missing("root", example))?;
    if !root.is_absolute() {
        return Err(file.invalid("root", "an absolute path", example));
    }
    file.finish(warnings);
    Ok(FolderConfig { root })
}

fn s3_config(mut s3: Section, warnings: &mut Vec<String>) -> Result<S3Config, ConfigError> {
    for key in [
        "assume_role_arn",
        "assume_role_external_id",
        "proxy_config",
        "tagging",
        "content_disposition",
    ] {
        s3.refuse(key, "remove it: this worker does not support it")?;
    }
    s3.refuse("metadata", "remove it: this worker does not support it")?;
    s3.ignore(&["max_retries", "max_retry_delay", "min_retry_delay", "aws_log_level"]);
    let config = S3Config {
        bucket: s3.text("bucket")?.ok_or_else(|| s3.missing("bucket", "recordings"))?,
        region: s3.text("region")?.unwrap_or_else(|| DEFAULT_REGION.to_owned()),
        credentials: credentials(&mut s3)?,
        endpoint: endpoint(&mut s3)?,
        force_path_style: s3.flag("force_path_style")?.unwrap_or_default(),
        ca_file: s3.path("ca_file")?,
        public_url: None,
    };
    s3.finish(warnings);
    Ok(config)
}

/// Reads the keys. Without any, the AWS SDK finds the credentials, as in LiveKit's worker.
fn credentials(s3: &mut Section) -> Result<Credentials, ConfigError> {
    let (access_key, secret) = (s3.secret("access_key")?, s3.secret("secret")?);
    let session_token = s3.secret("session_token")?;
    match (access_key, secret) {
        (None, None) if session_token.is_none() => Ok(Credentials::DefaultChain),
        (None, _) => Err(s3.missing("access_key", EXAMPLE_KEY)),
        (_, None) => Err(s3.missing("secret", EXAMPLE_KEY)),
        (Some(access_key), Some(secret)) => Ok(Credentials::fixed(Keys {
            access_key,
            secret,
            session_token,
        })),
    }
}

fn endpoint(s3: &mut Section) -> Result<Option<Url>, ConfigError> {
    let Some(text) = s3.text("endpoint")? else {
        return Ok(None);
    };
    let url = endpoint_url(&text).ok_or_else(|| s3.invalid("endpoint", "a URL", "http://127.0.0.1:3900"))?;
    Ok(Some(url))
}

/// Parses an S3 endpoint. As in LiveKit's configuration, the default scheme is `https://`.
pub fn endpoint_url(text: &str) -> Option<Url> {
    let has_scheme = text.starts_with("http://") || text.starts_with("https://");
    let text = if has_scheme {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    Url::parse(&text).ok().filter(Url::has_host)
}
