//! TIFF images of kinds that the general decoder refuses: packed samples of 9 to 15 bits, palettes,
//! signed, 32-bit and floating-point samples, grey with transparency, YCbCr in JPEG, Zstandard and
//! Group 3 compression.
//!
//! Where the strips need unpacking first, a copy of the file is made in which they are plain.

mod directory;
mod jpeg_chunks;
mod plain_copy;
mod samples;

use std::io::Cursor;
use std::path::Path;

use image::error::{DecodingError, ImageFormatHint, UnsupportedError, UnsupportedErrorKind};
use image::{DynamicImage, ImageFormat};
use tiff::TiffError;
use tiff::decoder::{Decoder, DecodingResult, Limits};

use crate::decode::DecodeLimits;
use crate::image_error::ImageError;
use crate::sample_depth::FileDepth;

use directory::{Directory, tag};
use plain_copy::unpack;

const PALETTE: u64 = 3;
const CMYK: u64 = 5;
const YCBCR: u64 = 6;
const GROUP_3: u64 = 3;
const JPEG: u64 = 7;
const ZSTANDARD: u64 = 50000;

/// First image of a file, as far as its tags describe it.
#[derive(Debug)]
pub(crate) struct TiffImage {
    directory: Directory,
    /// Width and height as stored, pixels.
    pub(crate) size: (u32, u32),
    /// Bits of a sample.
    pub(crate) bits: u16,
    /// Samples of a pixel.
    samples: usize,
    photometric: u64,
    compression: u64,
    /// 1: unsigned, 2: signed, 3: floating-point.
    sample_format: u64,
    /// Whether the first extra sample is transparency.
    pub(crate) transparent: bool,
}

/// Decoded samples, and how many of their bits count.
pub(crate) struct TiffPixels {
    pub(crate) image: DynamicImage,
    pub(crate) depth: FileDepth,
}

impl TiffImage {
    /// The first image of `bytes`; `None` if its header is cut off or damaged.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let directory = Directory::first(bytes)?;
        let number = |tag, default| directory.number(bytes, tag).unwrap_or(default);
        let size =
            (number(tag::WIDTH, 0).try_into().ok()?, number(tag::HEIGHT, 0).try_into().ok()?);
        let transparent = matches!(number(tag::EXTRA_SAMPLES, 0), 1 | 2);
        Some(Self {
            size,
            bits: number(tag::BITS_PER_SAMPLE, 1).try_into().ok()?,
            samples: number(tag::SAMPLES_PER_PIXEL, 1).try_into().ok()?,
            photometric: number(tag::PHOTOMETRIC, 1),
            compression: number(tag::COMPRESSION, 1),
            sample_format: number(tag::SAMPLE_FORMAT, 1),
            transparent,
            directory,
        })
    }

    /// The name of a kind that is not read, if the image is of one.
    pub(crate) fn unread_variant(&self, bytes: &[u8]) -> Option<&'static str> {
        let reduced = self.directory.number(bytes, tag::NEW_SUBFILE_TYPE).unwrap_or(0) & 1 == 1;
        let raw = self.directory.has(tag::DNG_VERSION);
        Some(match (self.photometric, self.compression) {
            _ if raw => "camera raw (DNG)",
            (32803, _) => "camera raw (colour filter array)",
            (34892, _) => "camera raw (linear)",
            _ if reduced => "TIFF that begins with a preview, as camera raw does",
            (_, 2) => "TIFF with CCITT modified Huffman compression",
            (_, 6) => "TIFF with JPEG compression of the old style",
            (_, 34712) => "TIFF with JPEG 2000 compression",
            (_, 34887) => "TIFF with LERC compression",
            (_, 34925) => "TIFF with LZMA compression",
            (_, 50001) => "TIFF with WebP compression",
            (_, 50002 | 52546) => "TIFF with JPEG XL compression",
            (8..=10, _) => "TIFF in L*a*b* colours",
            (32844 | 32845, _) => "TIFF in LogLuv colours",
            (YCBCR, compression) if compression != JPEG => "TIFF in YCbCr colours without JPEG",
            (CMYK, _) if self.needs_own_reader() => {
                "TIFF in CMYK colours of this depth or compression"
            }
            _ if self.is_packed() && self.is_scattered(bytes) => {
                "TIFF with packed samples in tiles, planes or differences"
            }
            (_, ZSTANDARD | GROUP_3) if self.is_in_pieces(bytes) => {
                "TIFF with this compression in tiles or planes"
            }
            (_, GROUP_3) if self.directory.number(bytes, tag::T4_OPTIONS).unwrap_or(0) & 1 == 1 => {
                "TIFF with two-dimensional Group 3 compression"
            }
            _ => return None,
        })
    }

    /// Tells whether the general decoder would refuse the image, or take its samples wrongly.
    pub(crate) fn needs_own_reader(&self) -> bool {
        let grey = self.photometric <= 1;
        !matches!(self.bits, 1 | 8 | 16)
            || self.sample_format != 1
            || (grey && self.samples > 1)
            || matches!(self.photometric, PALETTE | YCBCR)
            || matches!(self.compression, ZSTANDARD | GROUP_3)
    }

    /// Tells whether its pixels are coloured.
    pub(crate) fn colored(&self) -> bool {
        self.photometric > 1
    }

    /// EXIF's number for how it is to be turned.
    pub(crate) fn orientation(&self, bytes: &[u8]) -> Option<u8> {
        self.directory.number(bytes, tag::ORIENTATION)?.try_into().ok()
    }

    /// The bits that `MaxSampleValue` states: one less than a power of two.
    pub(crate) fn stated_bits(&self, bytes: &[u8]) -> Option<u8> {
        let largest = self.directory.number(bytes, tag::MAX_SAMPLE_VALUE)?;
        let bits = u8::try_from((largest + 1).trailing_zeros()).ok()?;
        ((largest + 1).is_power_of_two() && (9..16).contains(&bits)).then_some(bits)
    }

    fn is_packed(&self) -> bool {
        (9..16).contains(&self.bits)
    }

    fn is_in_pieces(&self, bytes: &[u8]) -> bool {
        let planes = self.directory.number(bytes, tag::PLANAR_CONFIGURATION).unwrap_or(1) == 2;
        self.directory.has(tag::TILE_WIDTH) || (planes && self.samples > 1)
    }

    fn is_scattered(&self, bytes: &[u8]) -> bool {
        let differences = self.directory.number(bytes, tag::PREDICTOR).unwrap_or(1) != 1;
        self.is_in_pieces(bytes) || differences
    }

    /// The samples of the image.
    ///
    /// # Errors
    /// [`ImageError`]: damaged, of a kind that is not known, or beyond `limits`.
    pub(crate) fn read(
        &self,
        bytes: &[u8],
        path: &Path,
        limits: &DecodeLimits,
    ) -> Result<TiffPixels, ImageError> {
        if self.photometric == YCBCR {
            let image = DynamicImage::ImageRgb8(self.read_jpeg(bytes, path, limits)?);
            return Ok(TiffPixels { image, depth: FileDepth::Full(8) });
        }
        let failed = |error| failed(error, path, limits);
        let damaged = || failed(TiffError::IntSizeError);
        let plain = self.plain_copy(bytes, limits).ok_or_else(damaged)?;
        let most = usize::try_from(limits.max_bytes).unwrap_or(usize::MAX);
        let mut bounds = Limits::default();
        bounds.decoding_buffer_size = most;
        bounds.intermediate_buffer_size = most;
        bounds.ifd_value_size = most;
        let decoder = Decoder::new(Cursor::new(&*plain)).map_err(failed)?;
        let mut decoder = decoder.with_limits(bounds);
        let color = decoder.colortype().map_err(failed)?;
        let mut data = DecodingResult::U8(Vec::new());
        let layout = decoder.read_image_to_buffer(&mut data).map_err(failed)?;
        if data.as_buffer(0).as_bytes().len() < layout.complete_len {
            return Err(ImageError::Memory { path: path.to_path_buf(), limit: limits.max_bytes });
        }
        if self.is_packed() {
            let DecodingResult::U8(rows) = data else { return Err(damaged()) };
            let samples = unpack(&rows, self.bits, self.size.0 as usize * self.samples);
            let picked = self.pick(&samples, self.samples, false, |sample| sample);
            return self.deep(picked, FileDepth::Stated(self.bits as u8)).ok_or_else(damaged);
        }
        let stored = usize::from(color.num_samples());
        let planar = layout.planes > 1;
        self.convert(&data, bytes, stored, planar)
            .ok_or_else(damaged)?
            .ok_or_else(|| ImageError::FloatRange { path: path.to_path_buf() })
    }
}

fn failed(error: TiffError, path: &Path, limits: &DecodeLimits) -> ImageError {
    let path = path.to_path_buf();
    let hint = || ImageFormatHint::Exact(ImageFormat::Tiff);
    match error {
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImageError::Truncated { path }
        }
        TiffError::LimitsExceeded => ImageError::Memory { path, limit: limits.max_bytes },
        TiffError::UnsupportedError(error) => {
            let kind = UnsupportedErrorKind::GenericFeature(error.to_string());
            let error = UnsupportedError::from_format_and_kind(hint(), kind);
            ImageError::UnsupportedPixels { path, source: image::ImageError::Unsupported(error) }
        }
        error => {
            let error = DecodingError::new(hint(), error);
            ImageError::Damaged { path, source: image::ImageError::Decoding(error) }
        }
    }
}
