//! Ports that two tests do not choose at the same time.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::PathBuf,
};

use rand::Rng;

/// Below the range from which Linux takes ports for outgoing connections (32768 and up), above that of `scripts/test.sh`.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A port that was free for TCP and UDP when it was chosen, and that no other test chooses while this lives. A program
/// that is no test of ours may still take it: whoever starts a server tries again with another one.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Locked for as long as it is open.
    _claim: File,
}

impl Port {
    /// # Panics
    /// When the folder of claims cannot be written.
    pub fn choose() -> Self {
        let claims = claims_folder();
        loop {
            let number = rand::rng().random_range(RANGE);
            let claim = File::create(claims.join(number.to_string())).expect("the folder was made for this user");
            if claim.try_lock().is_ok() && is_free(number) {
                return Self { number, _claim: claim };
            }
        }
    }

    pub fn number(&self) -> u16 {
        self.number
    }
}

fn claims_folder() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    let folder = std::env::temp_dir().join(format!("trackscribe-test-ports-{user}"));
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{} cannot be made: {error}", folder.display()));
    folder
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}
