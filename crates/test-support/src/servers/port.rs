//! Ports that no two tests use at the same time.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::PathBuf,
};

use rand::Rng;

/// Below the range from which Linux takes ports for outgoing connections (32768 and up), above that of `scripts/test.sh`.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A port that was free for TCP and UDP when it was reserved, and that no other test reserves while this exists. A
/// program that is not one of our tests may still take it, so a server that fails to start is started again on another.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// The reservation is a lock on this file.
    _reservation: File,
}

impl Port {
    /// # Panics
    /// When the folder of reservations is not writable.
    pub fn reserve() -> Self {
        let folder = reservations();
        loop {
            let number = rand::rng().random_range(RANGE);
            let file = File::create(folder.join(number.to_string())).expect("the folder was created for this user");
            if file.try_lock().is_ok() && is_free(number) {
                return Self {
                    number,
                    _reservation: file,
                };
            }
        }
    }

    pub fn number(&self) -> u16 {
        self.number
    }
}

fn reservations() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    let folder = std::env::temp_dir().join(format!("trackscribe-test-ports-{user}"));
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("cannot create {}: {error}", folder.display()));
    folder
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}
