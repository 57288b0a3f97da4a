//! `trackscribe migrate`.

use anyhow::Result;

use crate::database::DatabaseArgs;

/// Brings the database to this version's schema. Servers do it at their start, too; several at once are safe.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
}

pub async fn run(args: Args) -> Result<()> {
    let pool = args.database.connect()?;
    storage::pool::migrate(&pool).await?;
    pool.close().await;
    println!("the schema is up to date");
    Ok(())
}
