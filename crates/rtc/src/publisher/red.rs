//! Redundant audio (RFC 2198): each packet carries a copy of the previous one.

/// The offset of a redundant block has 14 bits, its length 10.
const MAX_OFFSET: u32 = (1 << 14) - 1;
const MAX_LENGTH: usize = (1 << 10) - 1;
/// The bit that marks a block header followed by another.
const FOLLOWED: u8 = 0x80;

/// An Opus packet with its timestamp.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    pub timestamp: u32,
    pub payload: &'a [u8],
}

/// Returns the payload of a packet with `primary`, and with the block `earlier` if its offset and length fit.
pub(super) fn encode(payload_type: u8, earlier: Option<Block<'_>>, primary: Block<'_>) -> Vec<u8> {
    let mut packet = Vec::with_capacity(primary.payload.len() + 512);
    let redundant =
        earlier.and_then(|block| header(payload_type, block, primary.timestamp).map(|header| (header, block)));
    if let Some((header, _)) = redundant {
        packet.extend_from_slice(&header);
    }
    packet.push(payload_type);
    if let Some((_, block)) = redundant {
        packet.extend_from_slice(block.payload);
    }
    packet.extend_from_slice(primary.payload);
    packet
}

fn header(payload_type: u8, block: Block<'_>, primary_timestamp: u32) -> Option<[u8; 4]> {
    let offset = primary_timestamp.wrapping_sub(block.timestamp);
    let length = u32::try_from(block.payload.len()).ok()?;
    if offset > MAX_OFFSET || block.payload.len() > MAX_LENGTH || block.payload.is_empty() {
        return None;
    }
    let [_, high, middle, low] = ((offset << 10) | length).to_be_bytes();
    Some([FOLLOWED | payload_type, high, middle, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_block_precedes_the_primary() {
        let earlier = Block {
            timestamp: 0xffff_ff00,
            payload: b"old",
        };
        let primary = Block {
            timestamp: 0xffff_ff00u32.wrapping_add(960),
            payload: b"new",
        };

        let packet = encode(111, Some(earlier), primary);

        assert_eq!(packet, [&[0x80 | 111, 0x0f, 0x00, 3, 111][..], b"old", b"new"].concat());
    }

    #[test]
    fn a_block_that_does_not_fit_is_omitted() {
        let primary = Block {
            timestamp: 100_000,
            payload: b"new",
        };

        for earlier in [
            Block {
                timestamp: 0,
                payload: b"too long ago",
            },
            Block {
                timestamp: 99_040,
                payload: &[0; 1024],
            },
            Block {
                timestamp: 99_040,
                payload: b"",
            },
        ] {
            assert_eq!(encode(111, Some(earlier), primary), [&[111][..], b"new"].concat());
        }
    }
}
