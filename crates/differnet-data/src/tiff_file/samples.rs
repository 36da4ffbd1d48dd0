//! Samples of a TIFF image of any type, brought to the range of 8 or 16 bits.

use image::{DynamicImage, ImageBuffer};
use tiff::decoder::DecodingResult;

use super::directory::tag;
use super::plain_copy::unpack;
use super::{PALETTE, TiffImage, TiffPixels};
use crate::sample_depth::FileDepth;

impl TiffImage {
    /// The samples in the range of 8 or 16 bits; `Some(None)` of floating-point samples in no customary
    /// range, `None` of kinds that are not known.
    pub(super) fn convert(
        &self,
        data: &DecodingResult,
        bytes: &[u8],
        stored: usize,
        planar: bool,
    ) -> Option<Option<TiffPixels>> {
        let floats = |largest: f64, smallest: f64| match (smallest, largest) {
            (0.0.., ..=1.0) => Some(65535.0),
            // As levels of 8 bits; up to 16 it is rather light beyond white.
            (0.0.., 16.0..=255.0) => Some(257.0),
            _ => None,
        };
        let full = FileDepth::Full(self.bits as u8);
        let done = match data {
            DecodingResult::U8(values) if self.photometric == PALETTE => {
                self.through_palette(values, bytes)?
            }
            DecodingResult::U8(values) if self.bits < 8 => {
                let levels = unpack(values, self.bits, self.size.0 as usize * stored);
                let most = (1_u16 << self.bits) - 1;
                let level = |value: u16| (value * 255 / most) as u8;
                self.shallow(self.pick(&levels, stored, planar, level))?
            }
            DecodingResult::U8(values) => {
                self.shallow(self.pick(values, stored, planar, |value| value))?
            }
            DecodingResult::I8(values) => {
                self.shallow(
                    self.pick(values, stored, planar, |value| value.wrapping_add(-128) as u8),
                )?
            }
            DecodingResult::U16(values) => {
                let samples = self.pick(values, stored, planar, |value| value);
                let depth = depth_of(&samples);
                self.deep(samples, depth)?
            }
            // Negative samples have no customary black: they become it.
            DecodingResult::I16(values) => {
                let samples = self.pick(values, stored, planar, |value| value.max(0) as u16);
                self.deep(samples, FileDepth::Stated(15))?
            }
            DecodingResult::U32(values) => {
                let largest = values.iter().max().copied().unwrap_or(0);
                if largest <= u32::from(u16::MAX) {
                    let samples = self.pick(values, stored, planar, |value| value as u16);
                    let depth = depth_of(&samples);
                    self.deep(samples, depth)?
                } else {
                    let high = |value: u32| (value >> 16) as u16;
                    self.deep(self.pick(values, stored, planar, high), full)?
                }
            }
            DecodingResult::F16(values) => {
                let values: Vec<f64> = values.iter().map(|value| value.to_f64()).collect();
                return self.floats(&values, stored, planar, floats, full);
            }
            DecodingResult::F32(values) => {
                let values: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
                return self.floats(&values, stored, planar, floats, full);
            }
            DecodingResult::F64(values) => {
                return self.floats(values, stored, planar, floats, full);
            }
            _ => return None,
        };
        Some(Some(done))
    }

    fn floats(
        &self,
        values: &[f64],
        stored: usize,
        planar: bool,
        factor: impl Fn(f64, f64) -> Option<f64>,
        depth: FileDepth,
    ) -> Option<Option<TiffPixels>> {
        let values = self.pick(values, stored, planar, |value| value);
        if values.iter().any(|value| !value.is_finite()) {
            return Some(None);
        }
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
        let Some(factor) = factor(largest, smallest) else { return Some(None) };
        let samples = values.iter().map(|value| (value * factor + 0.5) as u16).collect();
        Some(Some(self.deep(samples, depth)?))
    }

    /// The colours and the transparency of each pixel.
    pub(super) fn pick<T: Copy, U>(
        &self,
        data: &[T],
        stored: usize,
        planar: bool,
        convert: impl Fn(T) -> U,
    ) -> Vec<U> {
        let (pixels, kept) = (self.size.0 as usize * self.size.1 as usize, self.channels(stored));
        let mut picked = Vec::with_capacity(pixels * kept);
        for pixel in 0..pixels {
            for channel in 0..kept {
                let at = if planar { channel * pixels + pixel } else { pixel * stored + channel };
                picked.extend(data.get(at).copied().map(&convert));
            }
        }
        picked
    }

    /// Returns the number of a pixel's stored samples that are looked at.
    fn channels(&self, stored: usize) -> usize {
        let colors = if self.colored() && self.photometric != PALETTE { 3 } else { 1 };
        stored.min(colors + usize::from(self.transparent))
    }

    fn through_palette(&self, values: &[u8], bytes: &[u8]) -> Option<TiffPixels> {
        let map = self.directory.numbers(bytes, tag::COLOR_MAP)?;
        let colors = 1 << self.bits.min(8);
        if map.len() != 3 * colors {
            return None;
        }
        // Some programs write levels of 8 bits.
        let shift = if map.iter().all(|&level| level < 256) { 0 } else { 8 };
        let indices = match self.bits {
            8 => values.iter().map(|&value| u16::from(value)).collect(),
            bits => unpack(values, bits, self.size.0 as usize),
        };
        let color =
            |index: u16| [0, 1, 2].map(|c| (map[c * colors + usize::from(index)] >> shift) as u8);
        let (width, height) = self.size;
        let pixels = indices.into_iter().flat_map(color).collect();
        let image = DynamicImage::ImageRgb8(ImageBuffer::from_raw(width, height, pixels)?);
        Some(TiffPixels { image, depth: FileDepth::Full(8) })
    }

    fn shallow(&self, samples: Vec<u8>) -> Option<TiffPixels> {
        let (width, height) = self.size;
        let image = match samples.len() / (width as usize * height as usize) {
            1 => DynamicImage::ImageLuma8(ImageBuffer::from_raw(width, height, samples)?),
            2 => DynamicImage::ImageLumaA8(ImageBuffer::from_raw(width, height, samples)?),
            3 => DynamicImage::ImageRgb8(ImageBuffer::from_raw(width, height, samples)?),
            4 => DynamicImage::ImageRgba8(ImageBuffer::from_raw(width, height, samples)?),
            _ => return None,
        };
        Some(TiffPixels { image, depth: FileDepth::Full(8) })
    }

    pub(super) fn deep(&self, samples: Vec<u16>, depth: FileDepth) -> Option<TiffPixels> {
        let (width, height) = self.size;
        let image = match samples.len() / (width as usize * height as usize) {
            1 => DynamicImage::ImageLuma16(ImageBuffer::from_raw(width, height, samples)?),
            2 => DynamicImage::ImageLumaA16(ImageBuffer::from_raw(width, height, samples)?),
            3 => DynamicImage::ImageRgb16(ImageBuffer::from_raw(width, height, samples)?),
            4 => DynamicImage::ImageRgba16(ImageBuffer::from_raw(width, height, samples)?),
            _ => return None,
        };
        Some(TiffPixels { image, depth })
    }
}

fn depth_of(samples: &[u16]) -> FileDepth {
    FileDepth::Unstated { largest: samples.iter().max().copied().unwrap_or(0) }
}
