//! Tests of the configuration as a whole: what is read, what is refused, and with which message.

use secrecy::{ExposeSecret, SecretString};

use super::*;

const MINIMAL: &str = "api_key: k\napi_secret: hush\nws_url: ws://lk:7880\nredis: {address: 'r:6380'}\n";

fn parse(text: &str) -> Result<EgressConfig, ConfigError> {
    EgressConfig::parse(text, &ConfigArgs::default())
}

fn with_lines(more: &str) -> Result<EgressConfig, ConfigError> {
    parse(&format!("{MINIMAL}{more}"))
}

#[test]
fn the_template_in_the_repository_is_valid_unchanged() {
    let config = parse(include_str!("../../../egress.yaml")).unwrap();

    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(matches!(config.storage.unwrap().store, Some(StoreConfig::Folder(_))));
    assert_eq!((config.health_port, config.prometheus_port), (7082, 7084));
    assert_eq!(config.trackscribe.drain, Drain::Suspend);
    assert_eq!(config.trackscribe.drain_timeout, Duration::from_secs(5));
    let defaults = parse(MINIMAL).unwrap().trackscribe;
    assert_eq!(config.trackscribe.min_free_bytes, defaults.min_free_bytes);
    assert_eq!(config.trackscribe.max_backlog_bytes, defaults.max_backlog_bytes);
}

#[test]
fn recordings_are_suspended_unless_they_are_to_be_finished() {
    let drain = |value: &str| with_lines(&format!("trackscribe: {{drain: {value}}}\n"));

    assert_eq!(parse(MINIMAL).unwrap().trackscribe.drain, Drain::Suspend);
    assert_eq!(drain("suspend").unwrap().trackscribe.drain, Drain::Suspend);
    assert_eq!(drain("finish").unwrap().trackscribe.drain, Drain::Finish);
    assert!(drain("later").unwrap_err().to_string().contains("trackscribe.drain"));
    assert!(with_lines("trackscribe: {min_free_bytes: -1}\n").is_err());
}

#[test]
fn four_keys_are_enough() {
    let config = parse(MINIMAL).unwrap();

    assert_eq!(
        (config.redis.host.as_str(), config.redis.port, config.redis.db),
        ("r", 6380, 0)
    );
    assert!(config.storage.is_none() && config.redis.tls.is_none());
    assert_eq!((config.health_port, config.prometheus_port), (0, 0));
    assert!(config.trackscribe.decline);
    assert_eq!(config.trackscribe.instance, None);
}

#[test]
fn the_environment_overrides_the_file() {
    let args = ConfigArgs {
        api_key: Some("env-key".into()),
        api_secret: Some(SecretString::from("env-secret")),
        ws_url: Some("wss://env".into()),
        ..Default::default()
    };

    let config = EgressConfig::parse(MINIMAL, &args).unwrap();

    assert_eq!(
        (config.api_key.as_str(), config.api_secret.expose_secret()),
        ("env-key", "env-secret")
    );
    assert_eq!(config.ws_url.as_str(), "wss://env/");
}

#[test]
fn the_body_overrides_the_file_and_one_of_them_is_required() {
    let args = ConfigArgs {
        config: Some("/nowhere".into()),
        config_body: Some(SecretString::from(MINIMAL)),
        ..Default::default()
    };
    let only_file = ConfigArgs {
        config: Some("/nowhere".into()),
        ..Default::default()
    };

    assert_eq!(EgressConfig::load(&args).unwrap().api_key, "k");
    assert!(matches!(
        EgressConfig::load(&only_file),
        Err(ConfigError::Unreadable { .. })
    ));
    assert!(
        EgressConfig::load(&ConfigArgs::default())
            .unwrap_err()
            .to_string()
            .contains("--config")
    );
}

#[test]
fn s3_is_read_under_its_new_and_its_deprecated_name() {
    let s3 = "bucket: b, access_key: a, secret: s, endpoint: 'http://h:3900', force_path_style: true, max_retries: 3";
    let new = with_lines(&format!("storage: {{prefix: /calls/, s3: {{{s3}}}}}\n")).unwrap();
    let old = with_lines(&format!("s3: {{{s3}}}\n")).unwrap();

    for (config, prefix, warnings) in [(new, "calls", 0), (old, "", 1)] {
        let storage = config.storage.unwrap();
        let Some(StoreConfig::S3(s3)) = storage.store else {
            panic!("no S3")
        };
        assert_eq!(
            (storage.prefix.as_str(), s3.bucket.as_str(), s3.region.as_str()),
            (prefix, "b", "us-east-1")
        );
        assert!(s3.force_path_style && s3.endpoint.unwrap().as_str() == "http://h:3900/");
        assert_eq!(config.warnings.len(), warnings, "{:?}", config.warnings);
    }
}

#[test]
fn warnings_name_unknown_keys_but_not_livekits_unused_ones() {
    let config =
        with_lines("colour: red\ncpu_cost: {track_cpu_cost: 0.5}\ntemplate_port: 7980\ntrackscribe: {spol: /x}\n");

    let warnings = config.unwrap().warnings.join("\n");

    assert!(
        warnings.contains("colour") && warnings.contains("trackscribe.spol"),
        "{warnings}"
    );
    assert!(
        !warnings.contains("cpu_cost") && !warnings.contains("template_port"),
        "{warnings}"
    );
}

#[test]
fn redis_may_have_a_password_and_tls() {
    let redis = "redis: {address: '[::1]', username: u, password: 1234, db: 2, tls: {enabled: true, insecure: true}}\n";
    let text = MINIMAL.replace("redis: {address: 'r:6380'}\n", redis);

    let redis = parse(&text).unwrap().redis;

    assert_eq!((redis.host.as_str(), redis.port, redis.db), ("::1", 6379, 2));
    assert_eq!(redis.password.unwrap().expose_secret(), "1234");
    assert!(redis.tls.unwrap().insecure);
}

#[test]
fn the_error_for_an_invalid_value_names_its_key_or_an_example() {
    let table = [
        ("health_port: high\n", "health_port: 7082"),
        ("health_port: 70000\n", "health_port: 7082"),
        (
            "session_limits: {file_output_max_duration: 5 minutes}\n",
            "file_output_max_duration: 90m",
        ),
        ("storage: {file: {root: objects}}\n", "storage.file.root"),
        ("storage: {file: {}}\n", "storage.file.root"),
        ("storage: {s3: {bucket: b, secret: s}}\n", "storage.s3.access_key"),
        ("storage: {prefix: ../x}\n", "storage.prefix"),
        ("storage: {gcp: {bucket: b}}\n", "storage.gcp"),
        (
            "storage: {generate_presigned_url: true}\n",
            "storage.generate_presigned_url",
        ),
        ("storage: {file: {root: /o}}\ns3: {bucket: b}\n", "storage.s3 and s3"),
        ("backup: {s3: {bucket: b}}\n", "backup"),
        ("cluster_id: x\n", "cluster_id"),
        ("logging: {level: loud}\n", "logging.level"),
        ("trackscribe: {max_recordings: 0}\n", "trackscribe.max_recordings"),
        ("trackscribe: {max_recordings: -1}\n", "trackscribe.max_recordings"),
        ("trackscribe: {spool: here}\n", "trackscribe.spool"),
        ("trackscribe: {instance: a b}\n", "trackscribe.instance"),
        ("trackscribe: {bind: everywhere}\n", "trackscribe.bind"),
        ("trackscribe: {decline: maybe}\n", "trackscribe.decline"),
        ("trackscribe: 7\n", "trackscribe"),
    ];

    for (more, expected) in table {
        let error = with_lines(more).unwrap_err().to_string();
        assert!(error.contains(expected), "{more}: {error}");
    }
}

#[test]
fn the_error_for_a_missing_value_names_where_to_set_it() {
    let table = [
        ("api_key: k\n", "LIVEKIT_API_KEY"),
        ("api_secret: hush\n", "LIVEKIT_API_SECRET"),
        ("ws_url: ws://lk:7880\n", "LIVEKIT_WS_URL"),
        ("redis: {address: 'r:6380'}\n", "redis"),
    ];

    for (line, expected) in table {
        let error = parse(&MINIMAL.replace(line, "")).unwrap_err().to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn no_error_contains_a_secret_and_no_text_causes_a_panic() {
    for text in [
        "[1, 2]",
        "a: [",
        "api_secret: {a: hush}\napi_key: k",
        "\u{0}",
        "- x",
        "a: &a [*a]",
    ] {
        let error = parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"), "{text}");
    }
    assert!(!format!("{:?}", parse(MINIMAL).unwrap()).contains("hush"));
}
