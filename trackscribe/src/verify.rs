//! `trackscribe verify`.

use anyhow::{Context, Result};
use clap::Subcommand;
use storage::PgPool;

use crate::database::DatabaseArgs;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Verifies the audit's chain of hashes, and names the first row and column that were changed
    ///
    /// Prints the number and the hash of the last row. Note them somewhere else: whoever may write to the database can make a
    /// new chain, which ends with another hash.
    Audit,
}

pub async fn run(args: Args) -> Result<()> {
    args.database.with_pool(async |pool| args.what.run(pool).await).await
}

impl What {
    async fn run(self, pool: &PgPool) -> Result<()> {
        match self {
            Self::Audit => {
                let head = storage::audit::verify(pool).await?.context("the audit was changed")?;
                println!(
                    "{} rows verified; the last has the hash {}",
                    head.seq,
                    hex::encode(head.hash)
                );
            }
        }
        Ok(())
    }
}
