//! `trackscribe token`.

use anyhow::Result;
use domain::RoomName;
use secrecy::ExposeSecret;

use crate::api::ApiArgs;

/// Prints a URL and a token for joining a room with any LiveKit client
///
/// Creates the room with default settings if it does not exist. By default rooms are recorded.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the room: 1 to 63 characters from a-z, 0-9 and '-'
    #[arg(long, value_name = "ROOM", value_parser = |name: &str| RoomName::parse(name))]
    room: RoomName,
    /// Display name of the participant
    #[arg(long, value_name = "NAME")]
    name: String,
    #[command(flatten)]
    api: ApiArgs,
}

pub async fn run(args: Args) -> Result<()> {
    let api = args.api.connect()?;
    api.ensure_room(args.room.as_str()).await?;
    let join = api.join(args.room.as_str(), &args.name).await?;
    println!("url    {}", join.url);
    println!("token  {}", join.token.expose_secret());
    Ok(())
}
