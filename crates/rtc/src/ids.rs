//! Newtypes for LiveKit's ids and RTP's numbers.

use std::{borrow::Borrow, fmt, sync::Arc};

/// Defines a sid: an opaque text that the server chose. Cheap to clone.
macro_rules! sid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the sid as LiveKit writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns whether the server has not named a sid.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl From<&str> for $name {
            fn from(sid: &str) -> Self {
                Self(sid.into())
            }
        }

        impl From<String> for $name {
            fn from(sid: String) -> Self {
                Self(sid.into())
            }
        }

        impl From<&$name> for $name {
            fn from(sid: &$name) -> Self {
                sid.clone()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

sid! {
    /// The sid of a published track (`TR_…`).
    TrackSid
}

sid! {
    /// The sid of a participant's connection (`PA_…`). A participant that joins again gets a new one.
    ParticipantSid
}

sid! {
    /// The sid of a room (`RM_…`). A room that is recreated under the same name gets a new one.
    RoomSid
}

/// Identifies the source of an RTP stream (RFC 3550, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

/// An RTP sequence number, extended to 64 bits so that it never wraps (RFC 3711, section 3.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SeqNo(pub u64);

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl SeqNo {
    /// Returns the sequence number of the next packet.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
