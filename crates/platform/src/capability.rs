//! What a platform offers beyond joining and leaving.

use std::fmt;

/// Something that not every platform can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// It can be asked who is connected, with their tracks and permissions.
    DescribeParticipants,
    /// A participant can be disconnected.
    RemoveParticipants,
    /// A track can be muted.
    MuteTracks,
    /// A track can be unmuted, if the platform's settings allow it.
    UnmuteTracks,
    /// What a participant may do can be changed while they are connected.
    ChangePermissions,
    /// A meeting can be ended for everyone.
    EndMeetings,
    /// Each person is recorded in files of their own.
    RecordPeople,
    /// A meeting is recorded in one file of all voices.
    RecordMixed,
    /// Recording can be started and stopped during a meeting.
    StopRecording,
}

impl Capability {
    /// Returns the word for programs. It is stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DescribeParticipants => "describe_participants",
            Self::RemoveParticipants => "remove_participants",
            Self::MuteTracks => "mute_tracks",
            Self::UnmuteTracks => "unmute_tracks",
            Self::ChangePermissions => "change_permissions",
            Self::EndMeetings => "end_meetings",
            Self::RecordPeople => "record_people",
            Self::RecordMixed => "record_mixed",
            Self::StopRecording => "stop_recording",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().replace('_', " "))
    }
}
