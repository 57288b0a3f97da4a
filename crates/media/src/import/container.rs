//! The one audio stream of a file: its parameters and its packets, each with its position.

use std::io::{Read, Seek};

use domain::SampleTime;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::errors::Error as DemuxError;
use symphonia::core::formats::{FormatOptions, FormatReader, Track};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::core::units::{TimeBase, Timestamp};
use symphonia::default::formats::{AdtsReader, IsoMp4Reader, MkvReader, WavReader};

use super::source::{Budget, Format, limited};
use super::{Damage, ImportError, SourceCodec, ebml, edits};
use crate::SAMPLE_RATE;

/// Most bytes of an MP4 file's headers. The index of 24 hours of video and audio is about 60 MB long.
const MP4_HEADER_BYTES: u64 = 128 << 20;

/// Most bytes of the headers of any other file, which have no index before the first packet.
const HEADER_BYTES: u64 = 4 << 20;

/// Most bytes from one packet to the next. Frames of video at 720p have less than 1 MB; elements that are skipped,
/// such as the index of a Matroska file, a few.
const PACKET_BYTES: u64 = 64 << 20;

/// Most packets of other streams between two packets of audio: 24 hours of video at 30 frames per second.
const MAX_FOREIGN_PACKETS: u32 = 2_600_000;

/// The audio stream of a file.
pub(super) struct Container {
    reader: Box<dyn FormatReader + 'static>,
    track: u32,
    time_base: TimeBase,
    /// Added to every timestamp.
    shift: SampleTime,
    budget: Budget,
    ending: Ending,
    pub(super) params: AudioCodecParameters,
}

/// How the demuxer meets the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It says so.
    Known,
    /// As an error, because it is not told how long the file is. It says that there are no more packets only if a
    /// timestamp is out of range.
    Error {
        /// The file is not cut off.
        is_whole: bool,
    },
}

/// What follows in the stream.
pub(super) enum Next {
    /// A packet and where it belongs, counted from the origin of the container's timestamps.
    Packet(SampleTime, Packet),
    End,
    /// The rest cannot be read.
    Broken(Damage),
}

impl Container {
    pub(super) fn open(mut source: impl Read + Seek + Send + Sync + 'static) -> Result<Self, ImportError> {
        let format = Format::probe(&mut source)?;
        let edits = match format {
            Format::Mp4 => edits::read(&mut source).map_err(ImportError::Io)?,
            _ => edits::EditLists::default(),
        };
        let ending = match format {
            Format::Matroska => Ending::Error {
                is_whole: ebml::is_whole(&mut source).map_err(ImportError::Io)?,
            },
            Format::Mp4 | Format::Wav | Format::Adts => Ending::Known,
        };
        let budget = Budget::new(header_bytes(format));
        let stream = limited(source, format, budget.clone());
        let reader = open_reader(format, stream).map_err(|error| ImportError::headers(format.name(), error))?;
        let (track, params) = only_audio_track(reader.tracks())?;
        let (id, time_base) = (track.id, time_base(track, &params)?);
        Ok(Self {
            track: id,
            time_base,
            shift: edits.shift_of(id),
            budget,
            ending,
            params,
            reader,
        })
    }

    /// Returns the length of one tick of the container's timestamps in nanoseconds, rounded up.
    pub(super) fn tick_ns(&self) -> u64 {
        let (numer, denom) = (
            u64::from(self.time_base.numer.get()),
            u64::from(self.time_base.denom.get()),
        );
        (numer * 1_000_000_000).div_ceil(denom)
    }

    /// Returns the next packet of the stream.
    ///
    /// # Errors
    /// The source fails.
    pub(super) fn next(&mut self) -> Result<Next, ImportError> {
        for _ in 0..MAX_FOREIGN_PACKETS {
            self.budget.set(PACKET_BYTES);
            match self.reader.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track => {
                    return Ok(Next::Packet(self.position(packet.pts), packet));
                }
                Ok(Some(_)) => {}
                Ok(None) if self.ending == Ending::Known => return Ok(Next::End),
                Ok(None) => return Ok(Next::malformed("a timestamp is out of range")),
                Err(error) => return self.after(error),
            }
        }
        Ok(Next::malformed("no audio for a long time"))
    }

    /// Returns the codec of the stream.
    pub(super) fn codec(&self) -> SourceCodec {
        SourceCodec::of(self.params.codec)
    }

    /// Says what an error of the demuxer means.
    fn after(&self, error: DemuxError) -> Result<Next, ImportError> {
        let damage = Damage::of(error)?;
        let is_end = damage == Damage::Truncated && self.ending == Ending::Error { is_whole: true };
        Ok(if is_end { Next::End } else { Next::Broken(damage) })
    }

    /// Converts a timestamp, rounded to the nearest sample.
    fn position(&self, pts: Timestamp) -> SampleTime {
        let (numer, denom) = (
            i128::from(self.time_base.numer.get()),
            i128::from(self.time_base.denom.get()),
        );
        let ticks = i128::from(pts.get()) * numer * i128::from(SAMPLE_RATE);
        let samples = (2 * ticks + denom).div_euclid(2 * denom);
        let samples = i64::try_from(samples).unwrap_or(if samples < 0 { i64::MIN } else { i64::MAX });
        SampleTime(samples) + self.shift
    }
}

impl Next {
    fn malformed(reason: &str) -> Self {
        Self::Broken(Damage::Malformed(reason.to_owned()))
    }
}

fn header_bytes(format: Format) -> u64 {
    match format {
        Format::Mp4 => MP4_HEADER_BYTES,
        Format::Matroska | Format::Wav | Format::Adts => HEADER_BYTES,
    }
}

fn open_reader(
    format: Format,
    stream: MediaSourceStream<'static>,
) -> Result<Box<dyn FormatReader + 'static>, DemuxError> {
    let options = FormatOptions::default();
    Ok(match format {
        Format::Matroska => Box::new(MkvReader::try_new(stream, options)?),
        Format::Mp4 => Box::new(IsoMp4Reader::try_new(stream, options)?),
        Format::Wav => Box::new(WavReader::try_new(stream, options)?),
        Format::Adts => Box::new(AdtsReader::try_new(stream, options)?),
    })
}

fn only_audio_track(tracks: &[Track]) -> Result<(&Track, AudioCodecParameters), ImportError> {
    let mut audio = tracks.iter().filter_map(|track| match &track.codec_params {
        Some(CodecParameters::Audio(params)) => Some((track, params)),
        _ => None,
    });
    let (track, params) = audio.next().ok_or(ImportError::NoAudio)?;
    match audio.count() {
        0 => Ok((track, params.clone())),
        others => Err(ImportError::SeveralAudioStreams(others + 1)),
    }
}

/// A stream without a time base counts samples.
fn time_base(track: &Track, params: &AudioCodecParameters) -> Result<TimeBase, ImportError> {
    let samples = || TimeBase::try_from_recip(params.sample_rate?);
    let base = track.time_base.or_else(samples);
    base.ok_or_else(|| ImportError::Codec("its sample rate is unknown".to_owned()))
}
