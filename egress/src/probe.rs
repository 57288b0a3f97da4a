//! Writes a probe object to the configured store, from which the job worker sees that both use the same store, and keeps
//! the store free of what interrupted writes leave.

use std::time::Duration;

use chrono::Utc;
use objects::{Objects, StoreConfig};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The pause between two attempts while the store is unavailable.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// Writes the probe object, and then deletes at intervals what interrupted writes left in the store, until `stop` is
/// cancelled. Recording does not wait for this: the spool holds what cannot be stored yet.
pub async fn tend(store: StoreConfig, stop: CancellationToken) {
    let tending = async {
        let objects = open(&store).await;
        write(&objects).await;
        objects::sweeper::run(objects.as_ref()).await
    };
    stop.run_until_cancelled(tending).await;
}

/// Tries until the store is opened: its disk may be mounted later.
async fn open(store: &StoreConfig) -> Objects {
    loop {
        match objects::open(store) {
            Ok(objects) => return objects,
            Err(error) => tracing::error!("cannot open the configured store: {:#}", anyhow::Error::from(error)),
        }
        sleep(RETRY_PAUSE).await;
    }
}

/// Tries until the object is written.
async fn write(objects: &Objects) {
    while let Err(error) = objects::probe::write(objects.as_ref(), "egress", Utc::now()).await {
        let (store, error) = (objects.describe(), anyhow::Error::from(error));
        tracing::error!(store, "cannot write to the configured store: {error:#}");
        sleep(RETRY_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use objects::FolderConfig;
    use test_support::wait_until;

    use super::*;

    fn folder(root: &Path) -> StoreConfig {
        StoreConfig::Folder(FolderConfig { root: root.to_owned() })
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_opened_at_the_start_gets_its_probe_later() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "in the way").unwrap();
        let store = folder(&file.join("objects"));
        let stop = CancellationToken::new();
        let tending = tokio::spawn(tend(store.clone(), stop.clone()));
        // The first attempt runs up to its pause.
        tokio::task::yield_now().await;

        std::fs::remove_file(&file).unwrap();
        let found = wait_until("the probe is written", RETRY_PAUSE * 6, async || {
            let objects = objects::open(&store).ok()?;
            objects::probe::read(objects.as_ref(), "egress").await.unwrap()
        })
        .await;
        stop.cancel();
        tending.await.unwrap();

        assert!(found <= Utc::now());
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_written_to_does_not_delay_shutdown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stop = CancellationToken::new();
        stop.cancel();

        tend(folder(&file.path().join("below-a-file")), stop).await;
    }
}
