//! `trackscribe bench faults`: breaks one program after the other while eight people speak, and compares what they sent
//! with what the files hold, packet by packet.
//!
//! A row of the table is one file in [`rows`]. The harness ([`stack`], [`meeting`]) runs the real programs; what was
//! lost is counted without input or output ([`account`], [`truth`]).

mod account;
mod file;
mod garage;
mod ghost;
mod meeting;
mod proxy;
mod report;
mod rows;
mod sent;
mod speaker;
mod stack;
mod tones;
mod truth;
mod voice;

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::{Context, Result, bail, ensure};
use boot::Shutdown;
use clap::Args;

use self::{
    report::RowReport,
    rows::{Length, ROWS, Row},
    stack::FaultStack,
    tones::Tones,
};
use crate::temporary_stack::{STARTING, StackArgs, until_shutdown};

/// The settings of this bench.
#[derive(Debug, Args)]
pub struct FaultsArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Play only this fault; can be repeated. `--list` prints the names
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Moments at which each fault is played, chosen at random from the seeds 1 to N [default: that of the row]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: Option<u32>,
    /// Play the long form: outages of minutes, and hundreds of crashes
    #[arg(long)]
    soak: bool,
    /// List the faults and exit
    #[arg(long)]
    list: bool,
    /// Write the results to this file, too, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the table to this Markdown file, in the place of the rows that were played before
    #[arg(long, value_name = "FILE")]
    write_to: Option<PathBuf>,
}

pub async fn run(args: FaultsArgs, shutdown: &Shutdown) -> Result<()> {
    if args.list {
        ROWS.iter().for_each(|row| println!("{:<16} {}", row.name, row.fault));
        return Ok(());
    }
    let rows = chosen(&args.only)?;
    let tones = Arc::new(Tones::new()?);
    let mut reports = Vec::new();
    for row in rows {
        let report = play(row, &args, &tones, shutdown).await?;
        println!("{}", report.summary());
        reports.push(report);
        publish(&args, &reports)?;
    }
    println!("\n{}", report::table(&reports));
    Ok(())
}

/// Plays a row on a stack of its own. A row that cannot be played is reported as such.
async fn play(row: &'static Row, args: &FaultsArgs, tones: &Arc<Tones>, shutdown: &Shutdown) -> Result<RowReport> {
    println!("{}: {STARTING}", row.name);
    let length = if args.soak { Length::Long } else { Length::Short };
    let seeds = args.seeds.unwrap_or(row.seeds(length));
    let stack = FaultStack::start(&args.stack, tones.clone(), shutdown).await?;
    let played = until_shutdown(shutdown, rows::play(row, &stack, length, seeds)).await;
    stack.stop().await;
    ensure!(!shutdown.graceful.is_cancelled(), "stopped");
    Ok(RowReport::new(row, length, seeds, played))
}

fn chosen(names: &[String]) -> Result<Vec<&'static Row>> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    let find = |name: &String| match ROWS.iter().find(|row| row.name == name) {
        Some(row) => Ok(row),
        None => bail!("there is no fault {name}; --list prints all of them"),
    };
    names.iter().map(find).collect()
}

/// Writes what is known so far, so that an interrupted run is not lost.
fn publish(args: &FaultsArgs, reports: &[RowReport]) -> Result<()> {
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(reports)?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &args.write_to {
        report::update_document(path, reports)?;
    }
    Ok(())
}
