//! The phase in which the file is closed and stored with its manifest, and the terminal state is chosen.

use std::{io, time::Duration};

use domain::manifest::{End, ManifestFile};
use livekit_protocol::EgressStatus;
use tokio::time::sleep;

use super::{
    conclude::conclude,
    context::{Interrupted, LeftRecording, Session},
    manifest::{ManifestParts, Publisher, manifest},
    name::TrackValues,
    outcome::{FoundTrack, RecordingEnd},
    record::recorder_config,
    saved::{Recorded, SavedEnd},
    state::{OpenFile, State, StoredFile},
    track_writer::{TrackWriter, duration},
};
#[cfg(test)]
use crate::faults;
use crate::{
    clock,
    failure::Failure,
    metrics,
    spool::SpooledFile,
    upload::{StoredObjects, Upload},
};

/// The pause after the finished file could not be read or synced.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Stores the recording, however long it takes, and chooses the terminal state.
pub(super) async fn store(session: &mut Session) -> Result<(), Interrupted> {
    #[cfg(test)]
    faults::pass(faults::Point::Store, session.seat.egress_id.as_str());
    let end = session.reporter.saved().end.expect("the phase follows the end");
    let recorded = recorded(session, &end);
    report_ending(session, &end, recorded.as_ref());
    let Some(recorded) = recorded else {
        conclude(&mut session.reporter, &end, None);
        return Ok(());
    };
    let track = match track(session) {
        Ok(track) => track,
        Err(failure) => {
            keep_unnamed(session, &end, &failure);
            return Ok(());
        }
    };
    let file = finished(session).await?;
    let upload = Upload {
        store: session.spec.store.config(),
        key: track.name.key.clone(),
        manifest: manifest_json(session, &track, &recorded, &file, &end),
        audio: file.clone(),
    };
    session.at_risk.set(metrics::seconds(recorded.samples));
    let cancel = session.signals.shutdown.suspend.clone();
    let stored = session.context.uploader.store(upload, &cancel).await;
    let stored = stored.ok_or(Interrupted::Suspended)?;
    session.at_risk.set(0.0);
    metrics::recorded(&recorded.gaps, &recorded.counts);
    let file = stored_file(&track, &recorded, &file, stored);
    conclude(&mut session.reporter, &end, Some(file));
    Ok(())
}

/// What the file holds. A file that an earlier process did not close is closed now.
fn recorded(session: &mut Session, end: &SavedEnd) -> Option<Recorded> {
    let Some(left) = session.left.take() else {
        return end.recorded.clone();
    };
    if let Some(recorded) = end.recorded.as_ref().filter(|recorded| is_whole(&left, recorded)) {
        return Some(recorded.clone());
    }
    let recorded = close(session, left);
    session.reporter.save(|saved| {
        if let Some(end) = &mut saved.end {
            end.recorded.clone_from(&recorded);
        }
    });
    recorded
}

/// Whether the file has all that its recorder had written when it finished.
fn is_whole(left: &LeftRecording, recorded: &Recorded) -> bool {
    let samples = left.audio.as_ref().map(|tail| tail.samples);
    samples.is_some_and(|samples| samples == recorded.samples.samples())
}

/// Ends the file that an earlier process left. Returns `None` if it holds no audio.
fn close(session: &Session, left: LeftRecording) -> Option<Recorded> {
    if !left.has_audio() {
        return None;
    }
    let saved = session.reporter.saved().track;
    let wall = saved
        .and_then(|track| clock::restore(&track.clock))
        .unwrap_or_else(clock::read);
    let mut writer = TrackWriter::new(session.folder.clone(), recorder_config(session, wall), Some(left));
    Recorded::new(writer.finish())
}

/// LiveKit's protocol has no ENDING before LIMIT_REACHED, and a failure is reported once what exists is stored.
fn report_ending(session: &mut Session, end: &SavedEnd, recorded: Option<&Recorded>) {
    if let (State::Starting, Some(recorded)) = (session.reporter.egress().state(), recorded) {
        let file = OpenFile {
            filename: session
                .reporter
                .saved()
                .track
                .map(|track| track.name.filename)
                .unwrap_or_default(),
            started_at: Some(recorded.first_arrived_at),
        };
        session.reporter.transition(|egress| egress.activate(end.at, file));
    }
    let is_active = matches!(session.reporter.egress().state(), State::Active(_));
    if let (RecordingEnd::Stopped(reason), true) = (&end.end, is_active) {
        session.reporter.transition(|egress| egress.end(end.at, *reason));
    }
}

/// The track, also if the process that found it could not save it any more.
fn track(session: &Session) -> Result<FoundTrack, Failure> {
    if let Some(track) = session.reporter.saved().track {
        return Ok(track);
    }
    let publisher = Publisher {
        identity: "".into(),
        sid: "".into(),
        display_name: String::new(),
        source: "unknown".to_owned(),
    };
    let values = TrackValues {
        track_source: &publisher.source,
        publisher_identity: &publisher.identity,
    };
    Ok(FoundTrack {
        name: session.spec.name.resolve(&values).map_err(Failure::name)?,
        found_at: session.spec.started_at,
        clock: clock::save(&clock::read()),
        publisher,
    })
}

/// Ends an egress whose recording has no valid name. Its folder stays.
fn keep_unnamed(session: &mut Session, end: &SavedEnd, failure: &Failure) {
    tracing::error!(%failure, "a recording cannot be named and is not stored; its folder is kept");
    session
        .reporter
        .transition(|egress| egress.fail(end.at, failure.clone(), None));
}

/// Waits until the whole file is on stable storage.
async fn finished(session: &Session) -> Result<SpooledFile, Interrupted> {
    loop {
        let error: io::Error = match session.until_suspended(session.folder.finish()).await? {
            Ok(file) => return Ok(file),
            Err(error) => error,
        };
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "cannot finish a recording; trying again"
        );
        session.until_suspended(sleep(RETRY_PAUSE)).await?;
    }
}

fn manifest_json(
    session: &Session,
    track: &FoundTrack,
    recorded: &Recorded,
    file: &SpooledFile,
    end: &SavedEnd,
) -> Option<String> {
    let spec = &session.spec;
    if !spec.writes_manifest {
        return None;
    }
    let manifest = manifest(ManifestParts {
        meta: &spec.meta,
        track_sid: &spec.track_sid,
        publisher: &track.publisher,
        recorded: recorded.clone(),
        listened: session.reporter.saved().presence.listened(end.at),
        file,
        stored: ManifestFile {
            filename: track.name.key.to_string(),
            location: spec.store.config().location(&track.name.key),
        },
        started_at: spec.started_at,
        ended_at: end.at,
        end: manifest_end(&end.end),
    });
    manifest
        .to_json()
        .inspect_err(|error| tracing::error!(%error, "cannot write a manifest"))
        .ok()
}

fn stored_file(track: &FoundTrack, recorded: &Recorded, file: &SpooledFile, stored: StoredObjects) -> StoredFile {
    let nanoseconds = duration(recorded.samples).as_nanos();
    StoredFile {
        filename: track.name.filename.clone(),
        started_at: recorded.first_arrived_at,
        duration_ns: i64::try_from(nanoseconds).unwrap_or(i64::MAX),
        size_bytes: i64::try_from(file.size_bytes).unwrap_or(i64::MAX),
        location: stored.audio.location,
        manifest_location: stored.manifest.map(|manifest| manifest.location).unwrap_or_default(),
    }
}

fn manifest_end(end: &RecordingEnd) -> End {
    let status = match end {
        RecordingEnd::Stopped(_) => EgressStatus::EgressComplete,
        RecordingEnd::LimitReached => EgressStatus::EgressLimitReached,
        RecordingEnd::Failed(_) => EgressStatus::EgressFailed,
    };
    End {
        status: status.as_str_name().to_owned(),
        details: end.reason().details(),
    }
}
