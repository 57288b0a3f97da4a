//! Leaves an object in the configured store, by which the worker sees that both mean the same one.

use std::time::Duration;

use chrono::Utc;
use objects::StoreConfig;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Between two tries, while the store is away.
const RETRY: Duration = Duration::from_secs(10);

/// Tries until it is done or `stop`. A store that is away does not keep the recorder from recording: the spool holds
/// what cannot be stored yet.
pub async fn leave(store: StoreConfig, stop: CancellationToken) {
    let objects = match objects::open(&store) {
        Ok(objects) => objects,
        Err(error) => {
            tracing::error!(
                "the configured store cannot be opened: {:#}",
                anyhow::Error::from(error)
            );
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
                    "the configured store cannot be written to: {:#}",
                    anyhow::Error::from(error)
                );
            }
        }
        if stop.run_until_cancelled(sleep(RETRY)).await.is_none() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use objects::FolderConfig;

    use super::*;

    #[tokio::test]
    async fn the_worker_finds_what_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let store = StoreConfig::Folder(FolderConfig {
            root: folder.path().to_owned(),
        });

        leave(store.clone(), CancellationToken::new()).await;

        let found = objects::probe::read(objects::open(&store).unwrap().as_ref(), "egress").await;
        assert!(found.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_written_to_does_not_hold_up_the_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let store = StoreConfig::Folder(FolderConfig {
            root: file.path().join("below-a-file"),
        });
        let stop = CancellationToken::new();
        stop.cancel();

        leave(store, stop).await;
    }
}
