//! From a foreign file to pages.

use std::io::{Read, Seek};

use bytes::Bytes;
use domain::SampleTime;
use domain::manifest::{Gap, GapCause, PacketCounts};
use symphonia::core::packet::Packet;

use super::container::{Container, Next};
use super::output::Output;
use super::placement::{MIN_GAP, Placement, Placer};
use super::transcode::{OpusEncoder, Pcm, SourceDecoder};
use super::{Damage, ImportError, ImportSummary, SourceCodec, copy};
use crate::SAMPLE_RATE;
use crate::recorder::Gaps;

/// Reads a foreign file and returns an Ogg/Opus file page by page.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use media::import::Importer;
///
/// let mut importer = Importer::open(std::fs::File::open("cam-audio")?, 1, Vec::new())?;
/// let mut ogg = Vec::new();
/// while let Some(page) = importer.next_page()? {
///     ogg.extend(page);
/// }
/// println!("{:?}", importer.summary());
/// # Ok(())
/// # }
/// ```
pub struct Importer {
    container: Container,
    converter: Converter,
    serial: u32,
    tags: Vec<(String, String)>,
    /// `None` until it is known how many channels the file has.
    output: Option<Output>,
    placer: Placer,
    gaps: Gaps,
    counts: PacketCounts,
    damage: Option<Damage>,
    is_ended: bool,
}

enum Converter {
    Copy,
    Transcode(Box<Transcoder>),
}

struct Transcoder {
    decoder: SourceDecoder,
    /// `None` until audio is decoded.
    encoder: Option<OpusEncoder>,
}

impl Importer {
    /// Reads the headers of a file. `serial` identifies the Ogg stream, any number will do; `tags` are pairs of name and
    /// value for `OpusTags`.
    ///
    /// # Errors
    /// The source fails, or the file does not have exactly one audio stream that can be imported.
    pub fn open(
        source: impl Read + Seek + Send + Sync + 'static,
        serial: u32,
        tags: Vec<(String, String)>,
    ) -> Result<Self, ImportError> {
        let container = Container::open(source)?;
        let (converter, output) = match container.codec() {
            SourceCodec::Opus => {
                let head = copy::head(&container.params)?;
                (Converter::Copy, Some(Output::new(serial, head, tags.clone())))
            }
            SourceCodec::Aac | SourceCodec::Pcm => {
                let decoder = SourceDecoder::new(&container.params)?;
                let transcoder = Transcoder { decoder, encoder: None };
                (Converter::Transcode(Box::new(transcoder)), None)
            }
        };
        Ok(Self {
            container,
            converter,
            serial,
            tags,
            output,
            placer: Placer::default(),
            gaps: Gaps::default(),
            counts: PacketCounts::default(),
            damage: None,
            is_ended: false,
        })
    }

    /// Returns the next page of the Ogg/Opus file; `None` after the last.
    ///
    /// # Errors
    /// The source fails, no packet of the file is valid, or it claims to be longer than any recording. The pages so far are
    /// then of no use. Damage in the middle of the file is no error: the file that is made ends there, see
    /// [`ImportSummary::damage`].
    pub fn next_page(&mut self) -> Result<Option<Bytes>, ImportError> {
        loop {
            if let Some(page) = self.output.as_mut().and_then(Output::next_page) {
                return Ok(Some(page));
            }
            if self.is_ended {
                return Ok(self.output.as_mut().and_then(Output::last_page));
            }
            self.read_packet()?;
        }
    }

    /// Returns what was imported so far.
    pub fn summary(&self) -> ImportSummary {
        let jitter_ns = MIN_GAP.0.unsigned_abs() * 1_000_000_000 / u64::from(SAMPLE_RATE);
        ImportSummary {
            codec: self.container.codec(),
            start: self.placer.start().unwrap_or_default() - self.converter.delay(),
            samples: self.output.as_ref().map_or(SampleTime::ZERO, Output::written),
            gaps: self.gaps.list(),
            counts: self.counts,
            uncertainty_ns: self.container.tick_ns() + jitter_ns,
            damage: self.damage.clone(),
        }
    }

    fn read_packet(&mut self) -> Result<(), ImportError> {
        match self.container.next()? {
            Next::Packet(timestamp, packet) => self.handle(timestamp, packet),
            Next::End => self.end(),
            Next::Broken(damage) => {
                self.damage = Some(damage);
                self.end()
            }
        }
    }

    fn handle(&mut self, timestamp: SampleTime, packet: Packet) -> Result<(), ImportError> {
        match &mut self.converter {
            Converter::Copy => self.copy(timestamp, packet),
            Converter::Transcode(_) => self.transcode(timestamp, &packet),
        }
    }

    fn copy(&mut self, timestamp: SampleTime, packet: Packet) -> Result<(), ImportError> {
        let (true, Some(output)) = (copy::is_valid(&packet.data), self.output.as_mut()) else {
            self.counts.malformed += 1;
            return Ok(());
        };
        match self.placer.place(timestamp, output.written())? {
            Placement::Drop => {
                self.counts.overlapping += 1;
                return Ok(());
            }
            Placement::AfterGap(missing) => {
                let start_sample = output.written();
                let samples = output.push_silence(missing);
                self.gaps.add(gap(start_sample, samples));
            }
            Placement::Append => {}
        }
        copy::write(output, packet.data);
        self.counts.written += 1;
        Ok(())
    }

    fn transcode(&mut self, timestamp: SampleTime, packet: &Packet) -> Result<(), ImportError> {
        let Converter::Transcode(transcoder) = &mut self.converter else {
            return Ok(());
        };
        let Some((pcm, encoder)) = transcoder.decode(packet)? else {
            self.counts.malformed += 1;
            return Ok(());
        };
        let output = self
            .output
            .get_or_insert_with(|| Output::new(self.serial, encoder.head(), std::mem::take(&mut self.tags)));
        match self.placer.place(timestamp, encoder.taken(output))? {
            Placement::Drop => {
                self.counts.overlapping += 1;
                return Ok(());
            }
            Placement::AfterGap(missing) => {
                self.gaps.add(gap(encoder.taken(output) + encoder.delay(), missing));
                encoder.skip(missing, output)?;
            }
            Placement::Append => {}
        }
        encoder.write(pcm, output)?;
        self.counts.written += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<(), ImportError> {
        if self.counts.written == 0 {
            return Err(ImportError::NoPackets);
        }
        if let (Converter::Transcode(transcoder), Some(output)) = (&mut self.converter, &mut self.output)
            && let Some(encoder) = &mut transcoder.encoder
        {
            encoder.finish(output)?;
        }
        self.is_ended = true;
        Ok(())
    }
}

impl Converter {
    /// Returns by how much the packets that are made lag behind the source.
    fn delay(&self) -> SampleTime {
        match self {
            Self::Copy => SampleTime::ZERO,
            Self::Transcode(transcoder) => transcoder.encoder.as_ref().map_or(SampleTime::ZERO, OpusEncoder::delay),
        }
    }
}

impl Transcoder {
    /// Decodes a packet and returns it with the encoder for it; `None` if it is malformed or not like those before.
    fn decode(&mut self, packet: &Packet) -> Result<Option<(Pcm<'_>, &mut OpusEncoder)>, ImportError> {
        let Some(pcm) = self.decoder.decode(packet) else {
            return Ok(None);
        };
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(OpusEncoder::new(pcm)?),
        };
        Ok(encoder.accepts(pcm).then_some((pcm, encoder)))
    }
}

fn gap(start_sample: SampleTime, samples: SampleTime) -> Gap {
    Gap {
        start_sample,
        samples,
        cause: GapCause::Silence,
        lost_packets: 0,
    }
}
