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
        for job in jobs {
            run(job, &*disk, &gauges);
        }
    })?;
    Ok((sender, thread))
}

fn run(job: SyncJob, disk: &dyn Disk, gauges: &Gauges) {
    let began = Instant::now();
    let mut outcome = Ok(());
    for file in &job.files {
        if let Err(error) = disk.sync(file) {
            tracing::error!(%error, "cannot bring a recording to stable storage; a power failure may lose it");
            outcome = Err(error);
        }
    }
    match job.then {
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
