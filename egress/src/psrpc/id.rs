//! Random ids in psrpc's format: a prefix and 12 letters or digits.

use rand::{Rng, distr::Alphanumeric};

const LEN: usize = 12;

pub fn request() -> String {
    random("REQ_")
}

pub fn client() -> String {
    random("CLI_")
}

pub fn server() -> String {
    random("SRV_")
}

fn random(prefix: &str) -> String {
    let tail: String = rand::rng()
        .sample_iter(Alphanumeric)
        .take(LEN)
        .map(char::from)
        .collect();
    format!("{prefix}{tail}")
}
