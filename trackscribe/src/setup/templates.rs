//! The configuration files in the data folder: the filled templates of the repository's root, and two generated files.

use std::{collections::BTreeMap, fs, io, path::Path};

use anyhow::{Context, Result};
use secrecy::ExposeSecret;

use super::{
    Secrets, Site,
    fill::{Scalar, fill},
    write,
};

const LIVEKIT: &str = include_str!("../../../livekit.yaml");
const EGRESS: &str = include_str!("../../../egress.yaml");

/// Writes all files. In an edited file only the marked values change.
pub fn write_all(site: &Site, secrets: &Secrets) -> Result<()> {
    let data = &site.data;
    let (key, secret) = (&secrets.livekit.key, secrets.livekit.secret.expose_secret());
    write::secret(&data.livekit_keys(), &format!("{key}: {secret}\n"))?;
    write::secret(&data.redis_conf(), &redis_conf(site, secrets))?;
    refill(&data.livekit_yaml(), LIVEKIT, &livekit_values(site, secrets))?;
    refill(&data.egress_yaml(), EGRESS, &egress_values(site, secrets))
}

fn refill(path: &Path, template: &str, values: &BTreeMap<&str, Scalar>) -> Result<()> {
    let text = match fs::read_to_string(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => template.to_owned(),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let filled = fill(&text, values).with_context(|| format!("cannot fill in {}", path.display()))?;
    for name in &filled.without_mark {
        tracing::warn!(
            "{} has no mark `# setup: {name}`; keep this value correct yourself",
            path.display()
        );
    }
    write::secret(path, &filled.text)
}

fn livekit_values(site: &Site, secrets: &Secrets) -> BTreeMap<&'static str, Scalar> {
    let ports = &site.ports;
    BTreeMap::from([
        ("livekit_port", number(ports.livekit)),
        ("livekit_tcp_port", number(ports.livekit_tcp)),
        ("livekit_udp_port", number(ports.livekit_udp)),
        ("livekit_bind", text(&site.livekit_bind())),
        (
            "livekit_key_file",
            text(&site.data.livekit_keys().display().to_string()),
        ),
        ("node_ip", text(&site.node_ip)),
        ("redis_address", text(&format!("127.0.0.1:{}", ports.redis))),
        ("redis_password", text(secrets.redis_password.expose_secret())),
        ("livekit_api_key", text(&secrets.livekit.key)),
        ("webhook_url", text(&format!("{}/v1/livekit/webhook", site.api_url()))),
    ])
}

fn egress_values(site: &Site, secrets: &Secrets) -> BTreeMap<&'static str, Scalar> {
    let ports = &site.ports;
    BTreeMap::from([
        ("livekit_api_key", text(&secrets.livekit.key)),
        ("livekit_api_secret", text(secrets.livekit.secret.expose_secret())),
        ("livekit_url", text(&site.livekit_url())),
        ("redis_address", text(&format!("127.0.0.1:{}", ports.redis))),
        ("redis_password", text(secrets.redis_password.expose_secret())),
        ("objects_root", text(&site.data.objects().display().to_string())),
        ("spool", text(&site.data.spool().display().to_string())),
        ("egress_health_port", number(ports.egress_health)),
        ("egress_metrics_port", number(ports.egress_metrics)),
    ])
}

/// Configures Redis as LiveKit and the queue need it: without eviction, and losing at most the last second.
fn redis_conf(site: &Site, secrets: &Secrets) -> String {
    let (port, folder) = (site.ports.redis, site.data.redis().display().to_string());
    let (folder, password) = (serde_json::Value::from(folder), secrets.redis_password.expose_secret());
    format!(
        "# Written by `trackscribe up` at every start.\n\
         bind 127.0.0.1\n\
         port {port}\n\
         requirepass {password}\n\
         dir {folder}\n\
         appendonly yes\n\
         appendfsync everysec\n\
         maxmemory-policy noeviction\n\
         daemonize no\n"
    )
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

fn number(port: u16) -> Scalar {
    Scalar::Number(port.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        setup::{DataDir, EnvFile},
        up::ports::Ports,
    };

    fn site(folder: &tempfile::TempDir) -> Site {
        let data = DataDir::at(folder.path()).unwrap();
        Site {
            data,
            ports: Ports::default(),
            node_ip: "127.0.0.1".into(),
            settings: Vec::new(),
        }
    }

    #[test]
    fn every_mark_of_the_templates_is_filled_once() {
        let folder = tempfile::tempdir().unwrap();
        let (site, secrets) = (site(&folder), Secrets::from_env_or_new(&EnvFile::default()));
        let cases = [
            (LIVEKIT, livekit_values(&site, &secrets)),
            (EGRESS, egress_values(&site, &secrets)),
        ];

        for (template, values) in cases {
            let filled = fill(template, &values).unwrap();

            assert!(filled.without_mark.is_empty(), "no mark for {:?}", filled.without_mark);
            assert_eq!(filled.text.matches("# setup: ").count(), values.len());
        }
    }

    #[test]
    fn the_egress_accepts_its_template_unchanged_and_filled() {
        let folder = tempfile::tempdir().unwrap();
        let (site, secrets) = (site(&folder), Secrets::from_env_or_new(&EnvFile::default()));
        let filled = fill(EGRESS, &egress_values(&site, &secrets)).unwrap().text;

        for text in [EGRESS, &filled] {
            let config = egress::config::EgressConfig::parse(text, &Default::default()).unwrap();
            assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        }
        let config = egress::config::EgressConfig::parse(&filled, &Default::default()).unwrap();
        assert_eq!(
            config.api_secret.expose_secret(),
            secrets.livekit.secret.expose_secret()
        );
        assert_eq!(config.trackscribe.spool, site.data.spool());
    }
}
