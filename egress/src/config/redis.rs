//! `redis`: the Redis of LiveKit's bus.

use url::Url;

use super::{error::ConfigError, section::Section};
use crate::psrpc::{RedisConfig, RedisTls};

pub fn read(root: &mut Section, warnings: &mut Vec<String>) -> Result<RedisConfig, ConfigError> {
    let mut redis = root
        .section("redis")?
        .ok_or_else(|| root.missing("redis", "{address: 127.0.0.1:6379}"))?;
    for key in ["sentinel_master_name", "sentinel_addresses", "cluster_addresses"] {
        redis.refuse(key, "set redis.address to a single Redis server")?;
    }
    redis.ignore(&[
        "sentinel_username",
        "sentinel_password",
        "max_redirects",
        "dial_timeout",
        "read_timeout",
        "write_timeout",
        "pool_timeout",
        "pool_size",
    ]);
    let address = redis
        .text("address")?
        .ok_or_else(|| redis.missing("address", "127.0.0.1:6379"))?;
    let (host, port) =
        host_and_port(&address).ok_or_else(|| redis.invalid("address", "host:port", "127.0.0.1:6379"))?;
    let config = RedisConfig {
        host,
        port,
        username: redis.text("username")?,
        password: redis.secret("password")?,
        db: redis.integer("db", 0)?.unwrap_or_default(),
        tls: redis_tls(&mut redis, warnings)?,
    };
    redis.finish(warnings);
    Ok(config)
}

/// Parses `host:port` or `[v6]:port`; the default port is 6379.
fn host_and_port(address: &str) -> Option<(String, u16)> {
    let url = Url::parse(&format!("redis://{address}")).ok()?;
    let bare = url.path().is_empty() && url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let host = url.host_str().filter(|host| bare && !host.is_empty())?;
    Some((host.trim_matches(['[', ']']).to_owned(), url.port().unwrap_or(6379)))
}

fn redis_tls(redis: &mut Section, warnings: &mut Vec<String>) -> Result<Option<RedisTls>, ConfigError> {
    let simple = redis.flag("use_tls")?.unwrap_or_default();
    let Some(mut tls) = redis.section("tls")? else {
        return Ok(simple.then(RedisTls::default));
    };
    tls.refuse("server_name", "name the server in redis.address")?;
    let enabled = tls.flag("enabled")?.unwrap_or_default();
    let config = RedisTls {
        insecure: tls.flag("insecure")?.unwrap_or_default(),
        ca_cert_file: tls.path("ca_cert_file")?,
        client_cert_file: tls.path("client_cert_file")?,
        client_key_file: tls.path("client_key_file")?,
    };
    tls.finish(warnings);
    Ok((simple || enabled).then_some(config))
}
