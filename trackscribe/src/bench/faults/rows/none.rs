//! Nothing is broken: whatever is missing here is the bench's own mistake, or a recorder that loses audio without a fault.

use std::time::Instant;

use anyhow::Result;

use super::Play;
use crate::bench::faults::account::Fault;

pub async fn play(play: &mut Play<'_>) -> Result<()> {
    for _ in 0..play.seeds {
        let nothing = async |_: &mut Play<'_>, _: &mut _| {
            let now = Instant::now();
            Ok(Fault { at: now, answered: now })
        };
        play.meet(nothing).await?;
    }
    Ok(())
}
