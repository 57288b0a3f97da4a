//! What stands between the recorder and its servers, so that connections can be broken without touching anyone else's.

pub mod candidates;
pub mod s3;
pub mod signal;
pub mod tcp;
pub mod udp;
