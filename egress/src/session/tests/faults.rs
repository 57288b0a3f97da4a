//! Breaks sessions on purpose.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use domain::EgressId;

/// How many panics each egress still has before it.
static PANICS: Mutex<BTreeMap<EgressId, u32>> = Mutex::new(BTreeMap::new());

/// Makes the session of an egress panic at each of its next packets.
pub fn panic_at_packets(egress_id: &EgressId, packets: u32) {
    let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    panics.insert(egress_id.clone(), packets);
}

/// Is called by a session for each packet.
pub fn strike(egress_id: &EgressId) {
    let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(left) = panics.get_mut(egress_id).filter(|left| **left > 0) {
        *left -= 1;
        drop(panics);
        panic!("this panic is part of a test");
    }
}
