//! Samples as a file stores them, on their way to a picture.

use image::DynamicImage;

use crate::color_mode::ColorMode;
use crate::file_format::FileFormat;
use crate::picture::{Picture, Storage};
use crate::resize::DeepImage;
use crate::sample_depth::{
    FileDepth, fill_range, is_low_aligned, png_significant_bits, pnm_largest_sample,
};
use crate::tiff_file::TiffImage;

/// An image as it is stored, upright.
pub(crate) struct Decoded {
    pub(crate) image: DynamicImage,
    pub(crate) format: FileFormat,
    pub(crate) mode: ColorMode,
    /// Bit depth of the samples as its reader states it; `None` if the format has to be asked.
    pub(crate) depth: Option<FileDepth>,
}

impl Decoded {
    /// The picture, its samples in the whole range where `bytes`, its file, state how many bits they have.
    pub(crate) fn into_picture(self, bytes: &[u8]) -> Picture {
        let Self { image, format, mode, depth } = self;
        let Some(mut deep) = deep_samples(&image) else {
            let storage = Storage { format: Some(format), mode, depth: FileDepth::Full(8) };
            return Picture::new(image.into_rgb8(), storage);
        };
        let depth = match depth {
            Some(FileDepth::Stated(bits)) => {
                fill_range(&mut deep, bits);
                FileDepth::Stated(bits)
            }
            Some(depth) => depth,
            None => stated_depth(&mut deep, bytes, format),
        };
        Picture::deep(deep, Storage { format: Some(format), mode, depth })
    }
}

/// The depth of 16-bit samples; those in the low bits are brought to the whole range if the file
/// states how many there are.
fn stated_depth(deep: &mut DeepImage, bytes: &[u8], format: FileFormat) -> FileDepth {
    let stated = match format {
        FileFormat::Png => png_significant_bits(bytes).filter(|bits| (1..=16).contains(bits)),
        FileFormat::Tiff => TiffImage::of(bytes).and_then(|tiff| tiff.stated_bits(bytes)),
        // The decoder has scaled the samples.
        FileFormat::Pnm => match pnm_largest_sample(bytes) {
            Some(largest @ 256..65535) => {
                return FileDepth::Stated((u32::BITS - largest.leading_zeros()) as u8);
            }
            _ => None,
        },
        _ => None,
    };
    match stated {
        Some(bits) => {
            if is_low_aligned(deep, bits) {
                fill_range(deep, bits);
            }
            FileDepth::Stated(bits)
        }
        None => FileDepth::Unstated { largest: deep.iter().max().copied().unwrap_or(0) },
    }
}

/// The samples of an image whose samples have more than 8 bits, without transparency.
fn deep_samples(image: &DynamicImage) -> Option<DeepImage> {
    let (width, height) = (image.width(), image.height());
    let samples: Vec<u16> = match image {
        DynamicImage::ImageLuma16(grey) => grey.pixels().flat_map(|p| [p[0]; 3]).collect(),
        DynamicImage::ImageLumaA16(grey) => grey.pixels().flat_map(|p| [p[0]; 3]).collect(),
        DynamicImage::ImageRgb16(rgb) => return Some(rgb.clone()),
        DynamicImage::ImageRgba16(rgba) => rgba.pixels().flat_map(|p| [p[0], p[1], p[2]]).collect(),
        _ => return None,
    };
    DeepImage::from_raw(width, height, samples)
}
