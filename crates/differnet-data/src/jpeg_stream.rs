//! Markers of a JPEG stream (ITU-T T.81, Annex B): how its image is coded, and whether it ends.
//!
//! The decoder fills what a truncated file lacks with grey and reports success, which would teach
//! a detector that grey is normal. A complete file reaches its end-of-image marker; what cameras
//! append after it (previews, padding) does not matter.

/// End of image.
pub(crate) const END: [u8; 2] = [0xff, 0xd9];

/// The segments of a stream up to its first scan: marker code and content.
pub(crate) fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut position = 2;
    std::iter::from_fn(move || {
        while bytes.get(position..position + 2)? == [0xff, 0xff] {
            position += 1;
        }
        let &[0xff, code, high, low] = bytes.get(position..position + 4)? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let content = bytes.get(position + 4..position + 2 + length.max(2))?;
        position += 2 + length.max(2);
        Some((code, content))
    })
}

/// Tells whether `code` begins a frame: SOF0 to SOF15 without DHT, JPG and DAC; SOF55 of JPEG-LS.
pub(crate) fn is_frame(code: u8) -> bool {
    matches!(code, 0xc0..=0xcf | 0xf7) && !matches!(code, 0xc4 | 0xc8 | 0xcc)
}

/// The name of a way of coding that is not read, if the image is coded so.
pub(crate) fn unread_coding(bytes: &[u8]) -> Option<&'static str> {
    // DHP comes first in a hierarchical stream.
    let (code, frame) = segments(bytes).find(|(code, _)| is_frame(*code) || *code == 0xde)?;
    match (code, frame) {
        (0xf7, _) => Some("JPEG-LS image"),
        (0xde | 0xc5..=0xc7 | 0xcd..=0xcf, _) => Some("hierarchical JPEG"),
        (0xc3 | 0xcb, _) => Some("lossless JPEG"),
        (0xc9 | 0xca, _) => Some("JPEG with arithmetic coding"),
        (_, [12, ..]) => Some("12-bit JPEG"),
        (_, [16, ..]) => Some("16-bit JPEG"),
        // Precision, height, width, components.
        (_, [8, _, _, _, _, components, ..]) if !matches!(components, 1 | 3 | 4) => {
            Some("JPEG whose number of components is not 1, 3 or 4")
        }
        _ => None,
    }
}

/// Tells whether one scan holds the whole image, each place once: then what is missing shows in its pixels.
pub(crate) fn is_one_scan(bytes: &[u8]) -> bool {
    let mut components = None;
    for (code, content) in segments(bytes) {
        match code {
            0xc0 | 0xc1 => components = content.get(5),
            0xda => return components.is_some() && content.first() == components,
            _ => {}
        }
    }
    false
}

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

    /// SOI, an APP0 segment, a frame of 8 × 8 pixels.
    fn frame(code: u8, precision: u8, components: u8) -> Vec<u8> {
        let frame = [0xff, code, 0, 8, precision, 0, 8, 0, 8, components];
        [&[0xff, 0xd8, 0xff, 0xe0, 0, 3, 7, 0xff][..], &frame].concat()
    }

    #[test]
    fn codings_that_are_not_read_have_names() {
        for (code, precision, components, golden) in [
            (0xc0, 8, 3, None),
            (0xc2, 8, 1, None),
            (0xc1, 12, 1, Some("12-bit JPEG")),
            (0xc3, 8, 3, Some("lossless JPEG")),
            (0xc9, 8, 3, Some("JPEG with arithmetic coding")),
            (0xc5, 8, 3, Some("hierarchical JPEG")),
            (0xf7, 8, 1, Some("JPEG-LS image")),
            (0xc0, 8, 2, Some("JPEG whose number of components is not 1, 3 or 4")),
        ] {
            assert_eq!(unread_coding(&frame(code, precision, components)), golden);
        }
        assert_eq!(unread_coding(&[0xff, 0xd8, 0xff]), None);
    }

    #[test]
    fn scans_of_all_components_at_once_are_one() {
        let with_scan = |code, components| {
            [frame(code, 8, 3), vec![0xff, 0xda, 0, 3, components, 0x12, 0x34]].concat()
        };
        assert!(is_one_scan(&with_scan(0xc0, 3)));
        assert!(!is_one_scan(&with_scan(0xc0, 1)));
        assert!(!is_one_scan(&with_scan(0xc2, 3)));
        assert!(!is_one_scan(&frame(0xc0, 8, 3)));
    }

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
