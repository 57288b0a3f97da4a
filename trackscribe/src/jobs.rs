//! `trackscribe jobs`.

use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::{SecondsFormat, Utc};
use clap::Subcommand;
use domain::{
    clock::IdSource,
    job::{Job, JobSubject},
    meeting::{Change, Env, Meeting, Outcome},
    room::Room,
};
use storage::{ChangeTx, PgPool, jobs::DeadJob};
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
    /// Lists dead jobs with their errors, newest first, and jobs that wait for a worker of a newer version
    List,
    /// Queues a new job for a dead one, or for all, unless it can no longer have an effect; the dead ones are kept as a record
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
            Action::List => list(pool, &dead).await?,
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

async fn list(pool: &PgPool, dead: &[DeadJob]) -> Result<()> {
    if dead.is_empty() {
        println!("no job is dead");
    }
    dead.iter().for_each(|job| println!("{}", line(job)));
    for job in storage::jobs::list_unread(&mut *pool.acquire().await?, LIMIT).await? {
        let at = job.created_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let (id, queue) = (job.id, job.queue);
        println!(
            "{id}  {at}  {queue} waits for a worker of a newer version, which wrote it\n    {}",
            job.payload
        );
    }
    Ok(())
}

/// Queues dead jobs again that can still have an effect, and says why the others cannot.
async fn retry(pool: &PgPool, dead: &[DeadJob]) -> Result<()> {
    let mut queued = 0;
    for job in dead {
        match reopen(pool, job).await? {
            None => queued += 1,
            Some(refusal) => println!("{} {}: not retried: {refusal}", job.id, job.queue),
        }
    }
    println!("{queued} queued");
    Ok(())
}

/// Queues a dead job again and undoes what was concluded from its death. Returns why not, if it can no longer have an
/// effect.
async fn reopen(pool: &PgPool, dead: &DeadJob) -> Result<Option<String>> {
    let Ok(job) = serde_json::from_value::<Job>(dead.payload.clone()) else {
        return Ok(Some("another version of this program wrote it".to_owned()));
    };
    let mut tx = ChangeTx::begin(pool).await?;
    let env = Env {
        now: Utc::now(),
        ids: &(Arc::new(Uuid::now_v7) as IdSource),
    };
    let mut refusal = None;
    let decide = |_: &Room, meeting: &Meeting| {
        meeting.reopen(&job, env).unwrap_or_else(|why| {
            refusal = Some(why.to_string());
            Change::new(Outcome::Ignored)
        })
    };
    let found = match job.subject() {
        JobSubject::Capture(id) => tx.change_meeting_of_capture(id, decide).await?,
        JobSubject::Recording(id) => tx.change_meeting_of(id, decide).await?,
        JobSubject::Meeting(id) => tx.change_meeting(id, decide).await?,
    };
    tx.commit().await?;
    Ok(refusal.or(found
        .is_none()
        .then(|| "its recording or meeting no longer exists".to_owned())))
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
