//! Checksums of PNG files, for tests that change their bytes.

/// The file with the checksums of its chunks set right, so that changes get past them.
pub(crate) fn with_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut start = 8;
    while let Some(&[a, b, c, d]) = bytes.get(start..).and_then(|rest| rest.first_chunk()) {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let end = start + 8 + length;
        if bytes.len() < end + 4 {
            break;
        }
        let checksum = crc32(&bytes[start + 4..end]);
        bytes[end..end + 4].copy_from_slice(&checksum.to_be_bytes());
        start = end + 4;
    }
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut checksum = u32::MAX;
    for &byte in bytes {
        checksum ^= u32::from(byte);
        for _ in 0..8 {
            checksum = (checksum >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(checksum & 1));
        }
    }
    !checksum
}
