//! `trackscribe jobs`.

use anyhow::{Context, Result};
use chrono::SecondsFormat;
use clap::Subcommand;
use domain::job::Job;
use storage::{PgPool, jobs::DeadJob};
use uuid::Uuid;

use crate::database::DatabaseArgs;

/// Most dead jobs that are listed or retried at once.
const LIMIT: i64 = 1000;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists dead jobs with their errors, newest first
    List,
    /// Queues a new job for a dead one, or for all; the dead ones are kept as a record
    Retry {
        /// Id of a dead job, from `jobs list`
        #[arg(required_unless_present = "all")]
        id: Option<Uuid>,
        /// Retry every dead job
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

pub async fn run(args: Args) -> Result<()> {
    args.database.with_pool(async |pool| args.action.run(pool).await).await
}

impl Action {
    async fn run(self, pool: &PgPool) -> Result<()> {
        let dead = storage::jobs::list_dead(&mut *pool.acquire().await?, LIMIT).await?;
        match self {
            Action::List if dead.is_empty() => println!("no job is dead"),
            Action::List => dead.iter().for_each(|job| println!("{}", line(job))),
            Action::Retry { id: None, .. } => retry(pool, &dead).await?,
            Action::Retry { id: Some(id), .. } => {
                let job = dead.iter().find(|job| job.id.0 == id);
                let job =
                    job.with_context(|| format!("no dead job has the id {id}; `trackscribe jobs list` lists them"))?;
                retry(pool, std::slice::from_ref(job)).await?;
            }
        }
        Ok(())
    }
}

async fn retry(pool: &PgPool, dead: &[DeadJob]) -> Result<()> {
    let read = |job: &DeadJob| {
        serde_json::from_value::<Job>(job.payload.clone())
            .with_context(|| format!("cannot read job {}, which another version wrote", job.id))
    };
    let jobs = dead.iter().map(read).collect::<Result<Vec<_>>>()?;
    storage::jobs::add(&mut *pool.acquire().await?, &jobs).await?;
    println!("{} queued", jobs.len());
    Ok(())
}

fn line(job: &DeadJob) -> String {
    let at = job
        .finished_at
        .map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
        .unwrap_or_default();
    let error = job
        .error
        .as_deref()
        .unwrap_or("the worker ended without storing an error");
    format!(
        "{}  {at}  {} after {} attempts: {error}\n    {}",
        job.id, job.queue, job.attempt, job.payload
    )
}
