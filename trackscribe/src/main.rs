//! The binary. Each subcommand is a file or folder, and a thin layer over the library that does the work.

mod api;
mod bench;
mod database;
mod demo;
mod egress;
mod jobs;
mod key;
mod migrate;
mod publisher;
#[cfg(test)]
mod reference;
mod role;
mod server;
mod setup;
mod temporary_stack;
mod token;
mod up;
mod verify;
mod worker;

use std::process::ExitCode;

use anyhow::{Context, Result};
use boot::{Shutdown, TelemetryArgs};
use clap::{Parser, Subcommand};
use tokio::runtime;

/// Records each participant of a LiveKit meeting to a separate file, and transcribes the meeting
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
    /// Serves the API and receives webhooks
    Server(Box<server::Args>),
    /// Runs jobs: starts recordings, transcribes them, exports transcripts
    Worker(Box<worker::Args>),
    Egress(egress::Args),
    Up(up::UpArgs),
    Demo(demo::DemoArgs),
    Bench(bench::BenchArgs),
    Token(token::Args),
    /// Creates, lists and revokes API keys
    Key(key::Args),
    /// Lists dead jobs and retries them
    Jobs(jobs::Args),
    Migrate(migrate::Args),
    /// Checks that what is stored was not changed
    Verify(verify::Args),
    /// Runs the speech engine of a worker, which starts this
    #[command(hide = true, name = ::worker::engine::host::HostCommand::SUBCOMMAND)]
    EngineHost,
}

fn main() -> ExitCode {
    boot::tls::install_provider();
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            // `{:#}` prints the error and its causes in one line.
            eprintln!("trackscribe: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    if matches!(cli.command, Command::EngineHost) {
        return Ok(::worker::engine::host::serve());
    }
    let telemetry = cli.command.telemetry(cli.telemetry);
    boot::telemetry::init(&telemetry)?;
    let runtime = cli.command.runtime().build().context("cannot start the runtime")?;
    runtime.block_on(cli.command.run())
}

impl Command {
    /// Returns the telemetry settings. Unless a filter is set explicitly, `demo` and `bench` log warnings only, and
    /// `egress` uses the level of its configuration file.
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

    /// Returns the runtime. Commands that start children use one thread, because children die with the thread that
    /// started them.
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
            Self::Verify(args) => verify::run(args).await?,
            Self::EngineHost => unreachable!("it starts no runtime"),
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
