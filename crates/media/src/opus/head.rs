//! The two header packets of an Ogg/Opus stream (RFC 7845 section 5).

use thiserror::Error;

const HEAD_MAGIC: &[u8] = b"OpusHead";
const TAGS_MAGIC: &[u8] = b"OpusTags";

/// The vendor string of the tags.
const VENDOR: &str = "trackscribe";

/// Most bytes of tags, so that they fit on one page; further tags are left out.
const MAX_TAGS_BYTES: usize = 32 * 1024;

/// The identification header, `OpusHead` (RFC 7845 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusHead {
    /// Channels that a player should output, 1 or 2. Packets may be mono or stereo in either case.
    pub channels: u8,
    /// Samples at 48 kHz that a player drops from the start.
    pub pre_skip: u16,
    /// Sample rate of the encoder's input in Hz; informative.
    pub input_rate: u32,
    /// Gain to apply to the output, in dB as Q7.8 fixed point.
    pub output_gain: i16,
}

/// The comment header, `OpusTags`: `NAME=value` pairs (RFC 7845 section 5.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpusTags {
    /// Names and values.
    pub tags: Vec<(String, String)>,
}

/// Why a stream's first packet is not a supported `OpusHead`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeadError {
    /// The packet does not start with `OpusHead`.
    #[error("the stream does not start with OpusHead: it is not an Ogg/Opus stream")]
    NotOpus,
    /// The packet is too short.
    #[error("OpusHead is cut off")]
    Truncated,
    /// The major version is not 0.
    #[error("OpusHead has version {0}; versions 0 to 15 are supported")]
    Version(u8),
    /// The channel mapping (RFC 7845 section 5.1.1) is not mono or stereo of family 0.
    #[error(
        "OpusHead has {channels} channels in mapping family {family}; only mono and stereo of family 0 are supported"
    )]
    Channels {
        /// Number of channels.
        channels: u8,
        /// Channel mapping family.
        family: u8,
    },
}

impl OpusHead {
    /// Returns the header for packets received over RTP. The pre-skip is 0, so sample `n` of the file has RTP timestamp
    /// `first + n`.
    pub fn for_rtp(channels: u8) -> Self {
        Self {
            channels,
            pre_skip: 0,
            input_rate: 48_000,
            output_gain: 0,
        }
    }

    /// Returns the packet.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = HEAD_MAGIC.to_vec();
        bytes.extend([1, self.channels]);
        bytes.extend(self.pre_skip.to_le_bytes());
        bytes.extend(self.input_rate.to_le_bytes());
        bytes.extend(self.output_gain.to_le_bytes());
        bytes.push(0); // mapping family: mono or stereo
        bytes
    }

    /// Parses the packet.
    ///
    /// # Errors
    /// The packet is not a supported `OpusHead`.
    pub fn parse(packet: &[u8]) -> Result<Self, HeadError> {
        let fields = packet.strip_prefix(HEAD_MAGIC).ok_or(HeadError::NotOpus)?;
        let &[
            version,
            channels,
            skip0,
            skip1,
            rate0,
            rate1,
            rate2,
            rate3,
            gain0,
            gain1,
            family,
            ..,
        ] = fields
        else {
            return Err(HeadError::Truncated);
        };
        if version > 15 {
            return Err(HeadError::Version(version));
        }
        if family != 0 || !(1..=2).contains(&channels) {
            return Err(HeadError::Channels { channels, family });
        }
        Ok(Self {
            channels,
            pre_skip: u16::from_le_bytes([skip0, skip1]),
            input_rate: u32::from_le_bytes([rate0, rate1, rate2, rate3]),
            output_gain: i16::from_le_bytes([gain0, gain1]),
        })
    }
}

impl OpusTags {
    /// Returns the packet. Characters that the format forbids in names are removed (RFC 7845 section 5.2), and tags that
    /// do not fit on one page are left out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut comments = Vec::new();
        let mut count: u32 = 0;
        for (name, value) in &self.tags {
            let comment = format!("{}={value}", sanitized(name));
            if comments.len() + comment.len() > MAX_TAGS_BYTES {
                continue;
            }
            put_string(&mut comments, &comment);
            count += 1;
        }
        let mut bytes = TAGS_MAGIC.to_vec();
        put_string(&mut bytes, VENDOR);
        bytes.extend(count.to_le_bytes());
        bytes.extend(comments);
        bytes
    }

    /// Parses the packet as far as possible; `None` if it does not start with `OpusTags`. Damaged tags are left out, because
    /// nothing depends on them.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let rest = packet.strip_prefix(TAGS_MAGIC)?;
        let mut tags = Vec::new();
        let Some((_vendor, rest)) = take_bytes(rest) else {
            return Some(Self::default());
        };
        // the count is ignored: the bytes themselves end the list
        let mut rest = rest.get(4..).unwrap_or_default();
        while let Some((comment, after)) = take_bytes(rest) {
            if let Some((name, value)) = String::from_utf8_lossy(comment).split_once('=') {
                tags.push((name.to_owned(), value.to_owned()));
            }
            rest = after;
        }
        Some(Self { tags })
    }
}

/// Removes everything but printable ASCII, and `=`.
fn sanitized(name: &str) -> String {
    name.chars().filter(|c| (' '..='}').contains(c) && *c != '=').collect()
}

fn put_string(bytes: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).expect("tags are limited to one page");
    bytes.extend(length.to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn take_bytes(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_head_reads_back_as_it_was_written() {
        let head = OpusHead {
            channels: 1,
            pre_skip: 312,
            input_rate: 16_000,
            output_gain: -256,
        };

        assert_eq!(head.to_bytes().len(), 19);
        assert_eq!(OpusHead::parse(&head.to_bytes()), Ok(head));
    }

    #[test]
    fn damaged_heads_are_refused_with_a_reason() {
        let head = OpusHead::for_rtp(2).to_bytes();
        let with = |at: usize, byte: u8| {
            let mut head = head.clone();
            head[at] = byte;
            OpusHead::parse(&head)
        };

        assert_eq!(OpusHead::parse(b"OggVorbis"), Err(HeadError::NotOpus));
        assert_eq!(OpusHead::parse(&head[..18]), Err(HeadError::Truncated));
        assert_eq!(with(8, 16), Err(HeadError::Version(16)));
        assert_eq!(with(9, 0), Err(HeadError::Channels { channels: 0, family: 0 }));
        assert_eq!(
            with(18, 255),
            Err(HeadError::Channels {
                channels: 2,
                family: 255
            })
        );
    }

    #[test]
    fn tags_read_back_as_they_were_written() {
        let tags = OpusTags {
            tags: vec![
                ("TITLE".into(), "Überraschung=ja".into()),
                ("a=\n".into(), String::new()),
            ],
        };

        let read = OpusTags::parse(&tags.to_bytes()).unwrap();

        assert_eq!(
            read.tags,
            [("TITLE".into(), "Überraschung=ja".into()), ("a".into(), String::new())]
        );
    }

    #[test]
    fn tags_that_do_not_fit_on_a_page_are_left_out() {
        let tags = OpusTags {
            tags: vec![("HUGE".into(), "x".repeat(100_000)), ("ROOM".into(), "standup".into())],
        };

        let bytes = tags.to_bytes();

        assert!(bytes.len() < 65_025);
        assert_eq!(
            OpusTags::parse(&bytes).unwrap().tags,
            [("ROOM".into(), "standup".into())]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = OpusHead::parse(&[HEAD_MAGIC, &bytes].concat());
            let _ = OpusTags::parse(&[TAGS_MAGIC, &bytes].concat());
        }
    }
}
