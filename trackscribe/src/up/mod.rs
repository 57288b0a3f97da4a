//! `trackscribe up`: runs everything on one machine without containers. Starts PostgreSQL, Redis, livekit-server and our
//! three roles as children, restarts them when they exit, and stops them in order.
//!
//! The content of the data folder is left to `setup`.

pub mod child;
mod lock;
mod log;
pub mod plan;
pub mod ports;
pub mod postgres;
mod process;
pub mod programs;
mod ready;
pub mod spec;
pub mod stack;

use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    path::{Path, PathBuf},
};

use anyhow::Result;
use boot::Shutdown;
use clap::Args;

pub use self::lock::pid_of;
use self::{ports::PortArgs, programs::ProgramArgs};
use crate::setup::{DataDir, Prepared, Site};

/// An address outside this machine (RFC 5737). Connecting a UDP socket to it sends nothing.
const REMOTE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// Runs everything on this machine
///
/// Starts PostgreSQL, Redis, livekit-server, server, worker and egress, restarts any that exits, and stops all of them on
/// Ctrl-C.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Folder for data, secrets, logs and configuration; created if missing
    #[arg(long, env = "TRACKSCRIBE_DATA_DIR", default_value = "./data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// IP address to which clients send media [default: the source address of this machine's default route]
    #[arg(long, value_name = "IP")]
    pub node_ip: Option<IpAddr>,
    #[command(flatten)]
    pub ports: PortArgs,
    #[command(flatten)]
    pub programs: ProgramArgs,
}

pub async fn run(args: UpArgs, shutdown: Shutdown) -> Result<()> {
    let data = DataDir::at(&args.data_dir)?;
    let node_ip = args.node_ip.unwrap_or_else(local_address).to_string();
    let programs = args.programs.find()?;
    let site = Site {
        data,
        ports: args.ports.resolve()?,
        node_ip,
        settings: Vec::new(),
    };
    let program = programs.trackscribe.clone();
    let Some(stack) = stack::start(site, programs, &shutdown).await? else {
        return Ok(());
    };
    println!("{}", announcement(&stack.prepared, &program));
    shutdown.graceful.cancelled().await;
    stack.stop().await;
    println!("stopped");
    Ok(())
}

/// The text that is printed once everything is ready. It contains no secret.
fn announcement(prepared: &Prepared, program: &Path) -> String {
    let (api, data) = (prepared.site.api_url(), prepared.site.data.path().display());
    let livekit = prepared.env.get("LIVEKIT_PUBLIC_URL").unwrap_or_default();
    let program = program.display();
    format!(
        "ready\n  \
         API          {api}        (documentation: {api}/docs)\n  \
         LiveKit      {livekit}\n  \
         admin key    {data}/admin.key\n  \
         data, logs   {data}\n\n\
         Print a token for any LiveKit client:\n  \
         {program} token --data-dir {data} --room standup --name Ada\n\n\
         Ctrl-C stops everything."
    )
}

/// The address that this machine uses for other machines, or loopback without a network.
fn local_address() -> IpAddr {
    let source_address = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(REMOTE)?;
        socket.local_addr()
    };
    source_address().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_announcement_names_the_key_file_and_the_token_command() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::at(folder.path()).unwrap();
        let site = Site {
            data,
            ports: ports::Ports::default(),
            node_ip: "192.0.2.7".into(),
            settings: Vec::new(),
        };
        let prepared = crate::setup::prepare(site).unwrap();

        let text = announcement(&prepared, Path::new("/opt/trackscribe"));

        for part in [
            "http://127.0.0.1:1250",
            "ws://192.0.2.7:7880",
            "/admin.key",
            "/opt/trackscribe token",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(
            !text.contains(prepared.secrets.livekit.secret.expose_secret()),
            "{text}"
        );
    }
}
