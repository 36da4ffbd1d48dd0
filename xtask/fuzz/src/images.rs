//! Image bytes: decoding gives pixels within the limits, the same ones whenever and however they are
//! stored, or an error that names the file.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::Context;
use arbitrary::{Arbitrary, Unstructured};
use differnet_data::DecodeLimits;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::subject::{Reception, Subject};

/// File name that errors have to mention.
const NAME: &str = "memory.image";
/// Small, so that changed sizes cost no time and much memory would be seen.
pub(super) const LIMITS: DecodeLimits = DecodeLimits { max_pixels: 1 << 14, max_bytes: 1 << 20 };

/// Small images of every format and way to store pixels.
pub(super) fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let color = RgbImage::from_fn(9, 7, |x, y| Rgb([(x * 28) as u8, (y * 36) as u8, 90]));
    let color = DynamicImage::ImageRgb8(color);
    let mut seeds = Vec::new();
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::WebP,
    ] {
        seeds.push(encoded(&color, format)?);
        seeds
            .push(encoded(&DynamicImage::ImageRgb8(color.to_rgb8()).crop_imm(0, 0, 1, 1), format)?);
    }
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let kinds = [
            DynamicImage::ImageLuma8(color.to_luma8()),
            DynamicImage::ImageRgba8(color.to_rgba8()),
            DynamicImage::ImageLuma16(color.to_luma16()),
            DynamicImage::ImageRgba16(color.to_rgba16()),
        ];
        for image in &kinds {
            seeds.push(encoded(image, format)?);
        }
    }
    seeds.push(encoded(&DynamicImage::ImageRgb32F(color.to_rgb32f()), ImageFormat::Tiff)?);
    // Written by another program: palettes, interlaced, progressive, lossy, compressed, turned.
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/differnet-data/tests/formats");
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        seeds
            .push(std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    Ok(seeds)
}

pub(super) fn encoded(image: &DynamicImage, format: ImageFormat) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format)?;
    Ok(bytes.into_inner())
}

/// Case that an input encodes.
#[derive(Debug, Arbitrary)]
struct Case<'a> {
    /// Choice of a limit to tighten, and of its value: most choices leave [`LIMITS`] as they are.
    limit: u8,
    /// The image file.
    bytes: &'a [u8],
}

impl Case<'_> {
    fn limits(&self) -> DecodeLimits {
        match self.limit {
            few @ 0..32 => DecodeLimits { max_pixels: 1 + 5 * u64::from(few) / 2, ..LIMITS },
            few @ 32..64 => DecodeLimits { max_bytes: 1 + 64 * u64::from(few - 32), ..LIMITS },
            _ => LIMITS,
        }
    }
}

/// The decoder of image files.
#[derive(Debug)]
pub(super) struct Images {
    seeds: Vec<Vec<u8>>,
}

impl Images {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self { seeds: seeds()? })
    }
}

impl Subject for Images {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let usual = |bytes: &Vec<u8>| [&[u8::MAX], &bytes[..]].concat();
        self.seeds.iter().map(usual).collect()
    }

    fn receive(&mut self, input: &[u8]) -> Result<Reception, String> {
        let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(input)) else {
            return Ok(Reception::Refused);
        };
        received(case.bytes, &case.limits())
    }
}

fn received(bytes: &[u8], limits: &DecodeLimits) -> Result<Reception, String> {
    let path = Path::new(NAME);
    let size = limits.size_of_bytes(bytes, path);
    let image = match limits.decode_bytes(bytes, path) {
        Ok(image) => image,
        Err(error) if error.path() != path || !error.to_string().starts_with(NAME) => {
            return Err(format!("the error does not name the file: {error}"));
        }
        Err(_) => return Ok(Reception::Refused),
    };
    let (width, height) = image.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > limits.max_pixels {
        return Err(format!("{width}×{height} pixels, the limit is {}", limits.max_pixels));
    }
    // The limit is the decoder's; of its single bytes of grey, three are made.
    if pixels > limits.max_bytes {
        return Err(format!("{width}×{height} pixels are more than {} bytes", limits.max_bytes));
    }
    match size {
        Ok(size) if size == (width, height) => {}
        Ok(size) => return Err(format!("{width}×{height} pixels, the header says {size:?}")),
        Err(error) => return Err(format!("decodes, but has no size: {error}")),
    }
    let stored = DynamicImage::ImageRgb8(image);
    let png = encoded(&stored, ImageFormat::Png).map_err(|error| error.to_string())?;
    let again = LIMITS.decode_bytes(&png, path).map_err(|error| error.to_string())?;
    if DynamicImage::ImageRgb8(again) != stored {
        return Err("stored as PNG it has other pixels".to_owned());
    }
    Ok(Reception::Accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_an_image() {
        let seeds = seeds().unwrap();
        let received = seeds.iter().map(|bytes| received(bytes, &LIMITS).unwrap());
        let refused = received.filter(|reception| *reception == Reception::Refused).count();
        assert_eq!((seeds.len(), refused), (48, 0));
    }
}
