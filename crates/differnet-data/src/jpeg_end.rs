//! Finds the end-of-image marker of a JPEG stream (ITU-T T.81, Annex B).
//!
//! The decoder fills what a truncated file lacks with grey and reports success, which would teach
//! a detector that grey is normal. A complete file reaches its end-of-image marker; what cameras
//! append after it (previews, padding) does not matter.

/// Tells whether the JPEG stream `bytes` reaches its end-of-image marker.
///
/// Segments are skipped by their length, so the marker of an embedded preview does not count.
pub(crate) fn has_end_marker(bytes: &[u8]) -> bool {
    let mut position = 0;
    while let Some(found) = bytes.get(position..).and_then(|rest| rest.iter().position(is_prefix)) {
        position += found;
        match bytes.get(position + 1) {
            None => return false,
            // A fill byte: the next prefix may start the marker.
            Some(0xff) => position += 1,
            // A stuffed data byte, and the markers that stand alone: TEM, RST0 to RST7, SOI.
            Some(0x00 | 0x01 | 0xd0..=0xd8) => position += 2,
            Some(0xd9) => return true,
            Some(_) => {
                let Some(&[high, low]) = bytes.get(position + 2..position + 4) else {
                    return false;
                };
                position += 2 + usize::from(u16::from_be_bytes([high, low])).max(2);
            }
        }
    }
    false
}

fn is_prefix(byte: &u8) -> bool {
    *byte == 0xff
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SOI, an APP1 segment holding a preview that ends in EOI, SOS, entropy-coded bytes.
    const HEAD: [u8; 18] =
        [0xff, 0xd8, 0xff, 0xe1, 0, 6, 7, 7, 0xff, 0xd9, 0xff, 0xda, 0, 2, 0x12, 0xff, 0x00, 0x34];

    #[test]
    fn the_marker_of_an_embedded_preview_does_not_count() {
        assert!(!has_end_marker(&HEAD));
    }

    #[test]
    fn fill_bytes_restarts_and_trailing_bytes_are_tolerated() {
        let tail = [0xff, 0xd3, 0x56, 0xff, 0xff, 0xff, 0xd9, 0, 0, 1];
        assert!(has_end_marker(&[&HEAD[..], &tail].concat()));
    }

    #[test]
    fn every_proper_prefix_is_incomplete() {
        let whole = [&HEAD[..], &[0xff, 0xd9]].concat();
        assert!(has_end_marker(&whole));
        for length in 0..whole.len() {
            assert!(!has_end_marker(&whole[..length]), "prefix of {length} bytes");
        }
    }
}
