//! The settings of the connection to Redis.

use std::{fs, io, path::PathBuf, time::Duration};

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError, TlsCertificates,
    aio::ConnectionManagerConfig,
};
use secrecy::{ExposeSecret, SecretString};

/// The longest wait for a connection, and for a response on it.
pub const REDIS_TIMEOUT: Duration = Duration::from_secs(3);

/// LiveKit's `redis` section.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    pub host: String,
    pub port: u16,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    /// Affects only locks: pub/sub ignores the database.
    pub db: i64,
    pub tls: Option<RedisTls>,
}

/// How the connection is encrypted.
#[derive(Clone, Debug, Default)]
pub struct RedisTls {
    /// Accepts any certificate.
    pub insecure: bool,
    /// The certificate authority to trust instead of the public ones.
    pub ca_cert_file: Option<PathBuf>,
    pub client_cert_file: Option<PathBuf>,
    pub client_key_file: Option<PathBuf>,
}

/// Why a configuration is not usable.
#[derive(Debug, thiserror::Error)]
pub enum RedisClientError {
    #[error("cannot read {path}, the file that {key} names")]
    Unreadable {
        key: &'static str,
        path: String,
        source: io::Error,
    },
    #[error("redis.tls needs both client_cert_file and client_key_file, or neither")]
    IncompleteClientCertificate,
    #[error("the redis section is not valid")]
    Invalid(#[from] RedisError),
}

impl RedisConfig {
    /// `host:port`, for messages.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Creates a client without connecting.
    pub(super) fn client(&self) -> Result<Client, RedisClientError> {
        let info = self
            .connection_addr()
            .into_connection_info()?
            .set_redis_settings(self.settings());
        let Some(tls) = &self.tls else {
            return Ok(Client::open(info)?);
        };
        match tls.certificates()? {
            Some(certificates) => Ok(Client::build_with_tls(info, certificates)?),
            None => Ok(Client::open(info)?),
        }
    }

    fn connection_addr(&self) -> ConnectionAddr {
        match &self.tls {
            None => ConnectionAddr::Tcp(self.host.clone(), self.port),
            Some(tls) => ConnectionAddr::TcpTls {
                host: self.host.clone(),
                port: self.port,
                insecure: tls.insecure,
                tls_params: None,
            },
        }
    }

    fn settings(&self) -> RedisConnectionInfo {
        let mut settings = RedisConnectionInfo::default().set_db(self.db);
        if let Some(username) = &self.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password.expose_secret());
        }
        settings
    }
}

impl RedisTls {
    fn certificates(&self) -> Result<Option<TlsCertificates>, RedisClientError> {
        let read = |key, path: &Option<PathBuf>| path.as_ref().map(|path| read_file(key, path)).transpose();
        let root_cert = read("redis.tls.ca_cert_file", &self.ca_cert_file)?;
        let client_cert = read("redis.tls.client_cert_file", &self.client_cert_file)?;
        let client_key = read("redis.tls.client_key_file", &self.client_key_file)?;
        let client_tls = match (client_cert, client_key) {
            (None, None) => None,
            (Some(client_cert), Some(client_key)) => Some(ClientTlsConfig {
                client_cert,
                client_key,
            }),
            _ => return Err(RedisClientError::IncompleteClientCertificate),
        };
        Ok((root_cert.is_some() || client_tls.is_some()).then_some(TlsCertificates { client_tls, root_cert }))
    }
}

/// Allows one attempt per command: only callers know whether a command may be repeated.
pub(super) fn manager_config() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_max_delay(Duration::from_secs(1))
        .set_connection_timeout(Some(REDIS_TIMEOUT))
        .set_response_timeout(Some(REDIS_TIMEOUT))
}

fn read_file(key: &'static str, path: &PathBuf) -> Result<Vec<u8>, RedisClientError> {
    fs::read(path).map_err(|source| RedisClientError::Unreadable {
        key,
        path: path.display().to_string(),
        source,
    })
}
