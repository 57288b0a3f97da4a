//! What the audit says about changes of rooms.

use domain::{
    audit::{Actor, AuditAction, AuditEntry, AuditSubject},
    room::Room,
};
use serde_json::json;

/// Returns the row for a change of a room, with the settings that it has now.
pub fn entry(actor: Actor, action: AuditAction, room: &Room) -> AuditEntry {
    AuditEntry {
        at: room.updated_at,
        actor,
        action,
        subject: AuditSubject::room(&room.name),
        details: json!({
            "platform": room.platform,
            "recording": room.recording,
            "consent": room.consent,
            "language": room.language,
        }),
    }
}
