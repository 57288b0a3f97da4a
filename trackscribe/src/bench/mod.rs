//! `trackscribe bench`: measures this machine against the real servers.
//!
//! Each bench starts and stops its own stack on free ports, as `demo` does. It prints the target beside each figure and
//! does not fail if the target is missed.

mod alignment;
mod cpu;
mod env;
mod faults;
mod figures;
mod load;
mod path;
mod publisher;
mod sounds;
mod spool;
mod start;

use anyhow::Result;
use boot::Shutdown;
use clap::{Args, Subcommand};

use self::env::BenchEnv;
use crate::temporary_stack::StackArgs;

/// Measures how fast and how precisely this machine records
#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Measures the time from a StartTrackEgress request to the first packet in the spool
    Start {
        #[command(flatten)]
        stack: StackArgs,
        /// Recordings to start in a new room, and as many in a room that is already joined
        #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=200))]
        runs: u32,
    },
    /// Measures the time from a publisher's first packet to the first packet in the file, with webhook, job and egress
    Path {
        #[command(flatten)]
        stack: StackArgs,
        /// Tracks to publish in a new room, and as many in a room that is already joined
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
        runs: u32,
    },
    /// Measures how well two recordings of the same sounds are aligned
    Alignment {
        #[command(flatten)]
        stack: StackArgs,
        /// Chirps that both publishers send at the same time
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
        chirps: u32,
    },
    /// Starts many recordings at once, and measures their CPU time
    Load {
        #[command(flatten)]
        stack: StackArgs,
        /// Tracks to publish and to record
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
        tracks: u32,
    },
    /// Breaks one program after the other while people speak, and lists what the recordings lost
    Faults(faults::FaultsArgs),
}

pub async fn run(args: BenchArgs, shutdown: Shutdown) -> Result<()> {
    match args.bench {
        Bench::Start { stack, runs } => BenchEnv::with(stack, &shutdown, async |env| start::run(env, runs).await).await,
        Bench::Path { stack, runs } => BenchEnv::with(stack, &shutdown, async |env| path::run(env, runs).await).await,
        Bench::Alignment { stack, chirps } => {
            BenchEnv::with(stack, &shutdown, async |env| alignment::run(env, chirps).await).await
        }
        Bench::Load { stack, tracks } => {
            BenchEnv::with(stack, &shutdown, async |env| load::run(env, tracks).await).await
        }
        Bench::Faults(args) => faults::run(args, &shutdown).await,
    }
}
