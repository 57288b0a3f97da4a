//! Rewrites ICE candidates in signalling messages (RFC 8839 section 5.1), so that media takes the way of our relays.
//!
//! A candidate is `… protocol priority address port typ …`. Only the digits of the port change, padded with zeros: a
//! message keeps its length.

use std::ops::Range;

use super::{signal::find, tcp::Direction};

/// What follows the port.
const TYPE: &[u8] = b" typ ";

/// The discard protocol: nobody listens there.
const NOWHERE: u16 = 9;

/// The ports at which the relays listen.
#[derive(Clone, Copy, Debug)]
pub struct Relays {
    pub udp: u16,
    pub tcp: u16,
}

/// The client learns the relays' ports instead of the server's. The server learns ports at which no client listens, so
/// that it cannot go around the relays.
pub fn rewrite(relays: Relays, direction: Direction, message: &mut [u8]) {
    let mut from = 0;
    while let Some(at) = find(&message[from..], TYPE).map(|at| from + at) {
        from = at + TYPE.len();
        let Some((port, is_udp)) = port_before(message, at) else {
            continue;
        };
        let new = match direction {
            Direction::ToServer => NOWHERE,
            Direction::ToClient if is_udp => relays.udp,
            Direction::ToClient => relays.tcp,
        };
        let text = format!("{new:0width$}", width = port.len());
        if text.len() == port.len() {
            message[port].copy_from_slice(text.as_bytes());
        }
    }
}

/// The place of the port before `end`, and whether the candidate's protocol is UDP.
fn port_before(message: &[u8], end: usize) -> Option<(Range<usize>, bool)> {
    let port = word_before(message, end)?;
    let address = word_before(message, port.start.checked_sub(1)?)?;
    let priority = word_before(message, address.start.checked_sub(1)?)?;
    let protocol = word_before(message, priority.start.checked_sub(1)?)?;
    let is_number = message[port.clone()].iter().all(u8::is_ascii_digit) && !port.is_empty();
    is_number.then(|| (port, message[protocol].eq_ignore_ascii_case(b"udp")))
}

fn word_before(message: &[u8], end: usize) -> Option<Range<usize>> {
    let start = message[..end].iter().rposition(|&byte| byte == b' ')? + 1;
    Some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAYS: Relays = Relays { udp: 40_001, tcp: 4002 };

    fn rewritten(direction: Direction, message: &str) -> String {
        let mut bytes = message.as_bytes().to_vec();
        rewrite(RELAYS, direction, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_client_learns_the_relays_and_the_server_nothing() {
        let udp = r#"{"candidate":"candidate:1 1 udp 2130706431 127.0.0.1 44200 typ host ufrag x"}"#;
        let tcp = "a=candidate:2 1 TCP 1671430143 127.0.0.1 07881 typ host tcptype passive";

        assert!(rewritten(Direction::ToClient, udp).contains("127.0.0.1 40001 typ host ufrag"));
        assert!(rewritten(Direction::ToClient, tcp).contains("127.0.0.1 04002 typ host tcptype"));
        assert!(rewritten(Direction::ToServer, udp).contains("127.0.0.1 00009 typ host ufrag"));
    }

    #[test]
    fn other_text_is_left_alone() {
        for text in [
            "",
            " typ ",
            "a typ b",
            "no candidate: 12 typ host",
            "x udp 1 127.0.0.1 port typ host",
        ] {
            assert_eq!(rewritten(Direction::ToClient, text), text);
        }
    }
}
