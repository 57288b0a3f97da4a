//! Sessions. A session is the task that carries out one egress: it records one track, stores the file and reports each
//! state to livekit-server.
//!
//! Whatever it decides is in the folder of the egress before it is reported. A new request, a recording that was suspended
//! and one whose recorder was killed therefore take the same path, which begins where the folder says.
//!
//! - `registry`: all sessions of this worker, by egress id; `launch`: how they begin; `supervise`, `give_up`: what follows
//!   a panic; `seat`, `handle`: a session seen from outside
//! - `phase`: what the folder says, pure; `run`: the phases in their order; `record` → `find`, `listen` and
//!   `store` → `conclude`: one phase each
//! - `saved`: the files of the folder
//! - `presence`, `takeover`: what a recorder that was away may conclude, pure
//! - `state`, `info`: the states of an egress and how LiveKit sees them, pure
//! - `reporter`, `updates`, `io_info`, `room_list`: report the states to livekit-server, and ask it for them
//! - `egress_methods`: receives the stop request
//! - `spec`, `name`, `track`, `manifest`, `outcome`: what is recorded, under which name, and how it is described, pure
//! - `track_writer`: from the recorder to the spool

mod backoff;
mod conclude;
mod context;
mod egress_methods;
mod find;
mod give_up;
mod handle;
mod info;
mod io_info;
mod launch;
mod listen;
mod manifest;
mod name;
mod outcome;
mod phase;
mod presence;
mod record;
mod registry;
mod reporter;
mod room_list;
mod run;
mod saved;
mod seat;
mod spec;
mod state;
mod store;
mod supervise;
mod takeover;
#[cfg(test)]
mod tests;
mod track;
mod track_writer;
mod updates;

pub use context::{SessionContext, Shutdown};
pub use io_info::{IO_SERVICE, IoInfoClient};
pub use name::{NameTemplate, RequestValues};
pub use registry::Sessions;
pub use room_list::RoomLists;
pub use spec::{EgressMeta, RecordingSpec, SpecStore};
