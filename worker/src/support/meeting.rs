//! The meeting in the only room: who joins, what is recorded, how it ends.

use domain::{
    Identity, MeetingId, ObjectKey, RoomName, TrackSid,
    capture::Capture,
    event::{CaptureReport, CaptureStatus, CapturedFile, EventRoom, PlatformKind},
    meeting::{LiveParticipant, LiveRoom, Meeting},
    participant::{ObservedParticipant, ParticipantKind},
    recording::Recording,
    room::Room,
    track::{ObservedTrack, TrackKind, TrackSource},
};
use uuid::Uuid;

use super::worker_test::{ROOM, WorkerTest};
use crate::reconcile;

impl WorkerTest {
    /// Puts participants with a microphone track each into the platform's room, without a webhook.
    pub fn people_join(&self, identities: &[&str]) {
        self.people_join_room(ROOM, "RM_1", identities);
    }

    /// The same in another room.
    pub fn people_join_room(&self, name: &str, sid: &str, identities: &[&str]) {
        let participants = identities
            .iter()
            .map(|identity| self.live_participant(identity))
            .collect();
        let room = EventRoom {
            name: Some(name.to_owned()),
            key: sid.into(),
            session: None,
            created_at: Some(self.now()),
        };
        self.platform.set_room(LiveRoom {
            room,
            listed_at: self.now(),
            participants,
        });
    }

    /// Adds a room of ours with people whose webhooks were lost.
    pub async fn add_room(&self, name: &str, sid: &str, identities: &[&str]) {
        let room = Room::new(
            (self.ctx.ids)().into(),
            RoomName::parse(name).unwrap(),
            PlatformKind::Livekit,
            self.now(),
        );
        let mut conn = self.ctx.conn().await.unwrap();
        storage::rooms::insert(&mut conn, &room).await.unwrap();
        self.people_join_room(name, sid, identities);
    }

    fn live_participant(&self, identity: &str) -> LiveParticipant {
        LiveParticipant {
            participant: ObservedParticipant {
                sid: format!("PA_{identity}").as_str().into(),
                identity: identity.into(),
                display_name: identity.to_uppercase(),
                kind: ParticipantKind::Standard,
                joined_at: Some(self.now()),
            },
            tracks: vec![ObservedTrack {
                sid: track_sid(&identity.into()),
                kind: TrackKind::Audio,
                source: TrackSource::Microphone,
                mime_type: "audio/opus".to_owned(),
                encrypted: false,
            }],
            capture_ids: Vec::new(),
            beat: None,
        }
    }

    pub async fn reconcile(&self) {
        reconcile::run_once(&self.ctx).await.unwrap();
    }

    /// The only meeting, as stored.
    pub async fn meeting(&self) -> Meeting {
        let mut tx = self.ctx.begin().await.unwrap();
        let id: Uuid = sqlx::query_scalar("SELECT id FROM meetings")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        let (_, meeting) = storage::meetings::lock(&mut tx, MeetingId(id)).await.unwrap().unwrap();
        meeting
    }

    pub async fn recording_of(&self, identity: &str) -> Recording {
        let recordings = self.meeting().await.recordings;
        let found = recordings.into_iter().find(|r| r.identity == Some(identity.into()));
        found.expect("everyone has a recording")
    }

    /// The latest capture of a person's track.
    pub async fn capture_of(&self, identity: &str) -> Capture {
        let captures = self.meeting().await.captures;
        let of_them = |c: &Capture| c.track().is_some_and(|track| track.identity.as_str() == identity);
        let found = captures.into_iter().rfind(of_them);
        found.expect("everyone is captured")
    }

    /// Lets people join and requests their recordings.
    pub async fn meeting_with_recordings(&self, identities: &[&str]) -> Meeting {
        self.people_join(identities);
        self.reconcile().await;
        self.run_jobs().await;
        self.meeting().await
    }

    /// Lets a recorder join that announces captures.
    pub fn recorder_joins(&self, captures: &[&str]) {
        let mut recorder = self.live_participant("egress-1");
        recorder.participant.kind = ParticipantKind::Recorder;
        recorder.tracks.clear();
        recorder.capture_ids = captures.iter().map(|id| (*id).into()).collect();
        self.platform.join_room(ROOM, recorder);
    }

    /// Applies a capture report, as a webhook would. A capture ends because its track has ended.
    pub async fn report_capture(&self, recording: &Recording, status: CaptureStatus, key: Option<&ObjectKey>) {
        let meeting = self.meeting().await;
        let capture = meeting.capture(recording.capture_id).expect("it made the recording");
        let track = capture.track().expect("only tracks are captured here");
        let report = CaptureReport {
            platform_id: capture.platform_id.clone(),
            room_sid: Some(meeting.head.platform_room.key.clone()),
            track_sid: Some(track.sid.clone()),
            requested_file: None,
            status,
            updated_at: None,
            error: (status == CaptureStatus::Aborted).then(|| "no_audio: it ended before it sent a packet".to_owned()),
            details: None,
            files: Vec::from_iter(key.map(|key| CapturedFile {
                key: Some(key.to_string()),
                ..CapturedFile::default()
            })),
            manifest_location: None,
            started_at: None,
            ended_at: Some(self.now()),
        };
        if status.is_terminal() {
            let ended = sqlx::query("UPDATE tracks SET unpublished_at = $2 WHERE id = $1");
            let ended = ended.bind(track.id.0).bind(self.now());
            ended.execute(&self.ctx.pool).await.unwrap();
        }
        let mut tx = storage::ChangeTx::begin(&self.ctx.pool).await.unwrap();
        tx.change_meeting(recording.meeting_id, |_, meeting| {
            meeting.apply_report(&report, self.ctx.env())
        })
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    /// Removes the room from the platform and reconciles until the meeting is closed.
    pub async fn remove_room(&self) {
        self.platform.remove_room(ROOM);
        self.reconcile().await;
        self.advance(16);
        self.reconcile().await;
    }
}

fn track_sid(identity: &Identity) -> TrackSid {
    TrackSid(format!("TR_{identity}"))
}
