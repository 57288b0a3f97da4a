//! The binary: one subcommand a file, each a thin layer over the library that does the work.

mod api;
mod bench;
mod database;
mod demo;
mod egress;
mod jobs;
mod key;
mod migrate;
mod role;
mod server;
mod setup;
mod token;
mod up;
mod worker;

use std::process::ExitCode;

use anyhow::{Context, Result};
use boot::{Shutdown, TelemetryArgs};
use clap::{Parser, Subcommand};
use tokio::runtime;

/// Records LiveKit meetings, a file for each person, and turns them into one transcript.
#[derive(Parser)]
#[command(
    name = "trackscribe",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(flatten)]
    telemetry: TelemetryArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the API and takes webhooks
    Server(Box<server::Args>),
    /// Works on jobs: starts recordings, transcribes, exports
    Worker(Box<worker::Args>),
    /// Records tracks: a LiveKit egress worker
    Egress(egress::Args),
    /// Starts everything on this machine and keeps it running
    Up(up::UpArgs),
    /// Lets two voices meet, and shows that what they said was recorded and understood
    Demo(demo::DemoArgs),
    /// Measures how fast and how exactly this machine records
    Bench(bench::BenchArgs),
    /// Prints an address and a token with which a LiveKit client joins a room
    Token(token::Args),
    /// Makes, lists and revokes API keys
    Key(key::Args),
    /// Lists jobs that were given up, and tries them again
    Jobs(jobs::Args),
    /// Brings the database to this version's schema
    Migrate(migrate::Args),
}

fn main() -> ExitCode {
    boot::tls::install_provider();
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            // The chain in one line: what failed, and why.
            eprintln!("trackscribe: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    let telemetry = cli.command.telemetry(cli.telemetry);
    boot::telemetry::init(&telemetry)?;
    let runtime = cli.command.runtime().build().context("cannot start the runtime")?;
    runtime.block_on(cli.command.run())
}

impl Command {
    /// `demo` talks to people, and `egress` has a level in its file; whatever the command line says wins.
    fn telemetry(&self, mut telemetry: TelemetryArgs) -> TelemetryArgs {
        if telemetry.filter != TelemetryArgs::DEFAULT_FILTER {
            return telemetry;
        }
        match self {
            Self::Demo(_) | Self::Bench(_) => telemetry.filter = "warn".to_owned(),
            Self::Egress(args) => telemetry.filter = args.log_level().unwrap_or(telemetry.filter),
            _ => {}
        }
        telemetry
    }

    /// Whoever starts children stays on the main thread: they are told to die with the thread that started them.
    fn runtime(&self) -> runtime::Builder {
        let mut builder = match self {
            Self::Up(_) | Self::Demo(_) | Self::Bench(_) => runtime::Builder::new_current_thread(),
            _ => runtime::Builder::new_multi_thread(),
        };
        builder.enable_all();
        builder
    }

    async fn run(self) -> Result<ExitCode> {
        let shutdown = Shutdown::listen().context("cannot listen for signals")?;
        match self {
            Self::Server(args) => server::run(*args, shutdown).await?,
            Self::Worker(args) => worker::run(*args, shutdown).await?,
            Self::Egress(args) => egress::run(args, shutdown).await?,
            Self::Up(args) => up::run(args, shutdown).await?,
            Self::Demo(args) => return demo::run(args, shutdown).await,
            Self::Bench(args) => bench::run(args, shutdown).await?,
            Self::Token(args) => token::run(args).await?,
            Self::Key(args) => key::run(args).await?,
            Self::Jobs(args) => jobs::run(args).await?,
            Self::Migrate(args) => migrate::run(args).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
