//! The ports of a stack: the default ones, free ones, or those that flags set.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

/// Which ports to use unless a flag sets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PortChoice {
    /// The default ports; fails if one is in use
    Default,
    /// Free ports, which differ at each start
    Free,
}

/// The flags for ports.
#[derive(Clone, Debug, Args)]
pub struct PortArgs {
    /// Which ports to use unless another flag sets one
    #[arg(long, value_enum, default_value_t = PortChoice::Default)]
    pub ports: PortChoice,
    /// Port of the HTTP API [default: 1250]
    #[arg(long, value_name = "PORT")]
    api_port: Option<u16>,
    /// Port of LiveKit's signalling and API [default: 7880]
    #[arg(long, value_name = "PORT")]
    livekit_port: Option<u16>,
    /// Port of LiveKit's media over TCP [default: 7881]
    #[arg(long, value_name = "PORT")]
    livekit_tcp_port: Option<u16>,
    /// Port of LiveKit's media over UDP [default: 44200]
    #[arg(long, value_name = "PORT")]
    livekit_udp_port: Option<u16>,
    /// Port of the worker's health and metrics [default: 7083]
    #[arg(long, value_name = "PORT")]
    worker_port: Option<u16>,
    /// Port of the egress worker's health [default: 7082]
    #[arg(long, value_name = "PORT")]
    egress_health_port: Option<u16>,
    /// Port of the egress worker's metrics [default: 7084]
    #[arg(long, value_name = "PORT")]
    egress_metrics_port: Option<u16>,
    /// Port of this stack's own Redis [default: 16379]
    #[arg(long, value_name = "PORT")]
    redis_port: Option<u16>,
    /// Port of this stack's own PostgreSQL [default: 15432]
    #[arg(long, value_name = "PORT")]
    postgres_port: Option<u16>,
}

/// One port for each listener. Those of Redis and PostgreSQL differ from the ports of the packaged services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    pub api: u16,
    pub livekit: u16,
    pub livekit_tcp: u16,
    pub livekit_udp: u16,
    pub worker: u16,
    pub egress_health: u16,
    pub egress_metrics: u16,
    pub redis: u16,
    pub postgres: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            api: 1250,
            livekit: 7880,
            livekit_tcp: 7881,
            livekit_udp: 44200,
            worker: 7083,
            egress_health: 7082,
            egress_metrics: 7084,
            redis: 16379,
            postgres: 15432,
        }
    }
}

impl PortArgs {
    /// Returns all ports.
    ///
    /// # Errors
    /// If a port is set twice or in use.
    pub fn resolve(&self) -> Result<Ports> {
        let base = match self.ports {
            PortChoice::Default => Ports::default(),
            PortChoice::Free => Ports::free()?,
        };
        let ports = Ports {
            api: self.api_port.unwrap_or(base.api),
            livekit: self.livekit_port.unwrap_or(base.livekit),
            livekit_tcp: self.livekit_tcp_port.unwrap_or(base.livekit_tcp),
            livekit_udp: self.livekit_udp_port.unwrap_or(base.livekit_udp),
            worker: self.worker_port.unwrap_or(base.worker),
            egress_health: self.egress_health_port.unwrap_or(base.egress_health),
            egress_metrics: self.egress_metrics_port.unwrap_or(base.egress_metrics),
            redis: self.redis_port.unwrap_or(base.redis),
            postgres: self.postgres_port.unwrap_or(base.postgres),
        };
        check_free(&ports)?;
        Ok(ports)
    }
}

impl Ports {
    /// Returns ports that nothing listens on.
    pub fn free() -> Result<Self> {
        // All ports are bound at the same time, so that they differ.
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listeners = (0..8)
            .map(|_| bind())
            .collect::<Result<Vec<_>, _>>()
            .context("no TCP port is free")?;
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("no UDP port is free")?;
        let mut numbers = listeners
            .iter()
            .map(|listener| listener.local_addr().map(|address| address.port()));
        let mut next = || {
            numbers
                .next()
                .context("eight ports are bound")?
                .context("a port has no number")
        };
        Ok(Self {
            api: next()?,
            livekit: next()?,
            livekit_tcp: next()?,
            worker: next()?,
            egress_health: next()?,
            egress_metrics: next()?,
            redis: next()?,
            postgres: next()?,
            livekit_udp: udp.local_addr()?.port(),
        })
    }

    /// Lists the TCP ports with their purpose and the flag that sets them.
    fn tcp(&self) -> [(u16, &'static str, &'static str); 8] {
        [
            (self.api, "the API", "--api-port"),
            (self.livekit, "LiveKit's signalling", "--livekit-port"),
            (self.livekit_tcp, "LiveKit's media over TCP", "--livekit-tcp-port"),
            (self.worker, "the worker's health", "--worker-port"),
            (self.egress_health, "the egress worker's health", "--egress-health-port"),
            (
                self.egress_metrics,
                "the egress worker's metrics",
                "--egress-metrics-port",
            ),
            (self.redis, "Redis", "--redis-port"),
            (self.postgres, "PostgreSQL", "--postgres-port"),
        ]
    }
}

fn check_free(ports: &Ports) -> Result<()> {
    let mut seen: Vec<(u16, &str)> = Vec::new();
    for (port, purpose, flag) in ports.tcp() {
        if let Some((_, other)) = seen.iter().find(|(taken, _)| *taken == port) {
            bail!("port {port} is set for both {other} and {purpose}; choose another one with {flag} PORT");
        }
        seen.push((port, purpose));
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).with_context(|| in_use(port, "TCP", purpose, flag))?;
    }
    let udp = ports.livekit_udp;
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, udp))
        .with_context(|| in_use(udp, "UDP", "LiveKit's media over UDP", "--livekit-udp-port"))?;
    Ok(())
}

fn in_use(port: u16, protocol: &str, purpose: &str, flag: &str) -> String {
    format!("{protocol} port {port} for {purpose} is in use; choose another one with {flag} PORT, or use --ports free")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        ports: PortArgs,
    }

    fn resolve(args: &[&str]) -> Result<Ports> {
        Cli::try_parse_from([&["test"], args].concat()).unwrap().ports.resolve()
    }

    #[test]
    fn free_ports_are_all_different() {
        let ports = resolve(&["--ports", "free"]).unwrap();

        let mut numbers = ports.tcp().map(|(port, ..)| port);
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[0] != pair[1]), "{ports:?}");
    }

    #[test]
    fn an_error_for_a_port_in_use_names_its_purpose_and_flag() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();

        let error = resolve(&["--ports", "free", "--redis-port", &port])
            .unwrap_err()
            .to_string();

        assert!(
            error.contains(&port) && error.contains("Redis") && error.contains("--redis-port"),
            "{error}"
        );
    }

    #[test]
    fn a_port_that_is_set_twice_is_an_error() {
        let error = resolve(&["--ports", "free", "--redis-port", "1250", "--api-port", "1250"])
            .unwrap_err()
            .to_string();

        assert!(error.contains("1250") && error.contains("Redis"), "{error}");
    }
}
