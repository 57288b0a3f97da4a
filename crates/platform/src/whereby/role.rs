//! Roles of Whereby's clients. Programs connect as clients, too.

/// A role (`roleName`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WherebyRole {
    /// Somebody who opened the host's address.
    Host,
    /// Somebody who opened the room's address.
    Guest,
    /// Whereby's cloud recording.
    Recorder,
    /// A stream or captions: another program of Whereby.
    Program,
    /// A role that this version does not know. It may be a person.
    Unknown(String),
}

impl WherebyRole {
    /// Parses a role. An omitted one is a guest's.
    pub fn parse(name: &str) -> Self {
        match name {
            "owner" | "host" => Self::Host,
            "" | "member" | "visitor" | "granted_visitor" | "viewer" | "granted_viewer" => Self::Guest,
            "recorder" => Self::Recorder,
            "streamer" | "captioner" => Self::Program,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// Whether a person may be behind it.
    pub fn is_person(&self) -> bool {
        match self {
            Self::Host | Self::Guest | Self::Unknown(_) => true,
            Self::Recorder | Self::Program => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_not_people_and_an_unknown_role_may_be() {
        for program in ["recorder", "streamer", "captioner"] {
            assert!(!WherebyRole::parse(program).is_person(), "{program}");
        }
        for person in [
            "owner",
            "member",
            "host",
            "visitor",
            "granted_visitor",
            "viewer",
            "granted_viewer",
            "",
            "new",
        ] {
            assert!(WherebyRole::parse(person).is_person(), "{person}");
        }
    }
}
