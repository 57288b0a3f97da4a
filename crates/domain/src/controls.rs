//! What hosts have decided about the people in a meeting, and what follows from it for somebody who joins.

use std::collections::{BTreeMap, BTreeSet};

use crate::Identity;
use crate::participant::ParticipantKind;
use crate::permissions::Permissions;

/// The decisions about the people in one meeting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Controls {
    /// Who was removed and is kept out until the meeting ends.
    pub removed: BTreeSet<Identity>,
    /// While the meeting is locked: who may be in it.
    pub locked_to: Option<BTreeSet<Identity>>,
    /// Permissions that were changed during the meeting.
    pub permissions: BTreeMap<Identity, Permissions>,
}

/// Whether somebody may be in a meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// They may.
    Admitted,
    /// They were removed from this meeting.
    Removed,
    /// The meeting is locked, and they were not in it before.
    Locked,
}

/// What must be done about somebody who is in a meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// Nothing.
    None,
    /// They must be removed.
    Remove,
    /// They must have these permissions.
    Permit(Permissions),
}

impl Controls {
    /// Whether nothing was decided.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether somebody may be in the meeting. An identity that is not known yet (`None`) is new.
    pub fn admission(&self, identity: Option<&Identity>) -> Admission {
        let is_listed = |listed: &BTreeSet<Identity>| identity.is_some_and(|identity| listed.contains(identity));
        match &self.locked_to {
            _ if is_listed(&self.removed) => Admission::Removed,
            Some(members) if !is_listed(members) => Admission::Locked,
            _ => Admission::Admitted,
        }
    }

    /// Returns what must be done about somebody who is connected with these permissions. Recorders are never removed: their
    /// work ends with the tracks that they record.
    pub fn enforce(&self, identity: &Identity, kind: ParticipantKind, current: Permissions) -> Enforcement {
        if kind == ParticipantKind::Recorder {
            return Enforcement::None;
        }
        match self.admission(Some(identity)) {
            Admission::Removed | Admission::Locked => Enforcement::Remove,
            Admission::Admitted => match self.permissions.get(identity) {
                // Whether somebody is visible is decided when they join.
                Some(decided)
                    if *decided
                        != (Permissions {
                            hidden: decided.hidden,
                            ..current
                        }) =>
                {
                    Enforcement::Permit(*decided)
                }
                _ => Enforcement::None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::participant::Role;

    fn set(identities: &[&str]) -> BTreeSet<Identity> {
        identities.iter().map(|identity| Identity::from(*identity)).collect()
    }

    fn enforced(controls: &Controls, identity: &str, kind: ParticipantKind) -> Enforcement {
        controls.enforce(&identity.into(), kind, Permissions::of(Role::Participant))
    }

    #[test]
    fn somebody_who_was_removed_is_kept_out_also_from_a_meeting_locked_to_them() {
        let controls = Controls {
            removed: set(&["mallory"]),
            locked_to: Some(set(&["ada", "mallory"])),
            ..Controls::default()
        };

        assert_eq!(controls.admission(Some(&"ada".into())), Admission::Admitted);
        assert_eq!(controls.admission(Some(&"mallory".into())), Admission::Removed);
        assert_eq!(controls.admission(Some(&"bob".into())), Admission::Locked);
        assert_eq!(controls.admission(None), Admission::Locked);
        assert_eq!(Controls::default().admission(None), Admission::Admitted);
    }

    #[test]
    fn whoever_may_not_be_there_is_removed_but_no_recorder() {
        let controls = Controls {
            removed: set(&["mallory", "egress-1"]),
            locked_to: Some(set(&["ada"])),
            ..Controls::default()
        };

        assert_eq!(enforced(&controls, "ada", ParticipantKind::Standard), Enforcement::None);
        for kind in [ParticipantKind::Standard, ParticipantKind::Sip, ParticipantKind::Agent] {
            assert_eq!(enforced(&controls, "mallory", kind), Enforcement::Remove);
            assert_eq!(enforced(&controls, "bob", kind), Enforcement::Remove);
        }
        assert_eq!(
            enforced(&controls, "egress-1", ParticipantKind::Recorder),
            Enforcement::None
        );
    }

    #[test]
    fn permissions_that_a_token_grants_again_are_taken_again() {
        let full = Permissions::of(Role::Participant);
        let decided = Permissions { audio: false, ..full };
        let controls = Controls {
            permissions: BTreeMap::from([("ada".into(), decided)]),
            ..Controls::default()
        };
        let enforce = |current| controls.enforce(&"ada".into(), ParticipantKind::Standard, current);

        assert_eq!(enforce(full), Enforcement::Permit(decided));
        assert_eq!(enforce(decided), Enforcement::None);
        assert_eq!(
            enforce(Permissions {
                hidden: true,
                ..decided
            }),
            Enforcement::None
        );
        assert_eq!(enforced(&controls, "bob", ParticipantKind::Standard), Enforcement::None);
    }
}
