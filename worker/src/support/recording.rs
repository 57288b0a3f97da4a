//! What a recorder leaves: an object and its manifest.

use domain::{
    Identity, ObjectKey, SampleTime, UnixNanos,
    capture::Capture,
    event::CaptureStatus,
    manifest::{
        End, Fit, Listened, Manifest, ManifestClock, ManifestFile, ManifestParticipant, PacketCounts,
        TrackscribeManifest, VERSION,
    },
    recording::Recording,
};
use objects::Body;
use sha2::{Digest, Sha256};

use super::worker_test::{ROOM, WorkerTest};

impl WorkerTest {
    /// Stores a recorded file with its manifest, after `change`, and reports the end of the capture.
    pub async fn complete_recording(&self, identity: &str, file: &[u8], change: impl FnOnce(&mut Manifest)) {
        self.complete(&self.recording_of(identity).await, file, change).await;
    }

    /// The same for one of several recordings.
    pub async fn complete(&self, recording: &Recording, file: &[u8], change: impl FnOnce(&mut Manifest)) {
        let (meeting, identity) = (
            self.meeting().await,
            recording.identity.as_ref().expect("of one person"),
        );
        let capture = meeting.capture(recording.capture_id).expect("it made the recording");
        let platform_id = capture.platform_id.as_ref().expect("a capture was requested");
        let key = ObjectKey::parse(format!("recordings/{ROOM}/{identity}-{platform_id}.ogg")).unwrap();
        let mut manifest = self.manifest(capture, file);
        change(&mut manifest);
        let json = manifest.to_json().unwrap();
        let store = &self.ctx.recordings;
        store.put(&key, Body::from(file.to_vec()), "audio/ogg").await.unwrap();
        store
            .put(&key.manifest(), Body::from(json), "application/json")
            .await
            .unwrap();
        self.report_capture(recording, CaptureStatus::Complete, Some(&key))
            .await;
    }

    fn manifest(&self, capture: &Capture, file: &[u8]) -> Manifest {
        let started_at = UnixNanos::from_datetime(self.now());
        let track = capture.track().expect("only tracks are captured here");
        Manifest {
            egress_id: capture.platform_id.clone().expect("a capture was requested"),
            room_id: "RM_1".into(),
            room_name: ROOM.to_owned(),
            started_at,
            ended_at: started_at,
            publisher_identity: track.identity.clone(),
            track_id: track.sid.clone(),
            track_kind: "audio".to_owned(),
            track_source: "microphone".to_owned(),
            audio_track_id: track.sid.clone(),
            files: vec![ManifestFile {
                filename: String::new(),
                location: String::new(),
            }],
            trackscribe: measurements(capture, &track.identity, started_at, file),
        }
    }
}

fn measurements(capture: &Capture, identity: &Identity, started_at: UnixNanos, file: &[u8]) -> TrackscribeManifest {
    let probed = media::opus::probe(file).unwrap();
    TrackscribeManifest {
        version: VERSION,
        participant: ManifestParticipant {
            identity: identity.clone(),
            sid: "PA_1".into(),
            name: String::new(),
        },
        sha256: hex::encode(Sha256::digest(file)),
        size_bytes: file.len() as u64,
        samples: probed.samples - SampleTime(probed.head.pre_skip.into()),
        clock: exact_clock(started_at),
        gaps: Vec::new(),
        mutes: Vec::new(),
        listened: vec![connected_throughout(capture, started_at)],
        counts: PacketCounts::default(),
        end: End {
            status: "EGRESS_COMPLETE".to_owned(),
            details: String::new(),
        },
    }
}

/// A recorder that was connected to the track from the request to the track's end.
fn connected_throughout(capture: &Capture, ended_at: UnixNanos) -> Listened {
    const AN_HOUR_NS: i64 = 3_600_000_000_000;
    Listened {
        from_ns: UnixNanos::from_datetime(capture.requested_at),
        to_ns: ended_at.saturating_add(AN_HOUR_NS),
    }
}

/// A publisher's clock without drift.
fn exact_clock(started_at: UnixNanos) -> ManifestClock {
    ManifestClock {
        first_rtp_timestamp: 0,
        first_arrival_ns: started_at,
        fit: Fit {
            a_ns: started_at,
            b_ns: 1e9 / 48_000.0,
        },
        anchors: Vec::new(),
    }
}
