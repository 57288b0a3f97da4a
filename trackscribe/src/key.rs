//! `trackscribe key`.

use ::server::keys::{self, Scope};
use anyhow::{Result, bail};
use chrono::SecondsFormat;
use clap::Subcommand;
use domain::ApiKeyId;
use secrecy::ExposeSecret;
use storage::{PgPool, api_keys::ApiKey};
use uuid::Uuid;

use crate::database::DatabaseArgs;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Creates a key and prints it; it cannot be shown again
    Create {
        /// Name of the key in lists
        #[arg(long, value_name = "TEXT")]
        name: String,
        /// Scope of the key, may be repeated: read, write (includes read), join (issues tokens to join rooms) or admin (includes all)
        #[arg(long = "scope", default_value = "read", value_name = "SCOPE")]
        scopes: Vec<Scope>,
    },
    /// Lists all keys, including revoked ones
    List,
    /// Revokes a key
    Revoke {
        /// Id of the key, from `key list`
        id: Uuid,
    },
}

pub async fn run(args: Args) -> Result<()> {
    args.database.with_pool(async |pool| args.action.run(pool).await).await
}

impl Action {
    async fn run(self, pool: &PgPool) -> Result<()> {
        match self {
            Action::Create { name, scopes } => {
                let key = keys::create(pool, &name, &scopes).await?;
                // Only the key goes to standard output, so that a script can store it.
                eprintln!("created key {} for {name}; it cannot be shown again:", key.id);
                println!("{}", key.text.expose_secret());
            }
            Action::List => {
                let keys = storage::api_keys::list(&mut *pool.acquire().await?).await?;
                keys.iter().for_each(|key| println!("{}", line(key)));
            }
            Action::Revoke { id } => {
                let revoked = keys::revoke(pool, ApiKeyId(id)).await?;
                if !revoked {
                    bail!("no valid key has the id {id}; `trackscribe key list` lists all keys");
                }
                println!("revoked key {id}");
            }
        }
        Ok(())
    }
}

fn line(key: &ApiKey) -> String {
    let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let used = key
        .last_used_at
        .map_or_else(|| "never used".to_owned(), |at| format!("used {}", time(at)));
    let state = key
        .revoked_at
        .map_or_else(|| "valid".to_owned(), |at| format!("revoked {}", time(at)));
    let scopes = key.scopes.join(",");
    format!(
        "{}  {}…  {scopes:<16}  {state}  {used}  {}",
        key.id, key.prefix, key.name
    )
}
