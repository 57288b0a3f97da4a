//! The thread that brings files to stable storage.

use std::{
    fs::File,
    io,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Instant,
};

use super::{
    disk::Disk,
    open_folder::{Finished, Reply},
    space::Gauges,
};
use crate::critical;

/// Files to sync, and who waits for it.
pub(super) struct SyncJob {
    pub(super) files: Vec<Arc<File>>,
    pub(super) then: Then,
}

pub(super) enum Then {
    /// The group sync once a second is done.
    Group,
    Flushed(Reply<()>),
    Finished(Reply<Finished>, Finished),
    Nothing,
}

/// Starts the thread. It ends when the sender is dropped.
pub(super) fn start(disk: Arc<dyn Disk>, gauges: Arc<Gauges>) -> io::Result<(mpsc::Sender<SyncJob>, JoinHandle<()>)> {
    let (sender, jobs) = mpsc::channel::<SyncJob>();
    let thread = std::thread::Builder::new().name("spool-sync".into()).spawn(move || {
        critical::run("the thread that syncs recordings", || {
            while let Ok(first) = jobs.recv() {
                let batch = std::iter::once(first).chain(jobs.try_iter()).collect();
                run_all(batch, &*disk, &gauges);
            }
        });
    })?;
    Ok((sender, thread))
}

/// Syncs everything that waits at the same time together.
fn run_all(batch: Vec<SyncJob>, disk: &dyn Disk, gauges: &Gauges) {
    let began = Instant::now();
    let files: Vec<_> = batch.iter().flat_map(|job| job.files.iter().cloned()).collect();
    let is_synced = disk.sync_all(&files).is_ok();
    for job in batch {
        // Only one of the files may be bad, and each egress is to learn about its own.
        let outcome = if is_synced { Ok(()) } else { sync_each(&job.files, disk) };
        answer(job.then, outcome, gauges, began);
    }
}

fn sync_each(files: &[Arc<File>], disk: &dyn Disk) -> io::Result<()> {
    let mut outcome = Ok(());
    for file in files {
        if let Err(error) = disk.sync(file) {
            tracing::error!(%error, "cannot bring a recording to stable storage; a power failure may lose it");
            outcome = Err(error);
        }
    }
    outcome
}

fn answer(then: Then, outcome: io::Result<()>, gauges: &Gauges, began: Instant) {
    match then {
        Then::Group => gauges.synced(began.elapsed()),
        Then::Flushed(reply) => {
            let _nobody_waits = reply.send(outcome);
        }
        Then::Finished(reply, finished) => {
            let _nobody_waits = reply.send(outcome.map(|()| finished));
        }
        Then::Nothing => {}
    }
}
