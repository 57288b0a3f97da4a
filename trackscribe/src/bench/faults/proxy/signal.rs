//! WebSocket messages in a stream of bytes (RFC 6455), for the proxy in front of LiveKit's signalling.

use super::tcp::{Direction, Rewrite};

/// End of the HTTP messages that open a WebSocket.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// Not known yet: the head of the first HTTP message has not been read.
    Unknown,
    WebSocket,
    /// A call of LiveKit's API, which goes to the same port.
    Http,
}

/// Finds the messages in one direction of a WebSocket and rewrites them. Other HTTP is passed on as it is.
pub struct Frames {
    direction: Direction,
    rewrite: Rewrite,
    /// Bytes that are not a whole frame yet.
    buffer: Vec<u8>,
    content: Content,
}

impl Frames {
    pub fn new(direction: Direction, rewrite: Rewrite) -> Self {
        Self {
            direction,
            rewrite,
            buffer: Vec::new(),
            content: Content::Unknown,
        }
    }

    /// Adds bytes and returns those that can be passed on.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.buffer.extend_from_slice(bytes);
        let mut ready = Vec::new();
        if self.content == Content::Unknown {
            let Some(end) = find(&self.buffer, END_OF_HEAD) else {
                return ready;
            };
            ready.extend(self.buffer.drain(..end + END_OF_HEAD.len()));
            self.content = content(&ready);
        }
        if self.content == Content::Http {
            ready.append(&mut self.buffer);
        }
        while let Some(frame) = Frame::first(&self.buffer) {
            let mut bytes: Vec<u8> = self.buffer.drain(..frame.end).collect();
            let payload = &mut bytes[frame.start..];
            toggle_mask(payload, frame.mask);
            (self.rewrite)(self.direction, payload);
            toggle_mask(payload, frame.mask);
            ready.extend(bytes);
        }
        ready
    }
}

/// A request for a WebSocket and its acceptance name the protocol in the header `Upgrade` (RFC 6455, section 4).
fn content(head: &[u8]) -> Content {
    if find(&head.to_ascii_lowercase(), b"upgrade: websocket").is_some() {
        Content::WebSocket
    } else {
        Content::Http
    }
}

/// Where a frame's payload is in the buffer.
struct Frame {
    start: usize,
    end: usize,
    mask: [u8; 4],
}

impl Frame {
    /// The frame at the start of the buffer, if all of it is there.
    fn first(buffer: &[u8]) -> Option<Self> {
        let second = *buffer.get(1)?;
        let (length, mut start) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?)), 4),
            127 => (u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?), 10),
            short => (u64::from(short), 2),
        };
        let mut mask = [0; 4];
        if second & 0x80 != 0 {
            mask = buffer.get(start..start + 4)?.try_into().ok()?;
            start += 4;
        }
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        (buffer.len() >= end).then_some(Self { start, end, mask })
    }
}

fn toggle_mask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, mask) in payload.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

pub fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn upper_case() -> Frames {
        let rewrite: Rewrite = Arc::new(|_, payload| payload.make_ascii_uppercase());
        Frames::new(Direction::ToServer, rewrite)
    }

    fn masked(payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut masked = payload.to_vec();
        toggle_mask(&mut masked, mask);
        [&[0x82, 0x80 | payload.len() as u8], &mask[..], &masked].concat()
    }

    const REQUEST: &[u8] = b"GET /rtc HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";

    #[test]
    fn a_call_of_the_api_is_passed_on_as_it_is() {
        let stream = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        for piece in 1..stream.len() {
            let mut frames = upper_case();

            let passed: Vec<u8> = stream.chunks(piece).flat_map(|bytes| frames.push(bytes)).collect();

            assert_eq!(passed, stream, "in pieces of {piece} bytes");
        }
    }

    #[test]
    fn messages_are_rewritten_wherever_the_stream_is_torn() {
        let stream = [REQUEST, &masked(b"hello"), &masked(b"you")].concat();
        let expected = [REQUEST, &masked(b"HELLO"), &masked(b"YOU")].concat();

        for piece in 1..stream.len() {
            let mut frames = upper_case();

            let passed: Vec<u8> = stream.chunks(piece).flat_map(|bytes| frames.push(bytes)).collect();

            assert_eq!(passed, expected, "in pieces of {piece} bytes");
        }
    }

    #[test]
    fn long_messages_and_absurd_lengths_are_handled() {
        let mut frames = upper_case();
        frames.push(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
        let long = [&[0x82, 126, 1, 44][..], &[b'a'; 300]].concat();

        assert_eq!(frames.push(&long)[4..], [b'A'; 300]);
        assert!(
            frames
                .push(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255])
                .is_empty()
        );
    }
}
