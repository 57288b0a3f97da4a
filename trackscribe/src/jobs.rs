//! `trackscribe jobs`.

use anyhow::{Context, Result};
use chrono::SecondsFormat;
use clap::Subcommand;
use domain::job::Job;
use storage::{PgPool, jobs::DeadJob};
use uuid::Uuid;

use crate::database::DatabaseArgs;

/// More dead jobs than these mean that something else is wrong.
const LISTED: i64 = 1000;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists jobs that were given up, and why, the latest first
    List,
    /// Queues the work of a dead job anew, or of all; the dead rows stay, as a record
    Retry {
        /// Its id, from `jobs list`
        #[arg(required_unless_present = "all")]
        id: Option<Uuid>,
        /// Every dead job
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

pub async fn run(args: Args) -> Result<()> {
    let pool = args.database.connect()?;
    let outcome = act(&pool, args.action).await;
    pool.close().await;
    outcome
}

async fn act(pool: &PgPool, action: Action) -> Result<()> {
    let dead = storage::jobs::list_dead(&mut *pool.acquire().await?, LISTED).await?;
    match action {
        Action::List if dead.is_empty() => println!("no job was given up"),
        Action::List => dead.iter().for_each(|job| println!("{}", line(job))),
        Action::Retry { id: None, .. } => retry(pool, &dead).await?,
        Action::Retry { id: Some(id), .. } => {
            let job = dead.iter().find(|job| job.id.0 == id);
            let job = job.with_context(|| format!("no dead job has the id {id}; `trackscribe jobs list` shows all"))?;
            retry(pool, std::slice::from_ref(job)).await?;
        }
    }
    Ok(())
}

async fn retry(pool: &PgPool, dead: &[DeadJob]) -> Result<()> {
    let read = |job: &DeadJob| {
        serde_json::from_value::<Job>(job.payload.clone())
            .with_context(|| format!("job {} was written by another version and cannot be read", job.id))
    };
    let jobs = dead.iter().map(read).collect::<Result<Vec<_>>>()?;
    storage::jobs::add(&mut *pool.acquire().await?, &jobs).await?;
    println!("{} queued anew", jobs.len());
    Ok(())
}

fn line(job: &DeadJob) -> String {
    let at = job
        .finished_at
        .map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
        .unwrap_or_default();
    let error = job.error.as_deref().unwrap_or("its worker ended without a word");
    format!(
        "{}  {at}  {} after {} attempts: {error}\n    {}",
        job.id, job.queue, job.attempt, job.payload
    )
}
