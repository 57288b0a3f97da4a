//! One recording from its acceptance to its last report. `registry` knows all of them, `run` is the life of one; the
//! rest are its parts, most of them pure.

mod capture;
mod egress_methods;
mod handle;
mod info;
mod io_info;
mod keep;
mod listen;
mod manifest;
mod name;
mod registry;
mod reporter;
mod run;
mod spec;
mod state;
mod track;

pub use io_info::{IO_SERVICE, IoInfoClient};
pub use name::{NameTemplate, RequestValues};
pub use registry::{Context, Sessions};
pub use spec::{EgressMeta, RecordingSpec};
