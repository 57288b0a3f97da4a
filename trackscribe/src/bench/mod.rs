//! `trackscribe bench`: figures that depend on the machine, measured against the real servers.
//!
//! Each bench starts a stack of its own on free ports, as `demo` does, and stops it. Nothing here judges: the figures
//! are printed beside what they should be.

mod alignment;
mod chirp;
mod figures;
mod path;
mod speaker;
mod stand;
mod start;

use anyhow::Result;
use boot::Shutdown;
use clap::{Args, Subcommand};

use self::stand::{Stand, StandArgs};

/// Measures how fast and how exactly this machine records
#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// From StartTrackEgress sent to the first packet in the recorder's spool
    Start {
        #[command(flatten)]
        stand: StandArgs,
        /// Recordings to start, of each kind
        #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=200))]
        runs: u32,
    },
    /// From a publisher's first packet to the first packet in its file, through webhook, job and recorder
    Path {
        #[command(flatten)]
        stand: StandArgs,
        /// Tracks to publish, of each kind
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
        runs: u32,
    },
    /// How far apart two recordings of the same sounds lie on the meeting's clock
    Alignment {
        #[command(flatten)]
        stand: StandArgs,
        /// Chirps that both publishers send at the same instants
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
        chirps: u32,
    },
}

pub async fn run(args: BenchArgs, shutdown: Shutdown) -> Result<()> {
    match args.what {
        What::Start { stand, runs } => Stand::with(stand, &shutdown, async |stand| start::run(stand, runs).await).await,
        What::Path { stand, runs } => Stand::with(stand, &shutdown, async |stand| path::run(stand, runs).await).await,
        What::Alignment { stand, chirps } => {
            Stand::with(stand, &shutdown, async |stand| alignment::run(stand, chirps).await).await
        }
    }
}
