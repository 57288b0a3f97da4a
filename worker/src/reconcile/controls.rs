//! Finds people who may not be in their meeting, because they were removed or it is locked, and permissions that differ from
//! what a host has decided.

use std::sync::Arc;

use domain::{
    MeetingId,
    controls::{Controls, Enforcement},
    event::EventRoom,
    meeting::MeetingHead,
};
use platform::{ConnectedPerson, Control, Platform, PlatformError};
use storage::{meetings, rooms};

use super::{ReconcileError, one};
use crate::context::WorkerContext;

/// Enforces the decisions about all open meetings.
pub async fn reconcile(ctx: &WorkerContext) -> Result<(), ReconcileError> {
    for id in storage::controls::list_open(&mut *ctx.conn().await?).await? {
        one("controls", id, enforce(ctx, id)).await;
    }
    Ok(())
}

/// Enforces the decisions about a meeting. Does nothing once it is over, or on a platform that has no such commands.
pub async fn enforce(ctx: &WorkerContext, id: MeetingId) -> Result<(), ReconcileError> {
    let Some((room, platform, controls)) = load(ctx, id).await? else {
        return Ok(());
    };
    let people = match platform.people(&room).await {
        Err(PlatformError::Unsupported(..)) => return Ok(()),
        answer => answer?,
    };
    for person in people {
        if let Some(command) = command(&controls, &person) {
            tracing::info!(meeting.id = %id, identity = %person.identity, "cannot stay as they are: {}", command.capability());
            enforce_one(&platform, &room, &command).await?;
        }
    }
    Ok(())
}

async fn load(
    ctx: &WorkerContext,
    id: MeetingId,
) -> Result<Option<(EventRoom, Arc<dyn Platform>, Controls)>, ReconcileError> {
    let mut conn = ctx.conn().await?;
    let open = meetings::find(&mut conn, id).await?.filter(MeetingHead::is_open);
    let Some(meeting) = open else { return Ok(None) };
    let room = rooms::find(&mut conn, meeting.room_id).await?;
    let (Some(room), Some(platform)) = (room, ctx.platforms.get(meeting.platform_room.platform)) else {
        return Ok(None);
    };
    let controls = storage::controls::load(&mut conn, id).await?;
    Ok(
        Some((meeting.platform_room.named(&room.name), platform.clone(), controls))
            .filter(|(_, _, controls)| !controls.is_empty()),
    )
}

fn command(controls: &Controls, person: &ConnectedPerson) -> Option<Control> {
    match controls.enforce(&person.identity, person.kind, person.permissions) {
        Enforcement::None => None,
        Enforcement::Remove => Some(Control::Remove(person.identity.clone())),
        Enforcement::Permit(permissions) => Some(Control::Permit(person.identity.clone(), permissions)),
    }
}

/// Somebody who has left meanwhile needs nothing any more.
async fn enforce_one(platform: &Arc<dyn Platform>, room: &EventRoom, command: &Control) -> Result<(), PlatformError> {
    match platform.control(room, command).await {
        Err(PlatformError::NotFound(..)) => Ok(()),
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use domain::{RoomName, participant::Role, permissions::Permissions};
    use platform::fake::Availability;
    use storage::PgPool;

    use super::*;
    use crate::support::{ROOM, WorkerTest};

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn whoever_was_removed_is_removed_again_when_they_return(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        let id = test.meeting_with_recordings(&["ada", "mallory"]).await.head.id;
        let mut conn = test.ctx.conn().await.unwrap();
        storage::controls::remove(&mut conn, id, &"mallory".into(), test.now())
            .await
            .unwrap();
        test.platform.set_availability(Availability::Down);

        let down = enforce(&test.ctx, id).await;
        test.platform.set_availability(Availability::Up);
        enforce(&test.ctx, id).await.unwrap();
        enforce(&test.ctx, id).await.unwrap();
        storage::controls::readmit(&mut conn, id, &"mallory".into())
            .await
            .unwrap();
        enforce(&test.ctx, id).await.unwrap();

        assert!(down.is_err());
        assert_eq!(test.platform.commands(), [Control::Remove("mallory".into())]);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_locked_meeting_keeps_its_people_and_changed_permissions_are_restored(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        let head = test.meeting_with_recordings(&["ada"]).await.head;
        let (id, room) = (head.id, head.platform_room.named(&RoomName::parse(ROOM).unwrap()));
        let mut conn = test.ctx.conn().await.unwrap();
        let quiet = Permissions::of(Role::Listener);
        storage::controls::lock(&mut conn, id, &[], test.now()).await.unwrap();
        storage::controls::permit(&mut conn, id, &"ada".into(), quiet, test.now())
            .await
            .unwrap();
        let mut stranger = test.platform.list_participants(&room).await.unwrap()[0].clone();
        stranger.participant.identity = "eve".into();
        test.platform.join_room(ROOM, stranger);

        reconcile(&test.ctx).await.unwrap();
        reconcile(&test.ctx).await.unwrap();

        let expected = [Control::Permit("ada".into(), quiet), Control::Remove("eve".into())];
        assert_eq!(test.platform.commands(), expected);
    }
}
