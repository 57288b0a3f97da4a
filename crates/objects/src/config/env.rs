//! The store settings of server and worker.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Credentials, FolderConfig, Keys, S3Config, StoreConfig, StoreConfigError};

/// Region for signing S3 requests if none is set. Garage and MinIO accept it too.
const DEFAULT_REGION: &str = "us-east-1";

/// The store arguments, flattened into the command lines of `server` and `worker`.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Object store")]
pub struct StorageArgs {
    /// Folder for all objects, instead of S3: `file:///absolute/path`
    #[arg(long = "storage", env = "TRACKSCRIBE_STORAGE", value_name = "URL")]
    pub folder: Option<String>,
    /// File with PEM certificates to trust for the store, in addition to the system's
    #[arg(long = "storage-ca-file", env = "TRACKSCRIBE_STORAGE_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// URL of the store for browsers; if unset, the server streams audio itself
    #[arg(
        long = "storage-public-url",
        env = "TRACKSCRIBE_STORAGE_PUBLIC_URL",
        value_name = "URL"
    )]
    pub public_url: Option<Url>,
    #[command(flatten)]
    transcript: TranscriptArgs,
    #[command(flatten)]
    livekit: LivekitArgs,
}

/// One set of `…_STORAGE_AWS_*` variables. A macro, because clap wants each name as a literal, and `help`, because clap
/// ignores doc comments that are not literals.
macro_rules! bucket_args {
    ($name:ident, $flag:literal, $prefix:literal, $what:literal, $default:literal, $default_key:literal, $default_endpoint:literal) => {
        #[derive(Clone, Debug, Default, Args)]
        struct $name {
            #[arg(help = concat!("S3 bucket for ", $what, $default), id = concat!($flag, "-bucket"), long = concat!($flag, "-bucket"), env = concat!($prefix, "BUCKET_NAME"), value_name = "NAME")]
            bucket: Option<String>,
            #[arg(help = concat!("Region of the ", $what, " bucket", $default), id = concat!($flag, "-region"), long = concat!($flag, "-region"), env = concat!($prefix, "REGION"), value_name = "REGION")]
            region: Option<String>,
            #[arg(help = concat!("Access key id for the ", $what, " bucket", $default_key), id = concat!($flag, "-access-key"), env = concat!($prefix, "ACCESS_KEY_ID"), long = concat!($flag, "-access-key"), hide_env_values = true, value_name = "ID")]
            access_key: Option<SecretString>,
            #[arg(help = concat!("File with the access key id for the ", $what, " bucket", $default), id = concat!($flag, "-access-key-file"), long = concat!($flag, "-access-key-file"), env = concat!($prefix, "ACCESS_KEY_ID_FILE"), value_name = "FILE")]
            access_key_file: Option<PathBuf>,
            #[arg(help = concat!("Secret access key for the ", $what, " bucket", $default), id = concat!($flag, "-secret"), long = concat!($flag, "-secret"), env = concat!($prefix, "SECRET_ACCESS_KEY"), hide_env_values = true, hide = true, value_name = "SECRET")]
            secret: Option<SecretString>,
            #[arg(help = concat!("File with the secret access key for the ", $what, " bucket", $default), id = concat!($flag, "-secret-file"), long = concat!($flag, "-secret-file"), env = concat!($prefix, "SECRET_ACCESS_KEY_FILE"), value_name = "FILE")]
            secret_file: Option<PathBuf>,
            #[arg(help = concat!("URL of the S3 server of the ", $what, " bucket; defaults to ", $default_endpoint), id = concat!($flag, "-endpoint"), long = concat!($flag, "-endpoint"), env = concat!($prefix, "ENDPOINT_URL"), value_name = "URL")]
            endpoint: Option<Url>,
        }

        impl $name {
            fn bucket(&self) -> BucketArgs<'_> {
                BucketArgs {
                    prefix: $prefix,
                    bucket: self.bucket.as_deref(),
                    region: self.region.as_deref(),
                    access_key: Secret { value: self.access_key.as_ref(), file: self.access_key_file.as_deref() },
                    secret: Secret { value: self.secret.as_ref(), file: self.secret_file.as_deref() },
                    endpoint: self.endpoint.as_ref(),
                }
            }
        }
    };
}

bucket_args!(
    TranscriptArgs,
    "transcript-storage",
    "TRANSCRIPT_STORAGE_AWS_",
    "transcripts",
    "",
    "; if no key is set, the AWS SDK's default chain finds the credentials",
    "Amazon S3"
);
bucket_args!(
    LivekitArgs,
    "livekit-storage",
    "LIVEKIT_STORAGE_AWS_",
    "recordings",
    "; defaults to that of transcripts",
    "; defaults to that of transcripts",
    "that of transcripts"
);

impl StorageArgs {
    /// Returns the store of transcripts.
    pub fn transcripts(&self) -> Result<StoreConfig, StoreConfigError> {
        self.store(self.transcript.bucket())
    }

    /// Returns the store of recordings. Unset values default to those of the store of transcripts.
    pub fn recordings(&self) -> Result<StoreConfig, StoreConfigError> {
        self.store(self.livekit.bucket().or(self.transcript.bucket()))
    }

    fn store(&self, bucket: BucketArgs<'_>) -> Result<StoreConfig, StoreConfigError> {
        match (self.folder.as_deref(), bucket.bucket) {
            (Some(_), Some(_)) => Err(StoreConfigError::FolderAndBucket(format!(
                "{}BUCKET_NAME",
                bucket.prefix
            ))),
            (Some(url), None) => Ok(StoreConfig::Folder(FolderConfig::from_url(url)?)),
            (None, Some(name)) => self.s3(name, bucket).map(StoreConfig::S3),
            (None, None) => Err(StoreConfigError::NotSet(TRANSCRIPT_PREFIX)),
        }
    }

    fn s3(&self, name: &str, bucket: BucketArgs<'_>) -> Result<S3Config, StoreConfigError> {
        Ok(S3Config {
            bucket: name.to_owned(),
            region: bucket.region.unwrap_or(DEFAULT_REGION).to_owned(),
            credentials: bucket.credentials()?,
            endpoint: bucket.endpoint.cloned(),
            force_path_style: bucket.endpoint.is_some(),
            ca_file: self.ca_file.clone(),
            public_url: self.public_url.clone(),
        })
    }
}

const TRANSCRIPT_PREFIX: &str = "TRANSCRIPT_STORAGE_AWS_";

/// The settings of one bucket.
#[derive(Clone, Copy, Default)]
struct BucketArgs<'a> {
    prefix: &'static str,
    bucket: Option<&'a str>,
    region: Option<&'a str>,
    access_key: Secret<'a>,
    secret: Secret<'a>,
    endpoint: Option<&'a Url>,
}

#[derive(Clone, Copy, Default)]
struct Secret<'a> {
    value: Option<&'a SecretString>,
    file: Option<&'a Path>,
}

impl<'a> BucketArgs<'a> {
    fn or(self, other: Self) -> Self {
        Self {
            prefix: self.prefix,
            bucket: self.bucket.or(other.bucket),
            region: self.region.or(other.region),
            access_key: self.access_key.or(other.access_key),
            secret: self.secret.or(other.secret),
            endpoint: self.endpoint.or(other.endpoint),
        }
    }
}

impl BucketArgs<'_> {
    /// Returns the keys, or the SDK's chain if none are set.
    fn credentials(&self) -> Result<Credentials, StoreConfigError> {
        if !self.access_key.is_set() && !self.secret.is_set() {
            return Ok(Credentials::DefaultChain);
        }
        let keys = self.keys()?;
        if self.access_key.file.is_none() && self.secret.file.is_none() {
            return Ok(Credentials::fixed(keys));
        }
        let (prefix, access_key, secret) = (self.prefix, self.access_key.to_owned(), self.secret.to_owned());
        Ok(Credentials::reloaded(keys, move || {
            let args = BucketArgs {
                prefix,
                access_key: access_key.borrow(),
                secret: secret.borrow(),
                ..BucketArgs::default()
            };
            Ok(args.keys()?)
        }))
    }

    fn keys(&self) -> Result<Keys, StoreConfigError> {
        Ok(Keys {
            access_key: self.access_key.read(self.prefix, "ACCESS_KEY_ID")?,
            secret: self.secret.read(self.prefix, "SECRET_ACCESS_KEY")?,
            session_token: None,
        })
    }
}

/// A secret, or the file that contains it, kept to read it again.
struct OwnedSecret {
    value: Option<SecretString>,
    file: Option<PathBuf>,
}

impl OwnedSecret {
    fn borrow(&self) -> Secret<'_> {
        Secret {
            value: self.value.as_ref(),
            file: self.file.as_deref(),
        }
    }
}

impl Secret<'_> {
    fn or(self, other: Self) -> Self {
        if self.value.is_some() || self.file.is_some() {
            self
        } else {
            other
        }
    }

    /// Whether there is a value. An empty variable counts as unset.
    fn is_set(self) -> bool {
        self.file.is_some() || self.value.is_some_and(|value| !value.expose_secret().is_empty())
    }

    fn to_owned(self) -> OwnedSecret {
        OwnedSecret {
            value: self.value.cloned(),
            file: self.file.map(Path::to_owned),
        }
    }

    fn read(self, prefix: &str, name: &str) -> Result<SecretString, StoreConfigError> {
        let name = format!("{prefix}{name}");
        match (self.value, self.file) {
            (Some(_), Some(_)) => Err(StoreConfigError::ValueAndFile(name)),
            (Some(value), None) if !value.expose_secret().is_empty() => Ok(value.clone()),
            (_, None) => Err(StoreConfigError::Missing(name)),
            (None, Some(file)) => read_file(name, file),
        }
    }
}

fn read_file(name: String, file: &Path) -> Result<SecretString, StoreConfigError> {
    let path = file.display().to_string();
    let text = fs::read_to_string(file).map_err(|source| StoreConfigError::Unreadable { name, path, source })?;
    Ok(SecretString::from(text.trim()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        storage: StorageArgs,
    }

    fn parse(args: &[&str]) -> StorageArgs {
        Cli::try_parse_from([&["test"], args].concat()).unwrap().storage
    }

    const TRANSCRIPTS: [&str; 5] = [
        "--transcript-storage-bucket=texts",
        "--transcript-storage-region=garage",
        "--transcript-storage-access-key=GK1",
        "--transcript-storage-secret=hush",
        "--transcript-storage-endpoint=http://127.0.0.1:3900",
    ];

    #[test]
    fn a_folder_holds_recordings_and_transcripts() {
        let args = parse(&["--storage=file:///srv/objects"]);

        for store in [args.transcripts().unwrap(), args.recordings().unwrap()] {
            let StoreConfig::Folder(folder) = store else {
                panic!("{store:?}")
            };
            assert_eq!(folder.root, Path::new("/srv/objects"));
        }
    }

    #[test]
    fn unset_values_of_the_recordings_store_default_to_the_transcripts_store() {
        let args = parse(&[&TRANSCRIPTS[..], &["--livekit-storage-bucket=audio"]].concat());

        let StoreConfig::S3(texts) = args.transcripts().unwrap() else {
            panic!("S3")
        };
        let StoreConfig::S3(audio) = args.recordings().unwrap() else {
            panic!("S3")
        };

        assert_eq!((texts.bucket.as_str(), audio.bucket.as_str()), ("texts", "audio"));
        let access_key = audio.credentials.keys().unwrap().access_key.expose_secret();
        assert_eq!((audio.region.as_str(), access_key), ("garage", "GK1"));
        assert!(audio.force_path_style && audio.endpoint == texts.endpoint);
    }

    #[test]
    fn invalid_settings_are_reported_with_their_variable() {
        let table = [
            (parse(&[]), "TRANSCRIPT_STORAGE_AWS_BUCKET_NAME"),
            (parse(&["--storage=s3://bucket"]), "TRACKSCRIBE_STORAGE"),
            (parse(&["--storage=objects"]), "TRACKSCRIBE_STORAGE"),
            (
                parse(&["--storage=file:///o", "--transcript-storage-bucket=b"]),
                "TRANSCRIPT_STORAGE_AWS_BUCKET_NAME",
            ),
            (parse(&TRANSCRIPTS[..3]), "TRANSCRIPT_STORAGE_AWS_SECRET_ACCESS_KEY"),
            (
                parse(&[&TRANSCRIPTS[..2], &["--transcript-storage-secret=hush"]].concat()),
                "TRANSCRIPT_STORAGE_AWS_ACCESS_KEY_ID",
            ),
            (
                parse(&[&TRANSCRIPTS[..3], &["--transcript-storage-secret-file=/nowhere"]].concat()),
                "TRANSCRIPT_STORAGE_AWS_SECRET_ACCESS_KEY_FILE",
            ),
        ];

        for (args, variable) in table {
            let error = args.transcripts().unwrap_err().to_string();
            assert!(error.contains(variable) && !error.contains("hush"), "{error}");
        }
    }

    fn credentials(args: &[&str]) -> Credentials {
        match parse(args).transcripts().unwrap() {
            StoreConfig::S3(s3) => s3.credentials,
            folder => panic!("{folder:?}"),
        }
    }

    #[test]
    fn without_keys_the_sdk_finds_the_credentials() {
        let credentials = credentials(&TRANSCRIPTS[..2]);

        assert_eq!(credentials, Credentials::DefaultChain);
    }

    #[test]
    fn keys_in_files_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "old\n").unwrap();
        let file = format!("--transcript-storage-secret-file={}", path.display());
        let read = credentials(&[&TRANSCRIPTS[..3], &[&file]].concat());

        fs::write(&path, "new\n").unwrap();
        let again = read.read_again().unwrap();
        fs::remove_file(&path).unwrap();

        let secret = |of: &Credentials| of.keys().unwrap().secret.expose_secret().to_owned();
        assert_eq!((secret(&read), secret(&again)), ("old".into(), "new".into()));
        assert!(read.can_change() && read.read_again().is_err());
        assert!(!credentials(&TRANSCRIPTS).can_change());
    }

    #[test]
    fn debug_output_contains_no_secret() {
        let args = parse(&TRANSCRIPTS);

        let printed = format!("{args:?} {:?}", args.transcripts().unwrap());

        assert!(!printed.contains("hush") && !printed.contains("GK1"), "{printed}");
    }
}
