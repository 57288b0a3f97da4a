//! An egress as LiveKit's `EgressInfo`, pure.

use livekit_protocol::{self as proto, egress_info};

use super::state::{Egress, EndReason, State, StoredFile};
use crate::failure::Failure;

impl Egress {
    /// Everything that is reported about the egress; each report contains all of it.
    #[expect(deprecated, reason = "`result` is deprecated, but clients still read it")]
    pub fn info(&self) -> proto::EgressInfo {
        let file = self.state.file_info();
        let failure = self.state.failure();
        proto::EgressInfo {
            egress_id: self.meta.egress_id.to_string(),
            room_id: self.meta.room_sid.to_string(),
            room_name: self.meta.room_name.clone(),
            source_type: proto::EgressSourceType::Sdk.into(),
            status: self.state.status().into(),
            started_at: self.started_at.0,
            updated_at: self.updated_at.0,
            ended_at: if self.is_terminal() { self.updated_at.0 } else { 0 },
            error: failure
                .as_ref()
                .map(|failure| failure.message.clone())
                .unwrap_or_default(),
            error_code: failure.map(|failure| failure.code).unwrap_or_default(),
            details: self.state.reason().map(EndReason::details).unwrap_or_default(),
            manifest_location: self
                .state
                .stored()
                .map(|file| file.manifest_location.clone())
                .unwrap_or_default(),
            retry_count: self.meta.retry_count,
            request: Some(self.meta.request.clone()),
            file_results: vec![file.clone()],
            result: Some(egress_info::Result::File(file)),
            ..Default::default()
        }
    }
}

impl State {
    fn reason(&self) -> Option<EndReason> {
        match self {
            Self::Starting | Self::Active(_) => None,
            Self::LimitReached(_) => Some(EndReason::LimitReached),
            Self::Ending(_, reason) | Self::Complete(_, reason) => Some(*reason),
            Self::Failed { reason, .. } | Self::Aborted { reason, .. } => Some(*reason),
        }
    }

    fn failure(&self) -> Option<Failure> {
        match self {
            Self::Failed { failure, .. } | Self::Aborted { failure, .. } => Some(failure.clone()),
            Self::LimitReached(_) => Some(Failure::limit_reached()),
            _ => None,
        }
    }

    fn stored(&self) -> Option<&StoredFile> {
        match self {
            Self::Complete(file, _) | Self::LimitReached(file) => Some(file),
            Self::Failed { file, .. } => file.as_ref(),
            _ => None,
        }
    }

    fn file_info(&self) -> proto::FileInfo {
        if let Some(file) = self.stored() {
            return file.info();
        }
        match self {
            Self::Active(file) | Self::Ending(file, _) => proto::FileInfo {
                filename: file.filename.clone(),
                started_at: file.started_at.unwrap_or_default().0,
                ..Default::default()
            },
            _ => proto::FileInfo::default(),
        }
    }
}

impl StoredFile {
    fn info(&self) -> proto::FileInfo {
        proto::FileInfo {
            filename: self.filename.clone(),
            started_at: self.started_at.0,
            ended_at: self.started_at.saturating_add(self.duration_ns).0,
            duration: self.duration_ns,
            size: self.size_bytes,
            location: self.location.clone(),
        }
    }
}
