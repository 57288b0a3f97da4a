//! One attempt to join a room: asks whether it still exists, joins it, and compares the sids.

use std::time::Duration;

use rtc::{
    ConnectConfig, JoinError,
    subscriber::{self, RoomEvent, Subscriber},
};
use tokio::sync::mpsc;

use super::{
    access::RoomAccess,
    convert,
    open_rooms::RoomKey,
    presence::{self, Presence},
};
use crate::failure::Failure;

/// How long a connection that has lost its signalling is not resumed while media goes on: longer than the room needs to
/// replace it, also if signalling is cut again and again.
const RESUME_AFTER: Duration = Duration::from_secs(30);

/// A room that has been joined.
pub(super) struct JoinedRoom {
    pub subscriber: Subscriber,
    pub events: mpsc::Receiver<RoomEvent>,
}

/// Why a room was not joined.
#[derive(Debug)]
pub(super) enum JoinFailure {
    /// livekit-server has answered that the room does not exist, or that another one has its name.
    Gone,
    Failed {
        failure: Failure,
        /// Whether the same attempt fails every time.
        is_final: bool,
    },
}

/// Joins `room` as `identity`.
///
/// livekit-server creates a room that is joined and does not exist. So it is asked before each attempt, and no attempt is
/// made while it does not answer.
pub(super) async fn join(access: RoomAccess, room: RoomKey, identity: String) -> Result<JoinedRoom, JoinFailure> {
    match presence::ask(&access, &room).await {
        Ok(Presence::Exists) => {}
        Ok(Presence::Gone) => return Err(JoinFailure::Gone),
        Err(error) => {
            return Err(JoinFailure::Failed {
                failure: Failure::join(&error),
                is_final: error.is_final(),
            });
        }
    }
    let (subscriber, events) = subscriber::join(config(&access, &room, &identity)?).await?;
    // The room may have been closed and created again since it was listed.
    if presence::compare(&room, Some(&convert::room_sid(&subscriber.room_sid()))) == Presence::Gone {
        drop(events);
        subscriber.leave().await;
        return Err(JoinFailure::Gone);
    }
    Ok(JoinedRoom { subscriber, events })
}

fn config(access: &RoomAccess, room: &RoomKey, identity: &str) -> Result<ConnectConfig, JoinFailure> {
    let token = access.api_key.recorder_token(&room.name, identity);
    let token = token.map_err(|error| JoinFailure::Failed {
        failure: Failure::join(&error),
        is_final: true,
    })?;
    Ok(ConnectConfig {
        join_attempts: 1,
        resume_after: RESUME_AFTER,
        ..ConnectConfig::new(access.url.clone(), move || token.clone())
    })
}

impl From<JoinError> for JoinFailure {
    fn from(error: JoinError) -> Self {
        Self::Failed {
            failure: Failure::join(&error),
            is_final: match error {
                JoinError::BadUrl(_) | JoinError::WrongGrants => true,
                JoinError::Refused { status, .. } => matches!(status, 401 | 403),
                _ => false,
            },
        }
    }
}
