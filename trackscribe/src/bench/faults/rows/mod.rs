//! The rows of the table: each plays one fault and says what may be lost.

mod clock;
mod disk;
mod egress;
mod livekit;
mod network;
mod none;
mod services;
mod store;
mod table;
mod worker;

use std::time::Duration;

use anyhow::Result;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::time::sleep;

pub use self::table::ROWS;
use super::{
    account::{Fault, Observation},
    meeting::{Ended, Meeting},
    stack::FaultStack,
};

/// People in a meeting. The last one is muted when the fault comes, and speaks afterwards.
pub const SPEAKERS: usize = 8;

/// Everyone speaks this long before the fault, after it, and after the muted one speaks again.
const SPEAKING: Duration = Duration::from_secs(4);

/// Longer than a change of mute needs.
const MUTED_BEFORE: Duration = Duration::from_secs(1);

/// The fault comes at a random moment of this many seconds, longer than any period of the recorder.
const MOMENT_S: f64 = 1.5;

/// Everything is stored and accepted by then.
const END_TIMEOUT: Duration = Duration::from_secs(40);

/// A track that is published during an outage is recorded this long after its end.
const NEW_TRACK_LIMIT_S: f64 = 20.0;

/// How long a row takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// For every run of the tests: seconds.
    Short,
    /// For a soak: as long as the table says.
    Long,
}

/// A row of the table.
pub struct Row {
    pub name: &'static str,
    /// What is broken.
    pub fault: &'static str,
    pub limits: Limits,
    /// Moments at which the fault is played in the short and in the long form.
    seeds: (u32, u32),
}

/// What a row may lose. `None` is not judged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Audio that was sent before the fault, in milliseconds: less than this.
    pub heard_before_ms: Option<f64>,
    /// All audio around the fault.
    pub missing_ms: Option<f64>,
    /// The longest hole of 99 in 100 tracks.
    pub hole_ms: Option<f64>,
    /// From the end of the fault until audio is recorded again.
    pub again_ms: Option<f64>,
    /// Distance between tracks.
    pub apart_ms: Option<f64>,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Played {
    pub observations: Vec<Observation>,
    pub problems: Vec<String>,
    pub apart_ms: f64,
    /// What only this row measures.
    pub figures: Vec<Figure>,
}

/// Something that only one row measures.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Figure {
    pub what: &'static str,
    pub value: f64,
    pub limit: f64,
    pub unit: &'static str,
}

impl Figure {
    fn new_tracks(ms: f64) -> Self {
        Self {
            what: "new tracks recorded after the outage",
            value: ms / 1000.0,
            limit: NEW_TRACK_LIMIT_S,
            unit: "s",
        }
    }
}

impl Row {
    pub fn seeds(&self, length: Length) -> u32 {
        match length {
            Length::Short => self.seeds.0,
            Length::Long => self.seeds.1,
        }
    }
}

/// What a row works with.
pub struct Play<'a> {
    pub stack: &'a FaultStack,
    pub length: Length,
    pub seeds: u32,
    pub random: StdRng,
    pub played: Played,
}

pub async fn play(row: &Row, stack: &FaultStack, length: Length, seeds: u32) -> Result<Played> {
    let mut play = Play {
        stack,
        length,
        seeds,
        random: StdRng::seed_from_u64(seeds.into()),
        played: Played::default(),
    };
    match row.name {
        "no-fault" => none::play(&mut play).await?,
        "egress-kill" => egress::kill(&mut play).await?,
        "egress-term" => egress::terminate(&mut play).await?,
        "egress-pause" => egress::pause(&mut play).await?,
        "livekit-kill" => livekit::kill(&mut play).await?,
        "store" => store::fail(&mut play).await?,
        "disk-full" => disk::full(&mut play).await?,
        "signal-cut" => network::signal_cut(&mut play).await?,
        "udp-blocked" => network::udp_blocked(&mut play).await?,
        "media-blocked" => network::media_blocked(&mut play).await?,
        "network-down" => network::network_down(&mut play).await?,
        "udp-never" => network::udp_never(&mut play).await?,
        "media-never" => network::media_never(&mut play).await?,
        "worker-kill" => worker::kill(&mut play).await?,
        "no-engine" => worker::no_engine(&mut play).await?,
        "clock-step" => clock::step(&mut play).await?,
        "server-down" => services::server(&mut play).await?,
        "postgres-down" => services::postgres(&mut play).await?,
        "redis-flush" => services::redis(&mut play).await?,
        other => unreachable!("the row {other} has no code"),
    }
    Ok(play.played)
}

impl<'a> Play<'a> {
    /// Holds a meeting: everyone speaks, one is muted, `fault` breaks something and mends it, everyone speaks again.
    /// Returns what became of the meeting.
    pub async fn meet(
        &mut self,
        fault: impl AsyncFnOnce(&mut Self, &mut Meeting<'a>) -> Result<Fault>,
    ) -> Result<(Ended, Fault)> {
        let mut meeting = Meeting::start(self.stack).await?;
        sleep(SPEAKING).await;
        meeting.set_last_muted(true);
        sleep(MUTED_BEFORE).await;
        self.random_pause(MOMENT_S).await;
        let fault = fault(self, &mut meeting).await?;
        sleep(SPEAKING).await;
        meeting.set_last_muted(false);
        sleep(SPEAKING).await;
        let ended = meeting.end(END_TIMEOUT).await?;
        self.add(&ended, &[fault]);
        if let Some(ms) = ended.newcomers_after_ms(fault) {
            self.played.figures.push(Figure::new_tracks(ms));
        }
        Ok((ended, fault))
    }

    /// How long an outage lasts.
    pub fn outage(&self, short: Duration, long: Duration) -> Duration {
        match self.length {
            Length::Short => short,
            Length::Long => long,
        }
    }

    /// A random moment within the next `seconds`.
    pub async fn random_pause(&mut self, seconds: f64) {
        let pause = self.random.random_range(0.0..seconds);
        sleep(Duration::from_secs_f64(pause)).await;
    }

    /// Adds what became of a meeting.
    pub fn add(&mut self, ended: &Ended, faults: &[Fault]) {
        self.played.observations.extend(ended.observe(faults));
        self.played.problems.extend(ended.problems());
        self.played.apart_ms = self.played.apart_ms.max(ended.apart_ms());
    }
}
