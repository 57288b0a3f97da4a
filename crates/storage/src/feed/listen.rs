//! Notifications of published events.

use sqlx::{PgPool, postgres::PgListener};

use crate::StorageError;

/// Channel that is notified when events were published.
pub(super) const CHANNEL: &str = "feed";

/// A connection that is notified when events were published. Only a hint: notifications sent while it is broken are lost.
pub struct Published(PgListener);

impl Published {
    /// Takes a connection out of the pool and listens on it.
    pub async fn listen(pool: &PgPool) -> Result<Self, StorageError> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }

    /// Waits until events were published. Reconnects by itself; an error means that reconnecting failed.
    pub async fn next(&mut self) -> Result<(), StorageError> {
        self.0.try_recv().await?;
        Ok(())
    }
}
