//! One recording from its acceptance to its last report. `registry` knows all of them, `run` is the life of one; the
//! rest are its parts, most of them pure.

mod capture;
mod handle;
mod info;
mod keep;
mod listen;
mod manifest;
pub mod name;
mod registry;
mod run;
pub mod state;
mod teller;
mod track;

pub use handle::SessionHandle;
pub use registry::{Context, Sessions};
