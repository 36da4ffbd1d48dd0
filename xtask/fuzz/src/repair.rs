//! Checksums made right again after a mutation, so that it reaches what lies behind them.

use crate::target::Target;

/// The first bytes of a PNG file.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Bytes of an input of images before the file.
const BEFORE: usize = 1;

/// Makes the checksums right that `input` of `target` holds. Those of model files are the target's affair.
pub fn repair(target: Target, input: &mut [u8]) {
    if let (Target::Images, Some(file)) = (target, input.get_mut(BEFORE..)) {
        repair_png(file);
    }
}

/// Makes the checksum of each chunk right, up to one whose length is wrong.
fn repair_png(file: &mut [u8]) {
    let mut at = PNG.len();
    if !file.starts_with(PNG) {
        return;
    }
    while let Some(&[a, b, c, d]) = file.get(at..at + 4) {
        let start = at + 4;
        let end = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_add(start + 4);
        let Some(chunk) = file.get(start..end) else { return };
        let checksum = crc32fast::hash(chunk).to_be_bytes();
        let Some(place) = file.get_mut(end..end + 4) else { return };
        place.copy_from_slice(&checksum);
        at = end + 4;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, RgbImage};

    use super::*;

    #[test]
    fn a_damaged_checksum_is_made_right_and_nothing_else_is_changed() {
        let mut bytes = Cursor::new(vec![255]);
        bytes.set_position(1);
        RgbImage::new(5, 4).write_to(&mut bytes, ImageFormat::Png).unwrap();
        let whole = bytes.into_inner();
        // The checksum of the header chunk.
        let mut damaged = whole.clone();
        damaged[1 + 8 + 8 + 13] ^= 0x10;
        repair(Target::Images, &mut damaged);
        assert!(damaged == whole);
        let cut = whole.len() - 3;
        repair(Target::Images, &mut damaged[..cut]);
        assert!(damaged == whole);
        // A checksum of something else is none of this target.
        let mut other = whole.clone();
        other[1 + 8 + 8 + 13] ^= 0x10;
        repair(Target::Http, &mut other);
        assert!(other != whole);
    }
}
