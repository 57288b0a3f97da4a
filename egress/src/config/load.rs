//! Loads the configuration from a file or from text, with overrides from the environment.

use std::{fs, net::IpAddr, path::PathBuf, time::Duration};

use boot::secret::SecretSource;
use secrecy::SecretString;
use serde_norway::Value;
use url::Url;

use super::{
    ConfigArgs, ConfigError, Drain, EgressConfig, SessionLimits, TrackscribeConfig, redis, section::Section, storage,
};

/// The default of `trackscribe.spool`.
const DEFAULT_SPOOL: &str = "/var/lib/trackscribe/spool";

/// The default of `trackscribe.max_recordings`. A machine with two cores was measured with 150 tracks on one
/// connection, and had capacity left.
const DEFAULT_MAX_RECORDINGS: usize = 200;

/// The default of `trackscribe.drain_timeout`. Under `up`, which waits 60 s in all, `egress.yaml` sets a shorter one, so
/// that uploads have time.
const DEFAULT_DRAIN: Duration = Duration::from_secs(30);

/// The default of `trackscribe.min_free_bytes`: what 200 recordings write within five minutes.
const DEFAULT_MIN_FREE: u64 = 500_000_000;

/// The default of `trackscribe.max_backlog_bytes`: what 200 recordings write within a minute and a half.
const DEFAULT_MAX_BACKLOG: u64 = 128 << 20;

/// The longest accepted `trackscribe.instance`, in characters, so that identities stay readable in logs and lists.
const MAX_INSTANCE: usize = 32;

/// LiveKit's keys for Chrome, video, processes and its media library, which have no effect here.
const KEYS_WITHOUT_EFFECT: &[&str] = &[
    "template_port",
    "template_base",
    "enable_chrome_sandbox",
    "chrome_flags",
    "insecure",
    "video_encoder_threads",
    "pulse_sink_reap_grace_sec",
    "debug_handler_port",
    "max_upload_queue",
    "disallow_local_storage",
    "io_create_timeout",
    "io_update_timeout",
    "io_selection_timeout",
    "io_workers",
    "cpu_cost",
    "latency",
    "latency_overrides",
    "enable_sync_engine",
    "enable_one_shot_sender_report_sync",
    "audio_tempo_controller",
    "debug",
    "test_overrides",
    "node_id",
    "s3_assume_role_key",
    "s3_assume_role_secret",
    "s3_assume_role_arn",
    "s3_assume_role_external_id",
];

impl EgressConfig {
    /// Loads the text or the file that `args` name.
    pub fn load(args: &ConfigArgs) -> Result<Self, ConfigError> {
        let text = match (&args.config_body, &args.config) {
            (Some(body), _) => secrecy::ExposeSecret::expose_secret(body).to_owned(),
            (None, Some(path)) => fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                path: path.display().to_string(),
                source,
            })?,
            (None, None) => return Err(ConfigError::None),
        };
        let mut config = Self::parse(&text, args)?;
        if let (None, Some(file), Some(storage)) = (&args.config_body, &args.config, &mut config.storage) {
            storage::reload_keys_from(file, storage);
        }
        Ok(config)
    }

    /// Parses `text`. The other values of `args` override it.
    pub fn parse(text: &str, args: &ConfigArgs) -> Result<Self, ConfigError> {
        let mut root = Section::root(serde_norway::from_str::<Value>(text)?)?;
        let mut warnings = Vec::new();
        root.refuse(
            "cluster_id",
            "remove it: livekit-server sends no requests to a worker that has one",
        )?;
        root.ignore(KEYS_WITHOUT_EFFECT);
        let config = Self {
            api_key: api_key(&mut root, args)?,
            api_secret: api_secret(&mut root, args)?,
            ws_url: ws_url(&mut root, args)?,
            redis: redis::read(&mut root, &mut warnings)?,
            storage: storage::read(&mut root, &mut warnings)?,
            log_level: log_level(&mut root, &mut warnings)?,
            health_port: root.integer("health_port", 7082)?.unwrap_or_default(),
            prometheus_port: root.integer("prometheus_port", 7084)?.unwrap_or_default(),
            limits: limits(&mut root, &mut warnings)?,
            trackscribe: trackscribe(&mut root, &mut warnings)?,
            warnings: Vec::new(),
        };
        root.finish(&mut warnings);
        Ok(Self { warnings, ..config })
    }
}

fn api_key(root: &mut Section, args: &ConfigArgs) -> Result<String, ConfigError> {
    let in_file = root.text("api_key")?;
    let key = args.api_key.clone().filter(|key| !key.is_empty()).or(in_file);
    key.ok_or(ConfigError::Unset {
        key: "api_key",
        variable: "LIVEKIT_API_KEY",
    })
}

fn api_secret(root: &mut Section, args: &ConfigArgs) -> Result<SecretString, ConfigError> {
    let (value, file) = (args.api_secret.as_ref(), args.api_secret_file.as_deref());
    let in_environment = SecretSource {
        name: "LIVEKIT_API_SECRET",
        value,
        file,
    }
    .optional()?;
    let in_file = root.secret("api_secret")?;
    in_environment.or(in_file).ok_or(ConfigError::Unset {
        key: "api_secret",
        variable: "LIVEKIT_API_SECRET",
    })
}

fn ws_url(root: &mut Section, args: &ConfigArgs) -> Result<Url, ConfigError> {
    let example = "ws://127.0.0.1:7880";
    let in_file = root.text("ws_url")?;
    let text = args.ws_url.clone().filter(|url| !url.is_empty()).or(in_file);
    let text = text.ok_or(ConfigError::Unset {
        key: "ws_url",
        variable: "LIVEKIT_WS_URL",
    })?;
    let url = Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "ws" | "wss" | "http" | "https"));
    url.ok_or_else(|| root.invalid("ws_url", "a URL that begins with ws:// or wss://", example))
}

fn log_level(root: &mut Section, warnings: &mut Vec<String>) -> Result<Option<String>, ConfigError> {
    let older = root.text("log_level")?;
    if older.is_some() {
        warnings.push("log_level is deprecated; use logging: {level: …}".into());
    }
    let Some(mut logging) = root.section("logging")? else {
        return checked_level(root, "log_level", older);
    };
    // The format of log lines is set by --log-format.
    logging.ignore(&[
        "json",
        "sample",
        "component_levels",
        "sample_initial",
        "sample_interval",
        "item_sample_seconds",
        "item_sample_initial",
        "item_sample_interval",
    ]);
    let level = logging.text("level")?.or(older);
    let level = checked_level(&logging, "level", level)?;
    logging.finish(warnings);
    Ok(level)
}

fn checked_level(section: &Section, key: &str, level: Option<String>) -> Result<Option<String>, ConfigError> {
    match level.as_deref() {
        None | Some("debug" | "info" | "warn" | "error") => Ok(level),
        Some(_) => Err(section.invalid(key, "debug, info, warn or error", "info")),
    }
}

fn limits(root: &mut Section, warnings: &mut Vec<String>) -> Result<SessionLimits, ConfigError> {
    let Some(mut section) = root.section("session_limits")? else {
        return Ok(SessionLimits::default());
    };
    section.ignore(&[
        "stream_output_max_duration",
        "segment_output_max_duration",
        "segment_output_max_size",
        "image_output_max_duration",
        "image_output_max_size",
    ]);
    let limits = SessionLimits {
        max_duration: section
            .duration("file_output_max_duration")?
            .filter(|limit| !limit.is_zero()),
        max_size_bytes: section
            .integer("file_output_max_size", 1_073_741_824_u64)?
            .filter(|limit| *limit > 0),
    };
    section.finish(warnings);
    Ok(limits)
}

fn trackscribe(root: &mut Section, warnings: &mut Vec<String>) -> Result<TrackscribeConfig, ConfigError> {
    let empty = || Section::root(Value::Null);
    let mut ours = root.section("trackscribe")?.map_or_else(empty, Ok)?;
    let config = TrackscribeConfig {
        instance: instance(&mut ours)?,
        spool: spool(&mut ours)?,
        max_recordings: max_recordings(&mut ours)?,
        decline: ours.flag("decline")?.unwrap_or(true),
        min_free_bytes: bytes(&mut ours, "min_free_bytes", DEFAULT_MIN_FREE)?,
        max_backlog_bytes: bytes(&mut ours, "max_backlog_bytes", DEFAULT_MAX_BACKLOG)?,
        drain: drain(&mut ours)?,
        drain_timeout: ours.duration("drain_timeout")?.unwrap_or(DEFAULT_DRAIN),
        bind: bind(&mut ours)?,
    };
    ours.finish(warnings);
    Ok(config)
}

fn instance(ours: &mut Section) -> Result<Option<String>, ConfigError> {
    let Some(instance) = ours.text("instance")? else {
        return Ok(None);
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if instance.len() > MAX_INSTANCE || !instance.chars().all(allowed) {
        return Err(ours.invalid(
            "instance",
            "up to 32 characters of a-z, A-Z, 0-9, '-' and '_'",
            "recorder-1",
        ));
    }
    Ok(Some(instance))
}

fn max_recordings(ours: &mut Section) -> Result<usize, ConfigError> {
    match ours.integer("max_recordings", DEFAULT_MAX_RECORDINGS)? {
        Some(0) => Err(ours.invalid("max_recordings", "above 0", DEFAULT_MAX_RECORDINGS)),
        max => Ok(max.unwrap_or(DEFAULT_MAX_RECORDINGS)),
    }
}

fn drain(ours: &mut Section) -> Result<Drain, ConfigError> {
    match ours.text("drain")?.as_deref() {
        None | Some("suspend") => Ok(Drain::Suspend),
        Some("finish") => Ok(Drain::Finish),
        Some(_) => Err(ours.invalid("drain", "suspend or finish", "suspend")),
    }
}

fn bytes(ours: &mut Section, key: &str, default: u64) -> Result<u64, ConfigError> {
    Ok(ours.integer(key, default)?.unwrap_or(default))
}

fn spool(ours: &mut Section) -> Result<PathBuf, ConfigError> {
    let spool = ours.path("spool")?.unwrap_or_else(|| PathBuf::from(DEFAULT_SPOOL));
    if spool.is_absolute() {
        Ok(spool)
    } else {
        Err(ours.invalid("spool", "an absolute path", DEFAULT_SPOOL))
    }
}

fn bind(ours: &mut Section) -> Result<IpAddr, ConfigError> {
    let text = ours.text("bind")?.unwrap_or_else(|| "127.0.0.1".to_owned());
    text.parse()
        .map_err(|_| ours.invalid("bind", "an IP address", "127.0.0.1"))
}
