//! Whether somebody else records the track of a recovered egress by now. Pure.

use livekit_protocol::{EgressInfo, EgressStatus, TrackEgressRequest, egress_info, track_egress_request::Output};

use super::spec::RecordingSpec;

/// Returns the id of the egress that replaced ours: it was started later, is running, and was asked for the same track
/// and the same file. Its requester then thought that ours was lost.
///
/// A request for another file is somebody else's, who may record the same track at the same time.
pub fn replacement<'a>(spec: &RecordingSpec, running: &'a [EgressInfo]) -> Option<&'a str> {
    let ours = target(&spec.meta.request)?;
    running
        .iter()
        .filter(|other| other.egress_id != spec.meta.egress_id.as_str())
        .filter(|other| {
            matches!(
                other.status(),
                EgressStatus::EgressStarting | EgressStatus::EgressActive
            )
        })
        .filter(|other| other.started_at > spec.started_at.0)
        .find(|other| other.request.as_ref().and_then(target) == Some(ours))
        .map(|other| other.egress_id.as_str())
}

/// The track and the path of a request.
fn target(request: &egress_info::Request) -> Option<(&str, &str)> {
    match request {
        egress_info::Request::Track(TrackEgressRequest {
            track_id,
            output: Some(Output::File(file)),
            ..
        }) => Some((track_id, &file.filepath)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use livekit_protocol::DirectFileOutput;

    use super::*;
    use crate::session::tests::spec;

    fn request(track_id: &str, filepath: &str) -> egress_info::Request {
        let file = DirectFileOutput {
            filepath: filepath.into(),
            ..Default::default()
        };
        egress_info::Request::Track(TrackEgressRequest {
            track_id: track_id.into(),
            output: Some(Output::File(file)),
            ..Default::default()
        })
    }

    fn other(started_at: i64, status: EgressStatus, request: egress_info::Request) -> EgressInfo {
        EgressInfo {
            egress_id: "EG_2".into(),
            started_at,
            status: status.into(),
            request: Some(request),
            ..Default::default()
        }
    }

    #[test]
    fn only_a_later_egress_of_the_same_track_and_file_replaces_ours() {
        let mut ours = spec("EG_1");
        ours.meta.request = request("TR_1", "a-{egress_id}.ogg");
        let started = ours.started_at.0;
        let same = || request("TR_1", "a-{egress_id}.ogg");
        let table = [
            (
                "a later one",
                other(started + 1, EgressStatus::EgressActive, same()),
                true,
            ),
            (
                "one that starts",
                other(started + 1, EgressStatus::EgressStarting, same()),
                true,
            ),
            (
                "an earlier one",
                other(started - 1, EgressStatus::EgressActive, same()),
                false,
            ),
            (
                "one that ended",
                other(started + 1, EgressStatus::EgressFailed, same()),
                false,
            ),
            (
                "one that ends",
                other(started + 1, EgressStatus::EgressEnding, same()),
                false,
            ),
            (
                "another track",
                other(
                    started + 1,
                    EgressStatus::EgressActive,
                    request("TR_2", "a-{egress_id}.ogg"),
                ),
                false,
            ),
            (
                "somebody else's file",
                other(started + 1, EgressStatus::EgressActive, request("TR_1", "b.ogg")),
                false,
            ),
        ];

        for (case, other, expected) in table {
            assert_eq!(replacement(&ours, &[other]).is_some(), expected, "{case}");
        }
    }

    #[test]
    fn we_do_not_replace_ourselves() {
        let mut ours = spec("EG_2");
        ours.meta.request = request("TR_1", "a.ogg");
        let listed = other(i64::MAX, EgressStatus::EgressActive, request("TR_1", "a.ogg"));

        assert_eq!(replacement(&ours, &[listed]), None);
    }
}
