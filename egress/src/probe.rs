//! Writes a probe object to the configured store, from which the job worker sees that both use the same store, and keeps
//! the store free of what interrupted writes leave.

use std::time::Duration;

use chrono::Utc;
use objects::StoreConfig;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The pause between two attempts while the store is unavailable.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// Writes the probe object, and then deletes at intervals what interrupted writes left in the store, until `stop` is
/// cancelled.
pub async fn tend(store: StoreConfig, stop: CancellationToken) {
    write(store.clone(), stop.clone()).await;
    let Ok(objects) = objects::open(&store) else { return };
    stop.run_until_cancelled(objects::sweeper::run(objects.as_ref())).await;
}

/// Tries until the object is written or `stop` is cancelled. Recording does not wait for this: the spool holds what
/// cannot be stored yet.
pub async fn write(store: StoreConfig, stop: CancellationToken) {
    let objects = match objects::open(&store) {
        Ok(objects) => objects,
        Err(error) => {
            tracing::error!("cannot open the configured store: {:#}", anyhow::Error::from(error));
            return;
        }
    };
    loop {
        match objects::probe::write(objects.as_ref(), "egress", Utc::now()).await {
            Ok(()) => return,
            Err(error) => {
                let store = objects.describe();
                tracing::error!(
                    store,
                    "cannot write to the configured store: {:#}",
                    anyhow::Error::from(error)
                );
            }
        }
        if stop.run_until_cancelled(sleep(RETRY_PAUSE)).await.is_none() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use objects::FolderConfig;

    use super::*;

    #[tokio::test]
    async fn the_probe_object_can_be_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = StoreConfig::Folder(FolderConfig {
            root: folder.path().to_owned(),
        });

        write(store.clone(), CancellationToken::new()).await;

        let found = objects::probe::read(objects::open(&store).unwrap().as_ref(), "egress").await;
        assert!(found.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_written_to_does_not_delay_shutdown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let store = StoreConfig::Folder(FolderConfig {
            root: file.path().join("below-a-file"),
        });
        let stop = CancellationToken::new();
        stop.cancel();

        write(store, stop).await;
    }
}
