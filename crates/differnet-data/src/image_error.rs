//! Errors of image files, each with its remedy.

use std::path::{Path, PathBuf};

use crate::causes::with_causes;
use crate::file_format::READABLE;
use crate::regions_error::RegionsError;
use crate::sample_depth::FileDepth;

/// Error that keeps a file from becoming an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The operating system refused the file.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A folder or a device where an image file was expected.
    #[error("{} is not a file: name an image file", path.display())]
    NotAFile {
        /// Path that was named.
        path: PathBuf,
    },
    /// The file holds no bytes.
    #[error("{} is empty (0 bytes): copy it again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is longer than an image within the limits can be.
    #[error("{} has {bytes} bytes, more than the limit of {limit}: shrink the image", path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        bytes: u64,
        /// [`DecodeLimits::max_bytes`](crate::DecodeLimits::max_bytes).
        limit: u64,
    },
    /// The first bytes belong to no image format, whatever the name says.
    #[error("{} is not an image: its content is {content}, not {READABLE}", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// Kind of content, in words.
        content: &'static str,
    },
    /// A format that this program does not read.
    #[error("{} holds {format}, which is not read: convert it to PNG or TIFF", path.display())]
    UnsupportedFormat {
        /// The file.
        path: PathBuf,
        /// The format's name.
        format: &'static str,
    },
    /// A known format in a variant that this program does not read.
    #[error("{} is a {variant}, which is not read: save it as PNG, with 8 or 16 bits", path.display())]
    UnsupportedVariant {
        /// The file.
        path: PathBuf,
        /// The variant's name.
        variant: &'static str,
    },
    /// A known format with a way of storing pixels that the decoder does not know.
    #[error("{} stores its pixels in a way that is not read: save it as PNG, with 8 or 16 bits", path.display())]
    UnsupportedPixels {
        /// The file.
        path: PathBuf,
        /// Error of the decoder.
        source: image::ImageError,
    },
    /// Floating-point samples in no customary range, so black and white are unknown.
    #[error("{} has floating-point samples outside 0 to 1 and outside 0 to 255: save it as PNG, with 8 or 16 bits", path.display())]
    FloatRange {
        /// The file.
        path: PathBuf,
    },
    /// Samples of another depth than the model's training images.
    #[error("{} has {found}, but {}", path.display(), depth_remedy(*found, *expected))]
    Depth {
        /// The file.
        path: PathBuf,
        /// Bit depth of the samples, as far as the file states it.
        found: FileDepth,
        /// Bits of the training images; `None` if they have 8, or each states its own.
        expected: Option<u8>,
    },
    /// More pixels than allowed, or none at all; found before any pixel was decoded.
    #[error("{} has {width}×{height} pixels, the limit is 1 to {limit}: shrink the image", path.display())]
    PixelCount {
        /// The file.
        path: PathBuf,
        /// Pixels in a row, as the header claims.
        width: u32,
        /// Rows, as the header claims.
        height: u32,
        /// [`DecodeLimits::max_pixels`](crate::DecodeLimits::max_pixels).
        limit: u64,
    },
    /// Decoding would take more memory than allowed.
    #[error("{} needs more than {limit} bytes to decode: shrink the image", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// [`DecodeLimits::max_bytes`](crate::DecodeLimits::max_bytes).
        limit: u64,
    },
    /// The file ends before its image does.
    #[error("{} is truncated: copy it again from its source", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
    },
    /// The content contradicts its own format.
    #[error("{} is damaged: copy it again from its source", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Error of the decoder.
        source: image::ImageError,
    },
    /// The decoder failed in a way it should not.
    #[error("{} is damaged so badly that the decoder gave up: copy it again from its source", path.display())]
    DecoderPanic {
        /// The file.
        path: PathBuf,
    },
    /// An image that cannot be stored as JPEG, as the settings want it to be seen in training.
    #[error("{} cannot be seen as JPEG, whose sides have 65535 pixels at most: leave the JPEG augmentation out", path.display())]
    NotAsJpeg {
        /// The file.
        path: PathBuf,
        /// Error of the encoder.
        source: jpeg_encoder::EncodingError,
    },
    /// An image that the regions cannot be applied to.
    #[error("{} does not fit the regions", path.display())]
    Regions {
        /// The file.
        path: PathBuf,
        /// Reason.
        source: Box<RegionsError>,
    },
}

impl ImageError {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::NotAFile { path }
            | Self::Empty { path }
            | Self::FileTooLarge { path, .. }
            | Self::NotAnImage { path, .. }
            | Self::UnsupportedFormat { path, .. }
            | Self::UnsupportedVariant { path, .. }
            | Self::UnsupportedPixels { path, .. }
            | Self::FloatRange { path }
            | Self::Depth { path, .. }
            | Self::PixelCount { path, .. }
            | Self::Memory { path, .. }
            | Self::Truncated { path }
            | Self::Damaged { path, .. }
            | Self::DecoderPanic { path }
            | Self::NotAsJpeg { path, .. }
            | Self::Regions { path, .. } => path,
        }
    }

    /// The message and those of its causes on one line, for lists and JSON.
    pub fn with_causes(&self) -> String {
        with_causes(self)
    }
}

fn depth_remedy(found: FileDepth, expected: Option<u8>) -> String {
    match (found, expected) {
        (FileDepth::Unstated { .. }, None) => "nothing says how many bits count: save it with \
             values up to 65535, or train on images like it"
            .to_owned(),
        (_, expected) => {
            let bits = expected.unwrap_or(8);
            format!(
                "the training images have {bits} bits, or were said to have: take it as they were taken, \
                 or train with the depth that it has"
            )
        }
    }
}
