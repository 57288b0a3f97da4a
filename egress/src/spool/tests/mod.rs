//! Tests of the spool on real folders, and on a disk that is too small.

mod files;
mod full_disk;
mod recovery;
mod support;
