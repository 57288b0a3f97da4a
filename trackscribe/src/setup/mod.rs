//! Prepares the data folder before anything is started: secrets, `.env`, and the configuration of each program.
//!
//! Safe to repeat. A second run keeps secrets and data, and rewrites only its own lines of `.env` and the values marked
//! `# setup:` in the YAML files.

pub mod data_dir;
mod env_file;
mod fill;
mod secrets;
mod templates;
mod write;

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use anyhow::{Context, Result};
use secrecy::ExposeSecret;

pub use self::{data_dir::DataDir, env_file::EnvFile, secrets::Secrets, write::secret as write_secret};
use crate::up::ports::Ports;

/// Data folder, ports and address of the stack of one machine.
#[derive(Clone, Debug)]
pub struct Site {
    pub data: DataDir,
    pub ports: Ports,
    /// The address that LiveKit tells clients to send media to.
    pub node_ip: String,
    /// Environment variables of the roles for this run only; they are not written to `.env`.
    pub settings: Vec<(&'static str, String)>,
}

/// A data folder that is ready, with its secrets and settings.
#[derive(Debug)]
pub struct Prepared {
    pub site: Site,
    pub secrets: Secrets,
    /// All of `.env`, including lines that the user added.
    pub env: EnvFile,
}

/// Creates or updates the files in the data folder.
pub fn prepare(site: Site) -> Result<Prepared> {
    site.data.create()?;
    let path = site.data.env_file();
    let mut env = EnvFile::read(&path)?;
    let secrets = Secrets::from_env_or_new(&env);
    for (name, value) in settings(&site, &secrets) {
        env.set(name, &value);
    }
    let public = env.get("LIVEKIT_PUBLIC_URL").map(str::to_owned);
    if public.is_none_or(|url| is_generated(&url)) {
        env.set("LIVEKIT_PUBLIC_URL", &site.livekit_public_url());
    }
    write::secret(&path, &env.to_string())?;
    templates::write_all(&site, &secrets).context("cannot write the configuration files")?;
    Ok(Prepared { site, secrets, env })
}

/// How soon a room of `demo` or `bench` closes after the last participant left. Nobody joins it again.
const TEMPORARY_DEPARTURE_TIMEOUT_S: u32 = 2;

impl Site {
    /// A stack for a command that ends by itself: on free ports, reachable from this machine only, with rooms that close
    /// soon.
    pub fn temporary(data_dir: &Path) -> Result<Self> {
        Ok(Self {
            data: DataDir::at(data_dir)?,
            ports: Ports::free()?,
            node_ip: Ipv4Addr::LOCALHOST.to_string(),
            settings: vec![(
                "TRACKSCRIBE_DEPARTURE_TIMEOUT_S",
                TEMPORARY_DEPARTURE_TIMEOUT_S.to_string(),
            )],
        })
    }

    pub fn api_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.api)
    }

    /// The address on which livekit-server listens for signalling: all, or loopback if its media address is loopback.
    pub fn livekit_bind(&self) -> String {
        let is_loopback = self.node_ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if is_loopback {
            self.node_ip.clone()
        } else {
            String::new()
        }
    }

    /// The URL of LiveKit for the roles on this machine.
    pub fn livekit_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.ports.livekit)
    }

    /// The URL of LiveKit for clients.
    pub fn livekit_public_url(&self) -> String {
        format!("ws://{}:{}", self.node_ip, self.ports.livekit)
    }
}

/// The lines of `.env` that depend on ports and secrets. All other lines belong to the user.
fn settings(site: &Site, secrets: &Secrets) -> Vec<(&'static str, String)> {
    let ports = &site.ports;
    let (postgres, redis) = (
        secrets.postgres_password.expose_secret(),
        secrets.redis_password.expose_secret(),
    );
    vec![
        (
            "DATABASE_URL",
            format!(
                "postgres://trackscribe:{postgres}@127.0.0.1:{}/trackscribe",
                ports.postgres
            ),
        ),
        ("REDIS_URL", format!("redis://:{redis}@127.0.0.1:{}", ports.redis)),
        ("LIVEKIT_URL", site.livekit_url()),
        ("LIVEKIT_API_KEY", secrets.livekit.key.clone()),
        ("LIVEKIT_API_SECRET", secrets.livekit.secret.expose_secret().to_owned()),
        ("TRACKSCRIBE_SIGNING_SECRET", secrets.signing.expose_secret().to_owned()),
        ("TRACKSCRIBE_STORAGE", site.data.objects_url()),
        ("TRACKSCRIBE_BIND", format!("127.0.0.1:{}", ports.api)),
        ("TRACKSCRIBE_WORKER_BIND", format!("127.0.0.1:{}", ports.worker)),
    ]
}

/// Whether a URL looks like one that [`prepare`] wrote: `ws://` and an IP address. The user chose any other URL.
fn is_generated(url: &str) -> bool {
    let host = url
        .strip_prefix("ws://")
        .and_then(|rest| rest.rsplit_once(':'))
        .map(|(host, _)| host);
    host.is_some_and(|host| host.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn site(root: &std::path::Path, ports: Ports) -> Site {
        let data = DataDir::at(root).unwrap();
        Site {
            data,
            ports,
            node_ip: "127.0.0.1".into(),
            settings: Vec::new(),
        }
    }

    #[test]
    fn a_second_run_keeps_secrets_and_the_users_edits() {
        let folder = tempfile::tempdir().unwrap();
        let first = prepare(site(folder.path(), Ports::default())).unwrap();
        let path = first.site.data.env_file();
        let edited = fs::read_to_string(&path).unwrap() + "# mine\nTRACKSCRIBE_ADOPT_ROOMS=true\n";
        fs::write(&path, edited).unwrap();
        let yaml = first.site.data.livekit_yaml();
        fs::write(&yaml, fs::read_to_string(&yaml).unwrap() + "# also mine\n").unwrap();

        let moved = Ports {
            redis: 26379,
            livekit: 27880,
            ..Ports::default()
        };
        let second = prepare(site(folder.path(), moved)).unwrap();

        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(first.secrets.livekit.key, second.secrets.livekit.key);
        assert_eq!(
            first.secrets.redis_password.expose_secret(),
            second.secrets.redis_password.expose_secret()
        );
        assert_eq!(
            first.secrets.postgres_password.expose_secret(),
            second.secrets.postgres_password.expose_secret()
        );
        assert!(
            text.contains("# mine\nTRACKSCRIBE_ADOPT_ROOMS=true\n") && text.contains(":26379"),
            "{text}"
        );
        assert_eq!(second.env.get("LIVEKIT_PUBLIC_URL"), Some("ws://127.0.0.1:27880"));
        let livekit = fs::read_to_string(&yaml).unwrap();
        assert!(
            livekit.contains("# also mine") && livekit.contains("port: 27880"),
            "{livekit}"
        );
    }

    #[test]
    fn only_the_owner_can_read_files_with_secrets() {
        let folder = tempfile::tempdir().unwrap();

        let data = prepare(site(folder.path(), Ports::default())).unwrap().site.data;

        let files = [
            data.env_file(),
            data.livekit_yaml(),
            data.livekit_keys(),
            data.egress_yaml(),
            data.redis_conf(),
        ];
        for file in files {
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
    }

    #[test]
    fn a_url_that_the_user_chose_is_kept() {
        assert!(is_generated("ws://192.168.1.5:7880") && is_generated("ws://127.0.0.1:7880"));
        assert!(
            !is_generated("wss://meet.example.org") && !is_generated("ws://meet.example.org:7880") && !is_generated("")
        );
    }
}
