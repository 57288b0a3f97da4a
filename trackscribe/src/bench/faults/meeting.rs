//! A meeting in which everyone speaks numbered tones, and what became of it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use domain::manifest::Manifest;
use url::Url;

use super::{
    account::{self, Fault, Observation},
    file::RecordedFile,
    rows::SPEAKERS,
    sent::Sent,
    speaker::{Speaker, SpeakerConfig},
    stack::{FaultStack, wait_for},
};
use crate::{api::Recording, temporary_stack::new_room};

/// Everyone is in the room and recorded by then.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Packets from the start of one speaker's sound to that of the next.
const OFFSET_STEP: i64 = 375;

/// A running meeting.
pub struct Meeting<'a> {
    pub room: String,
    pub speakers: Vec<Speaker>,
    /// What those who left had sent.
    sent: Vec<Sent>,
    stack: &'a FaultStack,
}

/// What became of a meeting.
pub struct Ended {
    pub speakers: Vec<SpeakerFiles>,
    pub recordings: Vec<Recording>,
}

/// One speaker and the files of all tracks.
pub struct SpeakerFiles {
    pub sent: Sent,
    pub files: Vec<RecordedFile>,
}

impl<'a> Meeting<'a> {
    /// Starts a meeting of [`SPEAKERS`] people and waits until all of them are recorded.
    pub async fn start(stack: &'a FaultStack) -> Result<Self> {
        Self::start_with(stack, SPEAKERS).await
    }

    /// The same with fewer people.
    pub async fn start_with(stack: &'a FaultStack, speakers: usize) -> Result<Self> {
        let mut meeting = Self::empty(stack).await?;
        for _ in 0..speakers {
            meeting.add_speaker().await?;
        }
        meeting.wait_until_recorded(START_TIMEOUT).await?;
        Ok(meeting)
    }

    /// A room without anyone.
    pub async fn empty(stack: &'a FaultStack) -> Result<Self> {
        let room = new_room("faults");
        stack.api.ensure_room(&room).await?;
        Ok(Self {
            room,
            speakers: Vec::new(),
            sent: Vec::new(),
            stack,
        })
    }

    pub fn stack(&self) -> &'a FaultStack {
        self.stack
    }

    /// Adds someone who speaks from now on.
    async fn add_speaker(&mut self) -> Result<()> {
        let guest = self.invite().await?;
        self.admit(guest);
        Ok(())
    }

    /// Gets someone a token, while the API answers.
    pub async fn invite(&self) -> Result<SpeakerConfig> {
        let number = self.speakers.len();
        let join = self.stack.api.join(&self.room, &format!("Speaker {number}")).await?;
        self.config(number, join)
    }

    /// Lets in someone who was invited, and who speaks from now on.
    pub fn admit(&mut self, guest: SpeakerConfig) {
        self.speakers.push(Speaker::start(guest));
    }

    /// The last of the people who were there from the start is muted when the fault comes.
    pub fn set_last_muted(&self, muted: bool) {
        if let Some(last) = self.speakers.get(SPEAKERS - 1) {
            last.set_muted(muted);
        }
    }

    fn config(&self, number: usize, join: crate::api::Join) -> Result<SpeakerConfig> {
        let key = &self.stack.prepared().secrets.livekit;
        Ok(SpeakerConfig {
            identity: join.identity,
            label: format!("speaker {number}"),
            livekit: Url::parse(&join.url).context("the API returned an invalid URL of LiveKit")?,
            token: key.publish_only_token(&join.token)?,
            tones: self.stack.tones.clone(),
            offset: OFFSET_STEP * i64::try_from(number)?,
            starts_muted: false,
        })
    }

    /// Waits until the current track of everyone is recorded. Returns the moment at which the last one was.
    pub async fn wait_until_recorded(&self, timeout: Duration) -> Result<Instant> {
        wait_for("everyone is recorded", timeout, async || {
            let recordings = self.recordings().await.ok()?;
            let is_recorded = |sid: &String| {
                recordings
                    .iter()
                    .any(|recording| recording.track_sid == *sid && recording.state == "active")
            };
            let all = self
                .speakers
                .iter()
                .all(|speaker| speaker.track_sid().as_ref().is_some_and(is_recorded));
            all.then(Instant::now)
        })
        .await
    }

    /// The recordings of all meetings in the room.
    pub async fn recordings(&self) -> Result<Vec<Recording>> {
        let mut found = Vec::new();
        for meeting in self.stack.api.meetings(&self.room).await? {
            found.extend(self.stack.api.recordings(meeting.id).await?);
        }
        Ok(found)
    }

    /// Everyone leaves.
    pub async fn leave(&mut self) {
        for speaker in self.speakers.drain(..) {
            self.sent.push(speaker.leave().await);
        }
    }

    /// Everyone leaves. Waits until all recordings are settled, but no longer than `timeout`, and reads the files.
    pub async fn end(mut self, timeout: Duration) -> Result<Ended> {
        self.leave().await;
        // What is not settled by then shows in the states.
        let _settled = wait_for("all recordings are settled", timeout, async || {
            let recordings = self.recordings().await.ok()?;
            recordings.iter().all(is_settled).then_some(())
        })
        .await;
        let recordings = self.recordings().await?;
        let speakers = read_files(self.stack, self.sent, &recordings).await?;
        Ok(Ended { speakers, recordings })
    }
}

/// Whether nothing follows: accepted, or failed without a file.
fn is_settled(recording: &Recording) -> bool {
    recording.offset_ms.is_some() || (recording.state == "failed" && recording.object_key.is_none())
}

async fn read_files(stack: &FaultStack, sent: Vec<Sent>, recordings: &[Recording]) -> Result<Vec<SpeakerFiles>> {
    let mut speakers = Vec::new();
    for sent in sent {
        let mut files = Vec::new();
        let own = recordings
            .iter()
            .filter(|recording| recording.identity == sent.identity);
        for recording in own.filter(|recording| recording.object_key.is_some()) {
            files.push(read_file(stack, recording, &sent).await?);
        }
        speakers.push(SpeakerFiles { sent, files });
    }
    Ok(speakers)
}

async fn read_file(stack: &FaultStack, recording: &Recording, sent: &Sent) -> Result<RecordedFile> {
    let audio = match stack.api.audio(recording.id).await {
        Ok(audio) => audio,
        Err(error) => return Ok(unreadable(recording, &error)),
    };
    let manifest = match &recording.manifest_key {
        Some(key) => stack.read_object(key).await.ok(),
        None => None,
    };
    let manifest = manifest.and_then(|bytes| Manifest::from_json(&bytes).ok());
    RecordedFile::read(&audio, manifest, sent, &recording.track_sid, &stack.tones)
        .or_else(|error| Ok(unreadable(recording, &error)))
}

fn unreadable(recording: &Recording, error: &anyhow::Error) -> RecordedFile {
    RecordedFile {
        track_sid: recording.track_sid.clone(),
        problems: vec![format!("{error:#}")],
        ..RecordedFile::default()
    }
}

impl Ended {
    /// What the faults did to those who were there from the start.
    pub fn observe(&self, faults: &[Fault]) -> Vec<Observation> {
        let speakers = self.speakers.iter().take(SPEAKERS);
        speakers
            .flat_map(|speaker| account::observe(&speaker.sent, &speaker.files, faults))
            .collect()
    }

    /// How long after a fault those who came during it were recorded, in milliseconds; the longest.
    pub fn newcomers_after_ms(&self, fault: Fault) -> Option<f64> {
        let newcomers = self.speakers.iter().skip(SPEAKERS);
        let seen = newcomers.flat_map(|speaker| account::observe(&speaker.sent, &speaker.files, &[fault]));
        seen.filter_map(|seen| seen.again_ms).reduce(f64::max)
    }

    /// Everything that is wrong apart from missing audio.
    pub fn problems(&self) -> Vec<String> {
        let files = self
            .speakers
            .iter()
            .flat_map(|speaker| account::problems(&speaker.sent, &speaker.files));
        files.chain(self.unsettled()).collect()
    }

    fn unsettled(&self) -> Vec<String> {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for recording in self.recordings.iter().filter(|recording| recording.offset_ms.is_none()) {
            let reason = recording.reason.as_deref().unwrap_or("no reason");
            let error = recording.error.as_deref().unwrap_or_default();
            *counts
                .entry(format!("{} ({reason}: {error})", recording.state))
                .or_default() += 1;
        }
        let line = |(state, count)| format!("{count} recordings are not accepted: {state}");
        counts.into_iter().map(line).collect()
    }

    /// The furthest apart that two tracks are at any time by their manifests, in milliseconds.
    pub fn apart_ms(&self) -> f64 {
        let delays = self.speakers.iter().flat_map(|speaker| {
            let of_file = |file: &RecordedFile| file.delays_ms(&speaker.sent);
            speaker.files.iter().flat_map(of_file)
        });
        let bounds = delays.fold(None, |bounds: Option<(f64, f64)>, delay| {
            let (least, most) = bounds.unwrap_or((delay, delay));
            Some((least.min(delay), most.max(delay)))
        });
        bounds.map_or(0.0, |(least, most)| most - least)
    }
}
