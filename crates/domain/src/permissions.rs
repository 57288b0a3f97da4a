//! What people may do in a room.

use serde::{Deserialize, Serialize};

use crate::participant::Role;
use crate::text_enum::text_enum;

text_enum! {
    /// One thing that a person may do, or `hidden`.
    Permission {
        /// Publish a microphone.
        Audio = "audio",
        /// Publish a camera.
        Video = "video",
        /// Publish a screen, with its sound.
        Screen = "screen",
        /// Send data messages, such as chat.
        Data = "data",
        /// Be invisible to others. Only those who publish nothing may be hidden: others must be able to see whom they hear.
        Hidden = "hidden",
    }
}

/// What a person may do. Everyone may watch and listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// May publish a microphone.
    pub audio: bool,
    /// May publish a camera.
    pub video: bool,
    /// May publish a screen, with its sound.
    pub screen: bool,
    /// May send data messages.
    pub data: bool,
    /// Is invisible to others.
    pub hidden: bool,
}

/// A choice of permissions. What it does not name is as the role has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PermissionChoice {
    /// Chosen value of [`Permissions::audio`].
    pub audio: Option<bool>,
    /// Chosen value of [`Permissions::video`].
    pub video: Option<bool>,
    /// Chosen value of [`Permissions::screen`].
    pub screen: Option<bool>,
    /// Chosen value of [`Permissions::data`].
    pub data: Option<bool>,
    /// Chosen value of [`Permissions::hidden`].
    pub hidden: Option<bool>,
}

/// The error of a choice that a role does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {role} cannot have the permission {permission}")]
pub struct NotPermitted {
    /// The role.
    pub role: Role,
    /// What the role does not allow.
    pub permission: Permission,
}

impl Permissions {
    const SPEAKER: Self = Self {
        audio: true,
        video: true,
        screen: true,
        data: true,
        hidden: false,
    };

    const LISTENER: Self = Self {
        audio: false,
        video: false,
        screen: false,
        data: false,
        hidden: false,
    };

    /// Returns what a role may do if nothing else is chosen.
    pub fn of(role: Role) -> Self {
        match role {
            Role::Host | Role::Participant => Self::SPEAKER,
            Role::Listener => Self::LISTENER,
        }
    }

    /// Returns what somebody in this role may do after a choice.
    ///
    /// # Errors
    /// The role does not allow it: a listener publishes nothing, and nobody but a listener is hidden.
    pub fn choose(role: Role, choice: PermissionChoice) -> Result<Self, NotPermitted> {
        Self::of(role).changed(role, choice)
    }

    /// Returns these permissions after a change, for somebody in this role.
    ///
    /// # Errors
    /// As [`Self::choose`].
    pub fn changed(self, role: Role, choice: PermissionChoice) -> Result<Self, NotPermitted> {
        let chosen = Self {
            audio: choice.audio.unwrap_or(self.audio),
            video: choice.video.unwrap_or(self.video),
            screen: choice.screen.unwrap_or(self.screen),
            data: choice.data.unwrap_or(self.data),
            hidden: choice.hidden.unwrap_or(self.hidden),
        };
        let refused = Permission::ALL
            .iter()
            .find(|permission| chosen.has(**permission) && !role.allows(**permission));
        match refused {
            Some(permission) => Err(NotPermitted {
                role,
                permission: *permission,
            }),
            None => Ok(chosen),
        }
    }

    /// Whether a permission is given.
    pub fn has(self, permission: Permission) -> bool {
        match permission {
            Permission::Audio => self.audio,
            Permission::Video => self.video,
            Permission::Screen => self.screen,
            Permission::Data => self.data,
            Permission::Hidden => self.hidden,
        }
    }

    /// Whether any kind of track may be published.
    pub fn may_publish(self) -> bool {
        self.audio || self.video || self.screen
    }
}

impl Role {
    /// Whether somebody in this role can have a permission at all.
    pub fn allows(self, permission: Permission) -> bool {
        (self == Self::Listener) == (permission == Permission::Hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_limits_what_can_be_chosen() {
        for (role, permission, allowed) in [
            (Role::Host, Permission::Audio, true),
            (Role::Participant, Permission::Data, true),
            (Role::Participant, Permission::Hidden, false),
            (Role::Host, Permission::Hidden, false),
            (Role::Listener, Permission::Hidden, true),
            (Role::Listener, Permission::Audio, false),
            (Role::Listener, Permission::Video, false),
            (Role::Listener, Permission::Screen, false),
            (Role::Listener, Permission::Data, false),
        ] {
            let only = |this: Permission| Some(permission == this);
            let choice = PermissionChoice {
                audio: only(Permission::Audio),
                video: only(Permission::Video),
                screen: only(Permission::Screen),
                data: only(Permission::Data),
                hidden: only(Permission::Hidden),
            };

            let chosen = Permissions::choose(role, choice);

            match allowed {
                true => assert!(chosen.unwrap().has(permission), "{role} {permission}"),
                false => assert_eq!(chosen.unwrap_err(), NotPermitted { role, permission }),
            }
        }
    }

    #[test]
    fn what_is_not_chosen_is_as_the_role_has_it() {
        let quiet = PermissionChoice {
            audio: Some(false),
            ..PermissionChoice::default()
        };

        let chosen = Permissions::choose(Role::Participant, quiet).unwrap();

        assert!(!chosen.audio && chosen.video && chosen.screen && chosen.data && chosen.may_publish());
        assert!(!Permissions::of(Role::Listener).may_publish());
        assert_eq!(
            Permissions::choose(Role::Host, PermissionChoice::default()),
            Ok(Permissions::of(Role::Participant))
        );
    }
}
