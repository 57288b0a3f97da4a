//! Commands about the people in a room.

use std::panic::AssertUnwindSafe;

use domain::event::PlatformKind;
use domain::permissions::Permissions;
use domain::{Identity, TrackSid};
use futures::FutureExt;
use livekit_api::services::room::{RoomClient, UpdateParticipantOptions};
use livekit_api::services::{ServerError, ServerErrorCode, ServiceError};
use livekit_protocol::{ParticipantInfo, ParticipantPermission, TrackInfo, TrackSource, participant_info};

use super::presence::{is_recorder, live_track};
use super::room::{error, not_found_as_none};
use super::values::{millis, participant_kind, seconds};
use crate::control::{ConnectedPerson, ConnectedTrack, Control, TrackChoice};
use crate::{PlatformError, livekit::room};

/// Whether tracks are muted or unmuted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mute {
    On,
    Off,
}

/// Carries out a command.
///
/// # Errors
/// [`PlatformError::NotFound`] if the participant is not connected, or does not publish the track.
/// [`PlatformError::NotAllowed`] for unmuting on a server whose setting `room.enable_remote_unmute` is off.
pub async fn control(rooms: &RoomClient, name: &str, command: &Control) -> Result<(), PlatformError> {
    match command {
        Control::Remove(identity) => remove(rooms, name, identity).await,
        Control::Mute(identity, choice) => set_mute(rooms, name, identity, choice, Mute::On).await,
        Control::Unmute(identity, choice) => set_mute(rooms, name, identity, choice, Mute::Off).await,
        Control::Permit(identity, permissions) => permit(rooms, name, identity, *permissions).await,
        Control::End => room::delete(rooms, name).await,
    }
}

/// Lists everyone who is connected, except recorders.
pub async fn people(rooms: &RoomClient, name: &str) -> Result<Vec<ConnectedPerson>, PlatformError> {
    let listed = not_found_as_none(rooms.list_participants(name).await)?.unwrap_or_default();
    Ok(listed.into_iter().filter(is_connected).map(person).collect())
}

async fn remove(rooms: &RoomClient, name: &str, identity: &Identity) -> Result<(), PlatformError> {
    not_found_as_none(rooms.remove_participant(name, identity.as_str()).await).map(|_| ())
}

async fn set_mute(
    rooms: &RoomClient,
    name: &str,
    identity: &Identity,
    choice: &TrackChoice,
    mute: Mute,
) -> Result<(), PlatformError> {
    let publisher = rooms.get_participant(name, identity.as_str()).await.map_err(error)?;
    let is_chosen = |track: &&TrackInfo| match choice {
        TrackChoice::All => true,
        TrackChoice::One(sid) => track.sid == sid.as_str(),
    };
    let chosen: Vec<&TrackInfo> = publisher.tracks.iter().filter(is_chosen).collect();
    if chosen.is_empty() && matches!(choice, TrackChoice::One(_)) {
        return Err(no_such_track());
    }
    for track in chosen.iter().filter(|track| track.muted != (mute == Mute::On)) {
        set_mute_of(rooms, name, identity, &track.sid.as_str().into(), mute).await?;
    }
    Ok(())
}

/// LiveKit's library panics if the answer names no track, which is how LiveKit says that it has ended meanwhile.
async fn set_mute_of(
    rooms: &RoomClient,
    name: &str,
    identity: &Identity,
    track: &TrackSid,
    mute: Mute,
) -> Result<(), PlatformError> {
    let call = rooms.mute_published_track(name, identity.as_str(), track.as_str(), mute == Mute::On);
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(refused)) if mute == Mute::Off && is_failed_precondition(&refused) => {
            Err(PlatformError::NotAllowed(PlatformKind::Livekit, refused.into()))
        }
        Ok(Err(failed)) => Err(error(failed)),
        Err(_) => Err(no_such_track()),
    }
}

/// LiveKit replaces all permissions at once, so those that are not ours to change are sent back.
async fn permit(
    rooms: &RoomClient,
    name: &str,
    identity: &Identity,
    permissions: Permissions,
) -> Result<(), PlatformError> {
    let person = rooms.get_participant(name, identity.as_str()).await.map_err(error)?;
    let permission = ParticipantPermission {
        can_publish: permissions.may_publish(),
        can_publish_sources: sources(permissions).into_iter().map(i32::from).collect(),
        can_publish_data: permissions.data,
        ..person.permission.unwrap_or_default()
    };
    let options = UpdateParticipantOptions {
        permission: Some(permission),
        ..UpdateParticipantOptions::default()
    };
    let updated = rooms.update_participant(name, identity.as_str(), options).await;
    updated.map(|_| ()).map_err(error)
}

fn sources(permissions: Permissions) -> Vec<TrackSource> {
    let sources = [
        (permissions.video, TrackSource::Camera),
        (permissions.audio, TrackSource::Microphone),
        (permissions.screen, TrackSource::ScreenShare),
        (permissions.screen, TrackSource::ScreenShareAudio),
    ];
    let allowed = sources.into_iter().filter(|(allowed, _)| *allowed);
    allowed.map(|(_, source)| source).collect()
}

fn is_connected(sent: &ParticipantInfo) -> bool {
    sent.state() == participant_info::State::Active && !sent.permission.as_ref().is_some_and(is_recorder)
}

fn person(sent: ParticipantInfo) -> ConnectedPerson {
    let kind = participant_info::Kind::try_from(sent.kind).map_or("UNKNOWN", |kind| kind.as_str_name());
    ConnectedPerson {
        permissions: permissions(&sent.permission.unwrap_or_default()),
        kind: participant_kind(kind),
        joined_at: millis(sent.joined_at_ms).or(seconds(sent.joined_at)),
        identity: sent.identity.into(),
        display_name: sent.name,
        tracks: sent.tracks.into_iter().map(track).collect(),
    }
}

/// An empty list of sources allows all of them.
fn permissions(sent: &ParticipantPermission) -> Permissions {
    let may = |source: TrackSource| {
        sent.can_publish
            && (sent.can_publish_sources.is_empty() || sent.can_publish_sources.contains(&i32::from(source)))
    };
    Permissions {
        audio: may(TrackSource::Microphone),
        video: may(TrackSource::Camera),
        screen: may(TrackSource::ScreenShare),
        data: sent.can_publish_data,
        hidden: sent.hidden,
    }
}

fn track(sent: TrackInfo) -> ConnectedTrack {
    ConnectedTrack {
        is_muted: sent.muted,
        width: sent.width,
        height: sent.height,
        track: live_track(sent),
    }
}

fn no_such_track() -> PlatformError {
    PlatformError::NotFound(
        PlatformKind::Livekit,
        "the participant does not publish this track".into(),
    )
}

fn is_failed_precondition(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Twirp(ServerError::Twirp(answer))
        if answer.code == ServerErrorCode::FAILED_PRECONDITION)
}

#[cfg(test)]
mod tests {
    use domain::participant::ParticipantKind;

    use super::*;

    #[test]
    fn permissions_are_read_as_livekit_means_them() {
        let sent = |can_publish, sources: &[TrackSource]| ParticipantPermission {
            can_publish,
            can_publish_sources: sources.iter().map(|source| i32::from(*source)).collect(),
            ..ParticipantPermission::default()
        };
        let nothing = permissions(&ParticipantPermission::default());

        let all = permissions(&sent(true, &[]));
        let camera = permissions(&sent(true, &[TrackSource::Camera]));
        let refused = permissions(&sent(false, &[TrackSource::Camera]));

        assert!(all.audio && all.video && all.screen && !all.data);
        assert_eq!(camera, Permissions { video: true, ..nothing });
        assert_eq!(refused, nothing);
        assert_eq!(permissions(&sent(true, &sources(camera))), camera);
    }

    #[test]
    fn only_people_who_are_connected_are_listed() {
        let sent = |state, recorder| ParticipantInfo {
            state: i32::from(state),
            #[expect(deprecated, reason = "LiveKit marks recorders by this field")]
            permission: Some(ParticipantPermission {
                recorder,
                ..ParticipantPermission::default()
            }),
            ..ParticipantInfo::default()
        };

        assert!(is_connected(&sent(participant_info::State::Active, false)));
        assert!(!is_connected(&sent(participant_info::State::Active, true)));
        assert!(!is_connected(&sent(participant_info::State::Joining, false)));
        assert_eq!(person(ParticipantInfo::default()).kind, ParticipantKind::Standard);
    }
}
