//! The store fails in every way, while a meeting ends and its files are to be stored.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::{MUTED_BEFORE, Play, SPEAKING};
use crate::{
    bench::faults::{
        account::Fault,
        garage::{BUCKET, Garage, REGION},
        meeting::Meeting,
        proxy::s3::{S3Proxy, StoreMood},
        stack::{FaultStack, Variable},
    },
    up::plan::{SERVER, WORKER},
};

/// How the store fails, one after the other, and for how long each in the long form.
const MOODS: [(StoreMood, Duration); 4] = [
    (StoreMood::Denied, Duration::from_secs(120)),
    (StoreMood::OneInThree, Duration::from_secs(60)),
    (StoreMood::CutBody, Duration::from_secs(60)),
    (StoreMood::Down, Duration::from_secs(600)),
];

/// How long it fails in each way in the short form.
const SHORT: Duration = Duration::from_secs(5);

/// Everything is stored and accepted this long after the store answers again.
const STORED_TIMEOUT: Duration = Duration::from_secs(90);

/// The first part of every key.
const PREFIX: &str = "archive/2026";

/// An S3 server with one bucket, and the proxy in front of it.
struct Store {
    garage: Garage,
    proxy: S3Proxy,
}

impl Store {
    async fn start(stack: &FaultStack) -> Result<Self> {
        let garage = Garage::start(stack).await?;
        stack.use_bucket(garage.objects.clone());
        let proxy = S3Proxy::start(garage.port).await?;
        let store = Self { garage, proxy };
        stack.configure_egress(|text| store.edit(&text), || Ok(())).await?;
        for name in [SERVER, WORKER] {
            stack.configure(name, store.environment()).await?;
        }
        Ok(store)
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.proxy.port)
    }

    fn environment(&self) -> Vec<Variable> {
        let aws = |name: &str, value: &str| (format!("TRANSCRIPT_STORAGE_AWS_{name}"), value.to_owned());
        vec![
            ("TRACKSCRIBE_STORAGE".to_owned(), String::new()),
            aws("BUCKET_NAME", BUCKET),
            aws("REGION", REGION),
            aws("ACCESS_KEY_ID", &self.garage.access_key),
            aws("SECRET_ACCESS_KEY", &self.garage.secret),
            aws("ENDPOINT_URL", &self.endpoint()),
        ]
    }

    /// Replaces the folder by the bucket, and sets a prefix.
    fn edit(&self, text: &str) -> String {
        let s3 = format!(
            "  s3: {{bucket: {BUCKET}, region: {REGION}, access_key: {}, secret: {}, endpoint: \"{}\", force_path_style: true}}",
            self.garage.access_key,
            self.garage.secret,
            self.endpoint(),
        );
        let edit = |line: &str| {
            if line.starts_with("  prefix:") {
                format!("  prefix: {PREFIX}\n")
            } else if line.starts_with("  file:") {
                format!("{s3}\n")
            } else if line.starts_with("    root:") {
                String::new()
            } else {
                format!("{line}\n")
            }
        };
        text.lines().map(edit).collect()
    }
}

pub async fn fail(play: &mut Play<'_>) -> Result<()> {
    let store = Store::start(play.stack).await?;
    for _ in 0..play.seeds {
        play_meeting(play, &store).await?;
    }
    store.garage.stop().await;
    Ok(())
}

async fn play_meeting(play: &mut Play<'_>, store: &Store) -> Result<()> {
    let mut meeting = Meeting::start(play.stack).await?;
    sleep(SPEAKING).await;
    meeting.set_last_muted(true);
    sleep(MUTED_BEFORE).await;
    let at = Instant::now();
    store.proxy.set(MOODS[0].0);
    sleep(MUTED_BEFORE).await;
    meeting.set_last_muted(false);
    sleep(SPEAKING).await;
    meeting.leave().await;
    for (mood, long) in MOODS {
        store.proxy.set(mood);
        sleep(play.outage(SHORT, long)).await;
    }
    store.proxy.set(StoreMood::Up);
    let answered = at;
    let ended = meeting.end(STORED_TIMEOUT).await?;
    play.add(&ended, &[Fault { at, answered }]);
    Ok(())
}
