//! Breaks parts of a worker on purpose. Not part of the program.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Where a test can make a worker panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// A session handles a packet. The key is the egress id.
    Packet,
    /// A session stores its recording. The key is the egress id.
    Store,
    /// The task of a room checks its tracks, once a second. The key is the room's sid.
    Room,
}

/// How many panics are left.
static PANICS: Mutex<BTreeMap<(Point, String), u32>> = Mutex::new(BTreeMap::new());

/// Makes the next `times` passages of a point panic.
pub fn panic_at(point: Point, key: &str, times: u32) {
    let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    panics.insert((point, key.to_owned()), times);
}

/// Is called at each passage of a point.
pub fn pass(point: Point, key: &str) {
    let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(left) = panics.get_mut(&(point, key.to_owned())).filter(|left| **left > 0) {
        *left -= 1;
        drop(panics);
        panic!("this panic is part of a test");
    }
}
