//! The checksum of pages (RFC 3533 section 6): CRC-32 with polynomial 0x04c11db7, not reflected, initial value 0.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc << 1) ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

pub(super) fn update(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, byte| {
        (crc << 8) ^ TABLE[usize::from((crc >> 24) as u8 ^ byte)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_has_the_known_check_values() {
        // CRC-32/MPEG-2 of "123456789" starts at all ones; ours starts at 0: the catalogue's CRC-32/CKSUM without length
        assert_eq!(update(0, b"123456789"), 0x89a1_897f);
        assert_eq!(update(0xffff_ffff, b"123456789"), 0x0376_e6e7);
    }
}
