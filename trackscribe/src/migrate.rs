//! `trackscribe migrate`.

use anyhow::Result;

use crate::database::DatabaseArgs;

/// Updates the database schema to this version
///
/// Server and worker do the same when they start. Running it several times at once is safe.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
}

pub async fn run(args: Args) -> Result<()> {
    args.database
        .with_pool(async |pool| Ok(storage::pool::migrate(pool).await?))
        .await?;
    println!("the schema is up to date");
    Ok(())
}
