//! Sessions. A session is the task that carries out one egress: it records one track, stores the file and reports each
//! state to livekit-server.
//!
//! - `registry`: all sessions of this worker, by egress id; `handle`: one of them, seen from outside
//! - `run`: the phases of a session; `find`, `record`, `store`: one phase each; `outcome`: what they return
//! - `state`, `info`: the states of an egress and how LiveKit sees them, pure
//! - `reporter`, `io_info`: report the states to livekit-server
//! - `egress_methods`: receives the stop request
//! - `spec`, `name`, `track`, `manifest`: what is recorded, under which name, and how it is described, pure
//! - `track_writer`: from the recorder to the spool

mod backoff;
mod conclude;
mod context;
mod egress_methods;
mod find;
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
