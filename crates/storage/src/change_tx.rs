//! The only way to change a meeting: begin, lock the room, let the domain decide, save, commit, publish the facts. Webhooks,
//! jobs and reconcilers all take it.

use domain::{
    CaptureId, FeedEventId, MeetingId, RecordingId, RoomName,
    feed::NewFeedEvent,
    meeting::{Change, EventContext, Fact, Meeting, Sighting},
    room::Room,
};
use sqlx::{PgConnection, PgPool, PgTransaction};

use uuid::Uuid;

use crate::{
    StorageError, captures, facts, feed,
    meetings::{self, Adopt},
    pool, recordings,
};

/// A transaction that changes meetings. Dropping it rolls back.
///
/// Each room is locked by its first change until the transaction ends, so a transaction changes one room and is short.
pub struct ChangeTx {
    tx: PgTransaction<'static>,
    facts: Vec<Fact>,
    /// The same facts, as customers are told.
    events: Vec<NewFeedEvent>,
}

impl ChangeTx {
    /// Begins a transaction on a connection from the pool.
    pub async fn begin(pool: &PgPool) -> Result<Self, StorageError> {
        Ok(Self {
            tx: pool::begin(pool).await?,
            facts: Vec::new(),
            events: Vec::new(),
        })
    }

    /// Returns the connection, for other statements of the same transaction.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Saves what `decide` makes of a meeting and returns it; `None` if the meeting was deleted.
    pub async fn change_meeting(
        &mut self,
        id: MeetingId,
        decide: impl FnOnce(&Room, &Meeting) -> Change,
    ) -> Result<Option<Change>, StorageError> {
        match meetings::lock(&mut self.tx, id).await? {
            Some((room, meeting)) => self.save(&room, decide(&room, &meeting)).await.map(Some),
            None => Ok(None),
        }
    }

    /// Saves what `decide` makes of the meeting of a recording and returns it; `None` if the meeting was deleted.
    pub async fn change_meeting_of(
        &mut self,
        id: RecordingId,
        decide: impl FnOnce(&Room, &Meeting) -> Change,
    ) -> Result<Option<Change>, StorageError> {
        match recordings::find(&mut self.tx, id).await? {
            Some(recording) => self.change_meeting(recording.meeting_id, decide).await,
            None => Ok(None),
        }
    }

    /// Saves what `decide` makes of the meeting of a capture and returns it; `None` if the meeting was deleted.
    pub async fn change_meeting_of_capture(
        &mut self,
        id: CaptureId,
        decide: impl FnOnce(&Room, &Meeting) -> Change,
    ) -> Result<Option<Change>, StorageError> {
        match captures::find(&mut self.tx, id).await? {
            Some(capture) => self.change_meeting(capture.meeting_id, decide).await,
            None => Ok(None),
        }
    }

    /// Saves what `decide` makes of what is known about the platform room of a sighting and returns it; `None` if the room is not ours.
    pub async fn change_platform_room(
        &mut self,
        sighting: Sighting<'_>,
        adopt: Adopt,
        decide: impl FnOnce(&EventContext) -> Change,
    ) -> Result<Option<Change>, StorageError> {
        match meetings::event_context(&mut self.tx, sighting, adopt).await? {
            Some(context) => self.save(&context.room, decide(&context)).await.map(Some),
            None => Ok(None),
        }
    }

    /// Adds a fact about a meeting of `room` that no change of the meeting tells.
    pub fn add_fact(&mut self, room: &Room, fact: &Fact) {
        self.tell(&room.name, fact);
    }

    /// Adds the facts to the feed, commits, and publishes them.
    pub async fn commit(mut self) -> Result<(), StorageError> {
        feed::insert(&mut self.tx, &self.events).await?;
        pool::commit(self.tx).await?;
        self.facts.iter().for_each(facts::publish);
        Ok(())
    }

    async fn save(&mut self, room: &Room, change: Change) -> Result<Change, StorageError> {
        meetings::save(&mut self.tx, &change).await?;
        change.facts.iter().for_each(|fact| self.tell(&room.name, fact));
        Ok(change)
    }

    fn tell(&mut self, room: &RoomName, fact: &Fact) {
        let id = FeedEventId(Uuid::now_v7());
        self.events.push(NewFeedEvent::of_fact(id, room, fact));
        self.facts.push(fact.clone());
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use domain::job::Job;

    use super::*;
    use crate::support;

    #[sqlx::test]
    async fn rows_and_jobs_of_a_change_are_committed_together_or_not_at_all(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let meeting = support::meeting_with_track(&mut conn).await.head.id;
        let close = |_: &Room, meeting: &Meeting| meeting.mark_unlisted(support::now() + TimeDelta::days(1));

        let mut dropped = ChangeTx::begin(&pool).await.unwrap();
        let change = dropped.change_meeting(meeting, close).await.unwrap().unwrap();
        drop(dropped);
        let after_drop = meetings::find(&mut conn, meeting).await.unwrap().unwrap();
        let mut committed = ChangeTx::begin(&pool).await.unwrap();
        committed.change_meeting(meeting, close).await.unwrap();
        crate::jobs::add(committed.conn(), &[Job::MergeTranscript { meeting_id: meeting }])
            .await
            .unwrap();
        committed.commit().await.unwrap();

        let after_commit = meetings::find(&mut conn, meeting).await.unwrap().unwrap();
        assert_eq!(change.meetings[0], after_commit);
        assert_ne!(after_drop.state, after_commit.state);
    }

    #[sqlx::test]
    async fn what_was_deleted_is_not_changed(pool: PgPool) {
        let mut tx = ChangeTx::begin(&pool).await.unwrap();
        let never = |_: &Room, _: &Meeting| unreachable!("there is nothing to decide about");

        let meeting = tx.change_meeting(MeetingId(uuid::Uuid::nil()), never).await.unwrap();
        let recording = tx
            .change_meeting_of(RecordingId(uuid::Uuid::nil()), never)
            .await
            .unwrap();

        let capture = tx
            .change_meeting_of_capture(CaptureId(uuid::Uuid::nil()), never)
            .await
            .unwrap();

        assert_eq!((meeting, recording, capture), (None, None, None));
    }
}
