//! Significant bits of a 16-bit sample: cameras store 10, 12 or 14 bits in files of 16.

use std::fmt;

use crate::resize::DeepImage;

/// Depths that cameras have; the smallest in which all samples of a set fit is taken.
const CAMERA_DEPTHS: [u8; 3] = [10, 12, 14];
/// Bits of the container.
const FULL: u8 = 16;

/// Bit depth of a file's samples, as far as the file states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileDepth {
    /// Samples that fill their range, of so many bits: at most 8, or floating-point ones.
    Full(u8),
    /// Samples of more than 8 bits, of which the file says how many count.
    Stated(u8),
    /// 16-bit samples, of which nothing says how many bits count.
    Unstated {
        /// The largest sample of the image.
        largest: u16,
    },
}

impl FileDepth {
    /// The bits by which unstated samples are to be scaled, if the image fits a model whose training
    /// images have `depth` bits; `None` if the image is of another depth.
    ///
    /// Without a `depth` the training images have 8 bits, or each of them states its own; then
    /// unstated samples count in full if they use at least a quarter of the range.
    pub fn scaled_by(self, depth: Option<u8>) -> Option<u8> {
        match (self, depth) {
            (Self::Full(_) | Self::Stated(_), None | Some(FULL)) => Some(FULL),
            (Self::Full(_), Some(_)) => None,
            (Self::Stated(bits), Some(depth)) => (bits == depth).then_some(FULL),
            (Self::Unstated { .. }, Some(FULL)) => Some(FULL),
            (Self::Unstated { largest }, Some(depth)) => {
                (largest <= largest_sample(depth)).then_some(depth)
            }
            (Self::Unstated { largest }, None) => {
                (largest > largest_sample(CAMERA_DEPTHS[2])).then_some(FULL)
            }
        }
    }

    /// Returns the significant bits of a 16-bit sample in most files, by their `depths`; `None` if most have 8 bits,
    /// or state depths that differ.
    pub fn common(depths: &[Self]) -> Option<u8> {
        let unstated: Vec<u16> = depths
            .iter()
            .filter_map(|depth| match depth {
                FileDepth::Unstated { largest } => Some(*largest),
                _ => None,
            })
            .collect();
        let stated: Vec<u8> = depths
            .iter()
            .filter_map(|depth| match depth {
                FileDepth::Stated(bits) => Some(*bits),
                _ => None,
            })
            .collect();
        let eight = depths.len() - unstated.len() - stated.len();
        let of_unstated = unstated.iter().max().map(|&largest| {
            CAMERA_DEPTHS.into_iter().find(|&bits| largest <= largest_sample(bits)).unwrap_or(FULL)
        });
        let of_stated = stated.first().copied().filter(|first| stated.iter().all(|b| b == first));
        match of_unstated {
            // Some files of a camera that states its depth may lack the statement.
            Some(bits) if unstated.len() > eight + stated.len() => Some(bits),
            _ if stated.len() + unstated.len() > eight => of_stated,
            _ => None,
        }
    }
}

impl fmt::Display for FileDepth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(bits) | Self::Stated(bits) => write!(formatter, "{bits} bits"),
            Self::Unstated { largest } => {
                write!(formatter, "16 bits with values up to {largest}")
            }
        }
    }
}

/// The largest sample of `bits` bits, at most 16.
pub(crate) fn largest_sample(bits: u8) -> u16 {
    u16::MAX >> (FULL - bits.clamp(1, FULL))
}

/// `image` with samples of `bits` bits brought to the range of 16.
pub(crate) fn fill_range(image: &mut DeepImage, bits: u8) {
    if bits >= FULL {
        return;
    }
    let largest = u32::from(largest_sample(bits));
    let full = u32::from(u16::MAX);
    for sample in image.iter_mut() {
        let scaled = (u32::from(*sample) * full + largest / 2) / largest;
        *sample = scaled.min(full) as u16;
    }
}

/// Tells whether samples of a file that states `bits` lie in the low bits of 16, as cameras write them,
/// and not in the high ones, as PNG asks for.
///
/// Then some sample has low bits that scaled samples would not have: those are zero, or repeat the
/// high bits, which are zero if the sample is so small.
pub(crate) fn is_low_aligned(image: &DeepImage, bits: u8) -> bool {
    let largest = largest_sample(bits);
    let unused = u16::MAX >> bits.min(15);
    image.iter().all(|&sample| sample <= largest)
        && image.iter().any(|&sample| sample & unused != 0)
}

/// The `sBIT` chunk of a PNG file: the bits that its most precise colour has.
pub(crate) fn png_significant_bits(bytes: &[u8]) -> Option<u8> {
    let mut at = 8;
    loop {
        let head = bytes.get(at..at + 8)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        match &head[4..] {
            b"sBIT" => {
                return bytes.get(at + 8..(at + 8).checked_add(length)?)?.iter().max().copied();
            }
            b"IDAT" | b"IEND" => return None,
            _ => at = at.checked_add(length)?.checked_add(12)?,
        }
    }
}

/// The largest sample that the header of a PNM file allows, to which it is scaled.
pub(crate) fn pnm_largest_sample(bytes: &[u8]) -> Option<u32> {
    let start = &bytes[..bytes.len().min(1 << 12)];
    let text = String::from_utf8_lossy(start);
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or(""));
    let mut words = lines.flat_map(str::split_whitespace);
    if words.next()? == "P7" {
        return words.skip_while(|word| *word != "MAXVAL").nth(1)?.parse().ok();
    }
    words.nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn unstated(largest: u16) -> FileDepth {
        FileDepth::Unstated { largest }
    }

    #[test]
    fn the_smallest_camera_depth_that_holds_a_set_is_its_depth() {
        for (largest, golden) in [(900, 10), (1023, 10), (1024, 12), (4095, 12), (4096, 14)] {
            assert_eq!(FileDepth::common(&[unstated(300), unstated(largest)]), Some(golden));
        }
        assert_eq!(FileDepth::common(&[unstated(300), unstated(16384)]), Some(16));
        assert_eq!(FileDepth::common(&[FileDepth::Full(8); 3]), None);
        assert_eq!(FileDepth::common(&[]), None);
        let most = [unstated(4000), unstated(3000), FileDepth::Full(8)];
        assert_eq!(FileDepth::common(&most), Some(12));
        assert_eq!(FileDepth::common(&[FileDepth::Full(8), FileDepth::Full(8), unstated(9)]), None);
        assert_eq!(FileDepth::common(&[FileDepth::Stated(12), FileDepth::Stated(12)]), Some(12));
        assert_eq!(FileDepth::common(&[FileDepth::Stated(12), FileDepth::Stated(10)]), None);
    }

    #[test]
    fn images_of_another_depth_do_not_fit() {
        for (found, depth, golden) in [
            (FileDepth::Full(8), None, Some(16)),
            (FileDepth::Full(8), Some(12), None),
            (FileDepth::Full(8), Some(16), Some(16)),
            (FileDepth::Stated(12), None, Some(16)),
            (FileDepth::Stated(12), Some(12), Some(16)),
            (FileDepth::Stated(10), Some(12), None),
            (unstated(4095), Some(12), Some(12)),
            (unstated(4096), Some(12), None),
            (unstated(4095), None, None),
            (unstated(20000), None, Some(16)),
            (unstated(50), Some(16), Some(16)),
        ] {
            assert_eq!(found.scaled_by(depth), golden, "{found} {depth:?}");
        }
    }

    #[test]
    fn scaled_samples_have_the_high_bits_of_what_they_were() {
        for bits in [9, 10, 12, 14] {
            let largest = largest_sample(bits);
            let mut image =
                DeepImage::from_fn(u32::from(largest) + 1, 1, |x, _| Rgb([x as u16; 3]));
            fill_range(&mut image, bits);
            for (sample, pixel) in (0_u16..).zip(image.pixels()) {
                assert_eq!(pixel.0[0] >> (16 - bits), sample, "{bits} bits");
            }
            assert_eq!(image.get_pixel(u32::from(largest), 0).0, [u16::MAX; 3]);
        }
    }

    #[test]
    fn samples_in_the_low_bits_are_told_from_dark_ones_in_the_high_bits() {
        let image = |samples: [u16; 3]| DeepImage::from_pixel(1, 1, Rgb(samples));
        assert!(is_low_aligned(&image([15, 4095, 0]), 12));
        assert!(!is_low_aligned(&image([16, 3200, 0]), 12));
        assert!(!is_low_aligned(&image([15, 4096, 0]), 12));
        assert!(!is_low_aligned(&image([0; 3]), 12));
    }

    #[test]
    fn headers_state_depths() {
        let chunk = |kind: &[u8], data: &[u8]| {
            [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat()
        };
        let png = |chunks: &[Vec<u8>]| [&b"\x89PNG\r\n\x1a\n"[..], &chunks.concat()].concat();
        let (head, bits) = (chunk(b"IHDR", &[0; 13]), chunk(b"sBIT", &[10, 12, 10]));
        assert_eq!(png_significant_bits(&png(&[head.clone(), bits.clone()])), Some(12));
        assert_eq!(png_significant_bits(&png(&[head.clone(), chunk(b"IDAT", &[]), bits])), None);
        assert_eq!(png_significant_bits(&png(&[head, vec![255; 9]])), None);
        assert_eq!(pnm_largest_sample(b"P5\n# by a camera\n640 480 # size\n4095\n"), Some(4095));
        assert_eq!(pnm_largest_sample(b"P7\nWIDTH 2\nHEIGHT 2\nMAXVAL 1023\nENDHDR\n"), Some(1023));
        assert_eq!(pnm_largest_sample(b"P5 2"), None);
    }
}
