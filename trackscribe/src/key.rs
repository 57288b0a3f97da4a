//! `trackscribe key`.

use ::server::keys::{self, Scope};
use anyhow::{Result, bail};
use chrono::{SecondsFormat, Utc};
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
    /// Makes a key and prints it, once: nobody can tell it later
    Create {
        /// Whose key it is, for lists
        #[arg(long, value_name = "TEXT")]
        name: String,
        /// What it allows: read, write or admin; each includes those before it
        #[arg(long = "scope", default_value = "read", value_name = "SCOPE")]
        scopes: Vec<Scope>,
    },
    /// Lists all keys, revoked ones included
    List,
    /// Ends a key
    Revoke {
        /// Its id, from `key list`
        id: Uuid,
    },
}

pub async fn run(args: Args) -> Result<()> {
    let pool = args.database.connect()?;
    let outcome = act(&pool, args.action).await;
    pool.close().await;
    outcome
}

async fn act(pool: &PgPool, action: Action) -> Result<()> {
    match action {
        Action::Create { name, scopes } => {
            let key = keys::create(pool, &name, &scopes).await?;
            // On standard output alone, so that a script can keep it.
            eprintln!("key {} for {name}; it is shown only now:", key.id);
            println!("{}", key.text.expose_secret());
        }
        Action::List => {
            let keys = storage::api_keys::list(&mut *pool.acquire().await?).await?;
            keys.iter().for_each(|key| println!("{}", line(key)));
        }
        Action::Revoke { id } => {
            let revoked = storage::api_keys::revoke(&mut *pool.acquire().await?, ApiKeyId(id), Utc::now()).await?;
            if !revoked {
                bail!("there is no key {id} that could be revoked; `trackscribe key list` shows all");
            }
            println!("key {id} is revoked");
        }
    }
    Ok(())
}

fn line(key: &ApiKey) -> String {
    let time = |at: chrono::DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
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
