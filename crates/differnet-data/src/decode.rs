//! Files to RGB pixels, with limits: hostile or broken bytes give an error and never a panic.
//!
//! The format follows from the content, so a misnamed image decodes and a misnamed text file does
//! not. Pixels become 8-bit RGB the way PIL's `convert("RGB")` does it: grey is repeated, alpha is
//! dropped. Deeper samples are kept beside their high bytes. EXIF orientation is applied.

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::error::LimitErrorKind;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

use crate::color_mode::ColorMode;
use crate::decoded::Decoded;
use crate::file_format::{FileFormat, format_of};
use crate::image_error::ImageError;
use crate::jpeg_stream::{END, has_end_marker, is_one_scan, unread_coding};
use crate::picture::Picture;
use crate::tiff_file::TiffImage;

/// Largest size of an image and of its file; larger ones are refused unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Most pixels (width times height).
    pub max_pixels: u64,
    /// Most bytes the file may have, and most bytes its decoder may allocate.
    pub max_bytes: u64,
}

impl DecodeLimits {
    /// The image in the file `path`, upright, as 8-bit RGB; of deeper samples the high 8 bits.
    ///
    /// # Errors
    /// [`ImageError`]: the file cannot be read, is no image, is damaged or exceeds these limits.
    pub fn decode_file(&self, path: &Path) -> Result<RgbImage, ImageError> {
        self.decode_bytes(&self.read_file(path)?, path)
    }

    /// The image that `bytes` hold, upright, as 8-bit RGB; of deeper samples the high 8 bits.
    ///
    /// - `path`: only appears in messages, but for the ending `.tga`
    ///
    /// # Errors
    /// [`ImageError`]: the bytes are no image, are damaged or exceed these limits.
    pub fn decode_bytes(&self, bytes: &[u8], path: &Path) -> Result<RgbImage, ImageError> {
        decode_picture(bytes, path, self).map(Picture::into_image)
    }

    /// Width and height of the image in the file `path`, upright; its pixels are not decoded.
    ///
    /// # Errors
    /// [`ImageError`]: the file cannot be read, is no image or exceeds these limits.
    pub fn size_of_file(&self, path: &Path) -> Result<(u32, u32), ImageError> {
        self.size_of_bytes(&self.read_file(path)?, path)
    }

    /// Width and height of the image that `bytes` hold, upright; its pixels are not decoded.
    ///
    /// # Errors
    /// [`ImageError`]: the bytes are no image or exceed these limits, as far as their header tells.
    pub fn size_of_bytes(&self, bytes: &[u8], path: &Path) -> Result<(u32, u32), ImageError> {
        let header = header(bytes, path, self)?;
        let turned = matches!(
            header.orientation,
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        );
        let (width, height) = header.size;
        Ok(if turned { (height, width) } else { (width, height) })
    }

    /// The bytes of the file `path`.
    ///
    /// # Errors
    /// [`ImageError`]: it is no file, cannot be read or exceeds [`max_bytes`](Self::max_bytes).
    pub fn read_file(&self, path: &Path) -> Result<Vec<u8>, ImageError> {
        let io = |source| ImageError::Io { path: path.to_path_buf(), source };
        let metadata = std::fs::metadata(path).map_err(io)?;
        // Checked before opening: opening a pipe would wait for a writer.
        if !metadata.is_file() {
            return Err(ImageError::NotAFile { path: path.to_path_buf() });
        }
        let limit = self.max_bytes;
        let mut bytes = Vec::new();
        // The file may grow while it is read: one byte past the limit is enough to know.
        let file = File::open(path).map_err(io)?;
        if metadata.len() <= limit {
            file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
        }
        let length = metadata.len().max(bytes.len() as u64);
        if length > limit {
            return Err(ImageError::FileTooLarge {
                path: path.to_path_buf(),
                bytes: length,
                limit,
            });
        }
        Ok(bytes)
    }
}

impl Default for DecodeLimits {
    /// 100 megapixels and 1 GiB: above any inspection camera, below what a machine cannot hold.
    fn default() -> Self {
        Self { max_pixels: 100_000_000, max_bytes: 1 << 30 }
    }
}

/// As [`DecodeLimits::decode_bytes`], with all bits of the samples and how they are stored.
pub(crate) fn decode_picture(
    bytes: &[u8],
    path: &Path,
    limits: &DecodeLimits,
) -> Result<Picture, ImageError> {
    guarded(|| Ok(decode(bytes, path, limits)?.into_picture(bytes)), path)
}

/// The samples that `bytes` hold, upright, as they are stored, with transparency.
pub(crate) fn decode_samples(
    bytes: &[u8],
    path: &Path,
    limits: &DecodeLimits,
) -> Result<DynamicImage, ImageError> {
    guarded(|| decode(bytes, path, limits).map(|decoded| decoded.image), path)
}

/// Tells whether the samples that `bytes` hold have more than 8 bits; they are not decoded.
pub(crate) fn has_deep_samples(
    bytes: &[u8],
    path: &Path,
    limits: &DecodeLimits,
) -> Result<bool, ImageError> {
    header(bytes, path, limits).map(|header| header.bits > 8)
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

/// Properties of an image that are known before its pixels are decoded.
struct ImageHeader {
    /// Width and height as stored, pixels.
    size: (u32, u32),
    orientation: Orientation,
    /// Bits of a sample.
    bits: u16,
}

fn header(bytes: &[u8], path: &Path, limits: &DecodeLimits) -> Result<ImageHeader, ImageError> {
    let header = || {
        let format = readable_format(bytes, path)?;
        if let Some(tiff) = own_tiff(bytes, format) {
            check_size(tiff.size, path, limits)?;
            let orientation = tiff_orientation(&tiff, bytes);
            return Ok(ImageHeader { size: tiff.size, orientation, bits: tiff.bits });
        }
        let mut decoder = open(bytes, path, limits, format)?;
        let (size, orientation) = (decoder.dimensions(), orientation(&mut decoder));
        Ok(ImageHeader { size, orientation, bits: ColorMode::of(decoder.color_type()).bits })
    };
    guarded(header, path)
}

/// The format of `bytes`, if it is read in this variant.
fn readable_format(bytes: &[u8], path: &Path) -> Result<FileFormat, ImageError> {
    let format = format_of(bytes, path)?;
    let variant = match format {
        FileFormat::Jpeg => unread_coding(bytes),
        FileFormat::Tiff => TiffImage::of(bytes).and_then(|tiff| tiff.unread_variant(bytes)),
        _ => None,
    };
    match variant {
        Some(variant) => Err(ImageError::UnsupportedVariant { path: path.to_path_buf(), variant }),
        None => Ok(format),
    }
}

/// The image, if it is a TIFF that the general decoder does not take.
fn own_tiff(bytes: &[u8], format: FileFormat) -> Option<TiffImage> {
    let tiff = if format == FileFormat::Tiff { TiffImage::of(bytes) } else { None };
    tiff.filter(TiffImage::needs_own_reader)
}

fn tiff_orientation(tiff: &TiffImage, bytes: &[u8]) -> Orientation {
    tiff.orientation(bytes).and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
}

/// A decoder of `bytes`, whose header is within `limits`.
fn open<'a>(
    bytes: &'a [u8],
    path: &Path,
    limits: &DecodeLimits,
    format: FileFormat,
) -> Result<impl ImageDecoder + 'a, ImageError> {
    let classify = |error| classify(error, path, limits);
    if is_cut_short(bytes, format) {
        return Err(ImageError::Truncated { path: path.to_path_buf() });
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.decoder());
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

fn decode(bytes: &[u8], path: &Path, limits: &DecodeLimits) -> Result<Decoded, ImageError> {
    let format = readable_format(bytes, path)?;
    if let Some(tiff) = own_tiff(bytes, format) {
        check_size(tiff.size, path, limits)?;
        let mut pixels = tiff.read(bytes, path, limits)?;
        pixels.image.apply_orientation(tiff_orientation(&tiff, bytes));
        let mode = ColorMode { bits: tiff.bits, ..ColorMode::of(pixels.image.color()) };
        return Ok(Decoded { image: pixels.image, format, mode, depth: Some(pixels.depth) });
    }
    if format == FileFormat::Jpeg && !has_end_marker(bytes) && is_one_scan(bytes) {
        return decode_without_end(bytes, path, limits);
    }
    decode_whole(bytes, path, limits, format)
}

fn decode_whole(
    bytes: &[u8],
    path: &Path,
    limits: &DecodeLimits,
    format: FileFormat,
) -> Result<Decoded, ImageError> {
    let mut decoder = open(bytes, path, limits, format)?;
    let mode = ColorMode::of(decoder.color_type());
    let orientation = orientation(&mut decoder);
    let mut image =
        DynamicImage::from_decoder(decoder).map_err(|error| classify(error, path, limits))?;
    image.apply_orientation(orientation);
    Ok(Decoded { image, format, mode, depth: None })
}

/// The image of a JPEG stream within another file.
pub(crate) fn decode_jpeg(
    bytes: &[u8],
    path: &Path,
    limits: &DecodeLimits,
) -> Result<DynamicImage, ImageError> {
    if let Some(variant) = unread_coding(bytes) {
        return Err(ImageError::UnsupportedVariant { path: path.to_path_buf(), variant });
    }
    if !has_end_marker(bytes) {
        return Err(ImageError::Truncated { path: path.to_path_buf() });
    }
    decode_whole(bytes, path, limits, FileFormat::Jpeg).map(|decoded| decoded.image)
}

/// A JPEG that lacks its end marker, if it lacks nothing else: whatever follows its bytes, its pixels
/// are the same.
fn decode_without_end(
    bytes: &[u8],
    path: &Path,
    limits: &DecodeLimits,
) -> Result<Decoded, ImageError> {
    let bytes = bytes.strip_suffix(&[0xff]).unwrap_or(bytes);
    let followed_by =
        |tail: &[u8]| decode_whole(&[bytes, tail, &END].concat(), path, limits, FileFormat::Jpeg);
    let decoded = followed_by(&[])?;
    for tail in [[0x55; 64], [0xaa; 64]] {
        if followed_by(&tail)?.image != decoded.image {
            return Err(ImageError::Truncated { path: path.to_path_buf() });
        }
    }
    Ok(decoded)
}

/// Tells whether a file lacks its end although its decoder would not say so.
fn is_cut_short(bytes: &[u8], format: FileFormat) -> bool {
    match (format, bytes) {
        // What one scan lacks shows when it is decoded.
        (FileFormat::Jpeg, _) => !has_end_marker(bytes) && !is_one_scan(bytes),
        // RIFF: four letters, then the number of bytes that follow.
        (FileFormat::WebP, [_, _, _, _, a, b, c, d, rest @ ..]) => {
            (rest.len() as u64) < u64::from(u32::from_le_bytes([*a, *b, *c, *d]))
        }
        _ => false,
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
