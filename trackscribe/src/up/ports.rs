//! The ports of one machine's stack: the usual ones, others by flag, or whatever is free.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

/// How ports are found that no flag names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PortChoice {
    /// The usual ones; a taken one stops the start
    Default,
    /// Free ones, other ones at each start
    Free,
}

/// The ports that someone chose.
#[derive(Clone, Debug, Args)]
pub struct PortArgs {
    /// How ports are found that no other flag names
    #[arg(long, value_enum, default_value_t = PortChoice::Default)]
    pub ports: PortChoice,
    /// HTTP API and web page [default: 1250]
    #[arg(long, value_name = "PORT")]
    api_port: Option<u16>,
    /// LiveKit's signalling and API [default: 7880]
    #[arg(long, value_name = "PORT")]
    livekit_port: Option<u16>,
    /// LiveKit's media over TCP [default: 7881]
    #[arg(long, value_name = "PORT")]
    livekit_tcp_port: Option<u16>,
    /// LiveKit's media over UDP [default: 44200]
    #[arg(long, value_name = "PORT")]
    livekit_udp_port: Option<u16>,
    /// Health and metrics of the worker [default: 7083]
    #[arg(long, value_name = "PORT")]
    worker_port: Option<u16>,
    /// Health of the egress [default: 7082]
    #[arg(long, value_name = "PORT")]
    egress_health_port: Option<u16>,
    /// Metrics of the egress [default: 7084]
    #[arg(long, value_name = "PORT")]
    egress_metrics_port: Option<u16>,
    /// Redis of this stack, beside any other on this machine [default: 16379]
    #[arg(long, value_name = "PORT")]
    redis_port: Option<u16>,
    /// PostgreSQL of this stack, beside any other on this machine [default: 15432]
    #[arg(long, value_name = "PORT")]
    postgres_port: Option<u16>,
}

/// One port for each listener. Redis and PostgreSQL keep away from the usual ports of the packages' own services.
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
    /// Settles every port. Nothing may be listening on any of them.
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
    /// Ports on which nothing listens now.
    pub fn free() -> Result<Self> {
        // All are held until all are known, so that no port comes twice.
        let hold = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let held = (0..8)
            .map(|_| hold())
            .collect::<Result<Vec<_>, _>>()
            .context("no TCP port is free")?;
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("no UDP port is free")?;
        let mut numbers = held
            .iter()
            .map(|listener| listener.local_addr().map(|address| address.port()));
        let mut next = || {
            numbers
                .next()
                .context("eight ports are held")?
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

    /// Every TCP port with its purpose and the flag that changes it.
    fn tcp(&self) -> [(u16, &'static str, &'static str); 8] {
        [
            (self.api, "the API", "--api-port"),
            (self.livekit, "LiveKit's signalling", "--livekit-port"),
            (self.livekit_tcp, "LiveKit's media over TCP", "--livekit-tcp-port"),
            (self.worker, "the worker's health", "--worker-port"),
            (self.egress_health, "the egress' health", "--egress-health-port"),
            (self.egress_metrics, "the egress' metrics", "--egress-metrics-port"),
            (self.redis, "Redis", "--redis-port"),
            (self.postgres, "PostgreSQL", "--postgres-port"),
        ]
    }
}

fn check_free(ports: &Ports) -> Result<()> {
    let mut seen: Vec<(u16, &str)> = Vec::new();
    for (port, purpose, flag) in ports.tcp() {
        if let Some((_, other)) = seen.iter().find(|(taken, _)| *taken == port) {
            bail!("port {port} is meant for {other} and for {purpose}; choose another with {flag} PORT");
        }
        seen.push((port, purpose));
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).with_context(|| taken(port, "TCP", purpose, flag))?;
    }
    let udp = ports.livekit_udp;
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, udp))
        .with_context(|| taken(udp, "UDP", "LiveKit's media over UDP", "--livekit-udp-port"))?;
    Ok(())
}

fn taken(port: u16, protocol: &str, purpose: &str, flag: &str) -> String {
    format!(
        "{protocol} port {port}, meant for {purpose}, is taken; choose another with {flag} PORT, or --ports free for all"
    )
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
    fn a_taken_port_names_its_purpose_and_the_flag_that_changes_it() {
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
    fn one_port_is_not_given_to_two() {
        let error = resolve(&["--ports", "free", "--redis-port", "1250", "--api-port", "1250"])
            .unwrap_err()
            .to_string();

        assert!(error.contains("1250") && error.contains("Redis"), "{error}");
    }
}
