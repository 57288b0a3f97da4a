//! `.env`, as the first start writes it.

use anyhow::Result;
use url::Url;

use crate::{
    setup::{self, DataDir, Site},
    up::ports::Ports,
};

/// Returns the file of a new data folder, with placeholders for the folder and for secrets.
pub fn example() -> Result<String> {
    let folder = tempfile::tempdir()?;
    let data = DataDir::at(folder.path())?;
    let path = data.path().display().to_string();
    let file = data.env_file();
    setup::prepare(Site {
        data,
        ports: Ports::default(),
        node_ip: "192.0.2.7".to_owned(),
        settings: Vec::new(),
    })?;
    let text = std::fs::read_to_string(file)?.replace(&path, "/path/to/data");
    Ok(text.lines().map(without_secret).collect::<Vec<_>>().join("\n"))
}

/// Replaces what every installation generates for itself.
fn without_secret(line: &str) -> String {
    match line.split_once('=') {
        Some((name @ "LIVEKIT_API_KEY", _)) => format!("{name}=API_KEY"),
        Some((name @ ("LIVEKIT_API_SECRET" | "TRACKSCRIBE_SIGNING_SECRET"), _)) => format!("{name}=SECRET"),
        Some((name, value)) => format!("{name}={}", without_password(value)),
        None => line.to_owned(),
    }
}

fn without_password(value: &str) -> String {
    let password = Url::parse(value).ok().and_then(|url| url.password().map(str::to_owned));
    password.map_or_else(|| value.to_owned(), |password| value.replace(&password, "PASSWORD"))
}
