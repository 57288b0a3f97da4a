//! A meeting that somebody controls.

use std::sync::Arc;

use domain::{
    Identity, MeetingId,
    audit::{Actor, AuditAction, AuditEntry, AuditSubject},
    controls::{Admission, Controls},
    event::EventRoom,
    meeting::MeetingHead,
    room::Room,
};
use platform::{ConnectedPerson, Control, Platform};
use serde_json::Value;
use storage::PgConnection;

use crate::{
    api::error::{ApiError, ApiResult},
    state::AppState,
    tokens::ParticipantClaims,
};

/// A meeting, the decisions about its people, and who controls it.
pub struct ControlledMeeting {
    pub meeting: MeetingHead,
    pub room: Room,
    pub controls: Controls,
    actor: Actor,
    app: AppState,
}

impl ControlledMeeting {
    pub async fn load(id: MeetingId, app: &AppState) -> ApiResult<Self> {
        let mut conn = app.conn().await?;
        let not_found = || ApiError::NotFound("meeting");
        let meeting = storage::meetings::find(&mut conn, id).await?.ok_or_else(not_found)?;
        let room = storage::rooms::find(&mut conn, meeting.room_id).await?;
        Ok(Self {
            room: room.ok_or_else(not_found)?,
            controls: storage::controls::load(&mut conn, id).await?,
            meeting,
            actor: Actor::Operator,
            app: app.clone(),
        })
    }

    pub fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    pub fn id(&self) -> MeetingId {
        self.meeting.id
    }

    /// Whether these are the claims of somebody in this meeting, who was not removed from it.
    pub fn is_of(&self, claims: &ParticipantClaims) -> bool {
        claims.is_for(self.room.id, self.meeting.id, self.meeting.started_at)
            && self.controls.admission(Some(&claims.identity)) == Admission::Admitted
    }

    /// Returns who is connected.
    pub async fn people(&self) -> ApiResult<Vec<ConnectedPerson>> {
        Ok(self.platform()?.people(&self.platform_room()).await?)
    }

    /// Returns the room as calls to the platform name it.
    pub fn platform_room(&self) -> EventRoom {
        self.meeting.platform_room.named(&self.room.name)
    }

    /// Asks the platform to carry out a command.
    ///
    /// # Errors
    /// 404 for somebody who is not connected, 409 if the platform's settings forbid the command, 422 if the platform has
    /// none, 503 if it does not answer.
    pub async fn command(&self, command: &Control) -> ApiResult<()> {
        Ok(self.platform()?.control(&self.platform_room(), command).await?)
    }

    /// Adds what was ordered to the audit, in the transaction of its effects.
    pub async fn audit(&self, conn: &mut PgConnection, action: AuditAction, details: Value) -> ApiResult<()> {
        let entry = AuditEntry {
            at: (self.app.clock)(),
            actor: self.actor.clone(),
            action,
            subject: AuditSubject::meeting(self.meeting.id),
            details,
        };
        Ok(storage::audit::append(conn, &entry).await?)
    }

    /// As [`Self::audit`], for an order that changes no rows. It is written before the platform is asked, because afterwards
    /// it could be lost.
    pub async fn audit_order(&self, action: AuditAction, details: Value) -> ApiResult<()> {
        let mut tx = self.app.begin().await?;
        self.audit(&mut tx, action, details).await?;
        Ok(storage::pool::commit(tx).await?)
    }

    /// Returns the adapter of the meeting's platform.
    pub fn platform(&self) -> ApiResult<&Arc<dyn Platform>> {
        self.app.platform(self.room.platform)
    }
}

/// Details of an order about somebody.
pub fn about(identity: &Identity) -> Value {
    serde_json::json!({ "identity": identity })
}
