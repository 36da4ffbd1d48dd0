//! Files to RGB pixels, with limits: hostile or broken bytes give an error and never a panic.
//!
//! The format follows from the content, so a misnamed image decodes and a misnamed text file does
//! not. Pixels become 8-bit RGB the way PIL's `convert("RGB")` does it: grey is repeated, alpha is
//! dropped; 16-bit samples keep their high byte. EXIF orientation is applied.

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::error::LimitErrorKind;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use crate::color_mode::ColorMode;
use crate::image_error::{Content, ImageError};
use crate::jpeg_end::has_end_marker;

/// Largest size of an image and of its file; larger ones are refused unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Most pixels (width times height).
    pub max_pixels: u64,
    /// Most bytes the file may have, and most bytes its decoder may allocate.
    pub max_bytes: u64,
}

impl Default for DecodeLimits {
    /// 100 megapixels and 1 GiB: above any inspection camera, below what a machine cannot hold.
    fn default() -> Self {
        Self { max_pixels: 100_000_000, max_bytes: 1 << 30 }
    }
}

/// The image in the file `path`, upright, as 8-bit RGB.
///
/// # Errors
/// [`ImageError`]: the file cannot be read, is no image, is damaged or exceeds `limits`.
pub fn decode_file(path: &Path, limits: &DecodeLimits) -> Result<RgbImage, ImageError> {
    decode_bytes(&read_file(path, limits)?, path, limits)
}

/// The image that `bytes` hold, upright, as 8-bit RGB; `path` only appears in messages.
///
/// # Errors
/// [`ImageError`]: the bytes are no image, are damaged or exceed `limits`.
pub fn decode_bytes(
    bytes: &[u8],
    path: &Path,
    limits: &DecodeLimits,
) -> Result<RgbImage, ImageError> {
    decode_with_mode(bytes, path, limits).map(|(image, _)| image)
}

/// As [`decode_bytes`]; also how the pixels are stored.
pub(crate) fn decode_with_mode(
    bytes: &[u8],
    path: &Path,
    limits: &DecodeLimits,
) -> Result<(RgbImage, ColorMode), ImageError> {
    guarded(|| decode(bytes, path, limits), path)
}

/// Width and height of the image in the file `path`, upright; its pixels are not decoded.
///
/// # Errors
/// [`ImageError`]: the file cannot be read, is no image or exceeds `limits`.
pub fn image_size(path: &Path, limits: &DecodeLimits) -> Result<(u32, u32), ImageError> {
    size_of_bytes(&read_file(path, limits)?, path, limits)
}

/// Width and height of the image that `bytes` hold, upright; its pixels are not decoded.
///
/// # Errors
/// [`ImageError`]: the bytes are no image or exceed `limits`, as far as their header tells.
pub fn size_of_bytes(
    bytes: &[u8],
    path: &Path,
    limits: &DecodeLimits,
) -> Result<(u32, u32), ImageError> {
    let size = || {
        let mut decoder = open(bytes, path, limits)?;
        let (width, height) = decoder.dimensions();
        let turned = matches!(
            orientation(&mut decoder),
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        );
        Ok(if turned { (height, width) } else { (width, height) })
    };
    guarded(size, path)
}

/// The bytes of the file `path`.
///
/// # Errors
/// [`ImageError`]: it is no file, cannot be read or exceeds `limits.max_bytes`.
pub fn read_file(path: &Path, limits: &DecodeLimits) -> Result<Vec<u8>, ImageError> {
    let io = |source| ImageError::Io { path: path.to_path_buf(), source };
    let metadata = std::fs::metadata(path).map_err(io)?;
    // Checked before opening: opening a pipe would wait for a writer.
    if !metadata.is_file() {
        return Err(ImageError::NotAFile { path: path.to_path_buf() });
    }
    let limit = limits.max_bytes;
    let mut bytes = Vec::new();
    // The file may grow while it is read: one byte past the limit is enough to know.
    let file = File::open(path).map_err(io)?;
    if metadata.len() <= limit {
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    }
    let length = metadata.len().max(bytes.len() as u64);
    if length > limit {
        return Err(ImageError::FileTooLarge { path: path.to_path_buf(), bytes: length, limit });
    }
    Ok(bytes)
}

/// The result of `decode`, whose panic becomes an error.
fn guarded<T>(
    decode: impl FnOnce() -> Result<T, ImageError>,
    path: &Path,
) -> Result<T, ImageError> {
    // Nothing outlives the closure but its result, so no broken state can be seen.
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(ImageError::DecoderPanic { path: path.to_path_buf() }))
}

/// A decoder of `bytes`, whose header is within `limits`.
fn open<'a>(
    bytes: &'a [u8],
    path: &Path,
    limits: &DecodeLimits,
) -> Result<impl ImageDecoder + 'a, ImageError> {
    let format = format_of(bytes, path)?;
    let classify = |error| classify(error, path, limits);
    if is_cut_short(bytes, format) {
        return Err(ImageError::Truncated { path: path.to_path_buf() });
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut allocation = Limits::no_limits();
    allocation.max_alloc = Some(limits.max_bytes);
    reader.limits(allocation);
    let decoder = reader.into_decoder().map_err(classify)?;

    check_size(decoder.dimensions(), path, limits)?;
    if decoder.total_bytes() > limits.max_bytes {
        return Err(ImageError::Memory { path: path.to_path_buf(), limit: limits.max_bytes });
    }
    Ok(decoder)
}

/// Checks that an image of this width and height has pixels, and no more than `limits` allow.
pub(crate) fn check_size(
    (width, height): (u32, u32),
    path: &Path,
    limits: &DecodeLimits,
) -> Result<(), ImageError> {
    let (pixels, limit) = (u64::from(width) * u64::from(height), limits.max_pixels);
    if pixels == 0 || pixels > limit {
        return Err(ImageError::PixelCount { path: path.to_path_buf(), width, height, limit });
    }
    Ok(())
}

/// Orientation of the image; an unreadable tag says as little as a missing one.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

fn decode(
    bytes: &[u8],
    path: &Path,
    limits: &DecodeLimits,
) -> Result<(RgbImage, ColorMode), ImageError> {
    let mut decoder = open(bytes, path, limits)?;
    let mode = ColorMode::of(decoder.color_type());
    let orientation = orientation(&mut decoder);
    let image =
        DynamicImage::from_decoder(decoder).map_err(|error| classify(error, path, limits))?;
    let mut image = DynamicImage::ImageRgb8(
        to_rgb8(image).ok_or_else(|| ImageError::FloatRange { path: path.to_path_buf() })?,
    );
    image.apply_orientation(orientation);
    Ok((image.into_rgb8(), mode))
}

/// Tells whether a file lacks its end although its decoder would not say so.
fn is_cut_short(bytes: &[u8], format: ImageFormat) -> bool {
    match (format, bytes) {
        (ImageFormat::Jpeg, _) => !has_end_marker(bytes),
        // RIFF: four letters, then the number of bytes that follow.
        (ImageFormat::WebP, [_, _, _, _, a, b, c, d, rest @ ..]) => {
            (rest.len() as u64) < u64::from(u32::from_le_bytes([*a, *b, *c, *d]))
        }
        _ => false,
    }
}

fn format_of(bytes: &[u8], path: &Path) -> Result<ImageFormat, ImageError> {
    let path = path.to_path_buf();
    if bytes.is_empty() {
        return Err(ImageError::Empty { path });
    }
    match image::guess_format(bytes) {
        Ok(
            format @ (ImageFormat::Png
            | ImageFormat::Jpeg
            | ImageFormat::Bmp
            | ImageFormat::Tiff
            | ImageFormat::WebP),
        ) => Ok(format),
        Ok(ImageFormat::Gif) => Err(ImageError::UnsupportedFormat { path, format: "GIF" }),
        Ok(ImageFormat::Avif) => Err(ImageError::UnsupportedFormat { path, format: "AVIF" }),
        Ok(ImageFormat::Pnm) => Err(ImageError::UnsupportedFormat { path, format: "PNM" }),
        Ok(ImageFormat::OpenExr) => Err(ImageError::UnsupportedFormat { path, format: "OpenEXR" }),
        _ if is_heif(bytes) => Err(ImageError::UnsupportedFormat { path, format: "HEIF" }),
        _ => Err(ImageError::NotAnImage { path, content: content_of(bytes) }),
    }
}

/// Phones write HEIF: an ISO media file whose brand is one of these.
fn is_heif(bytes: &[u8]) -> bool {
    matches!(bytes.get(4..12), Some(b"ftypheic" | b"ftypheix" | b"ftypmif1" | b"ftypmsf1"))
}

fn content_of(bytes: &[u8]) -> Content {
    let start = &bytes[..bytes.len().min(512)];
    if start.iter().all(|&byte| byte == 0) {
        Content::Zeros
    } else if start.iter().all(|&byte| byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r')) {
        Content::Text
    } else {
        Content::UnknownBytes
    }
}

fn classify(error: image::ImageError, path: &Path, limits: &DecodeLimits) -> ImageError {
    let path = path.to_path_buf();
    match error {
        image::ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImageError::Truncated { path }
        }
        image::ImageError::Limits(error) if error.kind() == LimitErrorKind::InsufficientMemory => {
            ImageError::Memory { path, limit: limits.max_bytes }
        }
        source @ image::ImageError::Unsupported(_) => {
            ImageError::UnsupportedPixels { path, source }
        }
        source => ImageError::Damaged { path, source },
    }
}

/// 8-bit RGB, or `None` if floating-point samples leave 0 to 1.
fn to_rgb8(image: DynamicImage) -> Option<RgbImage> {
    let (width, height) = (image.width(), image.height());
    let high = |sample: u16| (sample >> 8) as u8;
    let samples: Vec<u8> = match image {
        DynamicImage::ImageLuma16(grey) => {
            grey.pixels().flat_map(|pixel| [high(pixel[0]); 3]).collect()
        }
        DynamicImage::ImageLumaA16(grey) => {
            grey.pixels().flat_map(|pixel| [high(pixel[0]); 3]).collect()
        }
        DynamicImage::ImageRgb16(rgb) => rgb.iter().copied().map(high).collect(),
        DynamicImage::ImageRgba16(rgba) => {
            rgba.pixels().flat_map(|pixel| [0, 1, 2].map(|c| high(pixel[c]))).collect()
        }
        DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_) => {
            let rgb = image.into_rgb32f();
            if !rgb.iter().all(|sample| (0.0..=1.0).contains(sample)) {
                return None;
            }
            rgb.iter().map(|sample| (sample * 255.0 + 0.5) as u8).collect()
        }
        // 8 bits: grey is repeated, alpha is dropped.
        _ => return Some(image.into_rgb8()),
    };
    RgbImage::from_raw(width, height, samples)
}
