//! Writes Matroska files, valid and otherwise.

/// An element: its id, its size, its content.
pub(super) fn element(id: u32, content: &[u8]) -> Vec<u8> {
    [id_bytes(id), size_bytes(content.len() as u64), content.to_vec()].concat()
}

/// An element of unknown size, as live streams have.
pub(super) fn open_element(id: u32, content: &[u8]) -> Vec<u8> {
    element_of_size(id, (1 << 56) - 1, content)
}

/// An element that says it has another size than it has.
pub(super) fn element_of_size(id: u32, size: u64, content: &[u8]) -> Vec<u8> {
    [id_bytes(id), size_bytes(size), content.to_vec()].concat()
}

pub(super) fn number(id: u32, value: u64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

pub(super) const SEGMENT: u32 = 0x1853_8067;
pub(super) const INFO: u32 = 0x1549_a966;
pub(super) const TRACKS: u32 = 0x1654_ae6b;
pub(super) const TRACK: u32 = 0xae;
pub(super) const CLUSTER: u32 = 0x1f43_b675;
pub(super) const SIMPLE_BLOCK: u32 = 0xa3;

/// The EBML header of a WebM file.
pub(super) fn ebml() -> Vec<u8> {
    element(0x1a45_dfa3, &element(0x4282, b"webm"))
}

/// Timestamps count milliseconds.
pub(super) fn info() -> Vec<u8> {
    let names = [element(0x4d80, b"test"), element(0x5741, b"test")].concat();
    element(INFO, &[number(0x2a_d7b1, 1_000_000), names].concat())
}

/// One Opus track without a header of its own and without a codec delay, as recorders of RTP write.
pub(super) fn opus_track(number_of_track: u64) -> Vec<u8> {
    let audio = element(
        0xe1,
        &[element(0xb5, &48_000_f64.to_be_bytes()), number(0x9f, 1)].concat(),
    );
    let fields = [
        number(0xd7, number_of_track),
        number(0x73c5, number_of_track),
        number(0x83, 2),
        element(0x86, b"A_OPUS"),
        audio,
    ];
    element(TRACK, &fields.concat())
}

/// A cluster with one block.
pub(super) fn cluster(at_ms: u64, packet: &[u8]) -> Vec<u8> {
    let block = [&[0x81, 0, 0, 0x80], packet].concat();
    let content = [number(0xe7, at_ms), element(SIMPLE_BLOCK, &block)].concat();
    element(CLUSTER, &content)
}

/// A live WebM stream with these clusters.
pub(super) fn webm(clusters: &[Vec<u8>]) -> Vec<u8> {
    let content = [info(), element(TRACKS, &opus_track(1)), clusters.concat()].concat();
    [ebml(), open_element(SEGMENT, &content)].concat()
}

/// A WebM stream with packets at these times.
pub(super) fn webm_of(packets: &[(u64, &[u8])]) -> Vec<u8> {
    let clusters: Vec<_> = packets.iter().map(|(at_ms, packet)| cluster(*at_ms, packet)).collect();
    webm(&clusters)
}

fn id_bytes(id: u32) -> Vec<u8> {
    let bytes = id.to_be_bytes();
    let leading = bytes.iter().take_while(|&&byte| byte == 0).count();
    bytes[leading..].to_vec()
}

fn size_bytes(size: u64) -> Vec<u8> {
    (size | 1 << 56).to_be_bytes().to_vec()
}
