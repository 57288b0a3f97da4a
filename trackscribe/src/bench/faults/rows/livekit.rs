//! livekit-server dies and comes back. Everyone joins again, as browsers do, and LiveKit gives them new tracks.

use std::time::Duration;

use anyhow::Result;

use super::Play;
use crate::{
    bench::faults::{account::Fault, meeting::Meeting},
    up::plan::LIVEKIT,
};

/// Everyone is back and recorded by then. What is not shows in the figures.
const BACK_TIMEOUT: Duration = Duration::from_secs(40);

pub async fn kill(play: &mut Play<'_>) -> Result<()> {
    for _ in 0..play.seeds {
        play.meet(async |play: &mut Play<'_>, meeting: &mut Meeting<'_>| {
            let (at, answered) = play.stack.crash(LIVEKIT).await?;
            let _back = meeting.wait_until_recorded(BACK_TIMEOUT).await;
            Ok(Fault { at, answered })
        })
        .await?;
    }
    Ok(())
}
