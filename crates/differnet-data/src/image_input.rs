//! An image as a caller has it: encoded, wherever its bytes are, or decoded.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use image::RgbImage;

use crate::compression::Compression;
use crate::content_hash::ContentHash;
use crate::decode::{DecodeLimits, check_size, decode_picture, has_deep_samples};
use crate::image_error::ImageError;
use crate::jpeg_augmentation::JpegAugmentation;
use crate::masked_input::hash_of_pixels;
use crate::picture::Picture;

/// An image: a file, what a file would hold, or pixels.
///
/// Equal bytes are the same image, and so are equal pixels: nothing that is computed from them depends on
/// where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageInput<'a> {
    /// A file, opened when its turn comes.
    File(&'a Path),
    /// Bytes that came by another way.
    Memory {
        /// Name of the image in messages; no file is looked for.
        name: &'a Path,
        /// As in a file.
        bytes: &'a [u8],
    },
    /// Pixels of an image that came decoded.
    Pixels {
        /// Name of the image in messages; no file is looked for.
        name: &'a Path,
        /// Upright.
        image: &'a RgbImage,
    },
    /// The file that an image file would be had its image been stored as JPEG.
    AsJpeg {
        /// The file.
        path: &'a Path,
        /// The qualities.
        augmentation: JpegAugmentation,
        /// Seed of the draw of the quality; the rest of its key is the content of the file, and the number.
        seed: u64,
        /// Number of the file, below [`JpegAugmentation::COPIES`].
        copy: usize,
    },
}

/// An image that was read: its encoded bytes or, if it came decoded, its pixels.
#[derive(Debug, Clone)]
pub enum ReadImage<'a> {
    /// As in a file.
    Encoded(Cow<'a, [u8]>),
    /// Upright.
    Decoded(&'a RgbImage),
}

impl<'a> ImageInput<'a> {
    /// Name of the image in messages.
    pub fn name(&self) -> &'a Path {
        match *self {
            Self::File(path) | Self::AsJpeg { path, .. } => path,
            Self::Memory { name, .. } | Self::Pixels { name, .. } => name,
        }
    }

    /// The bytes or pixels.
    ///
    /// # Errors
    /// [`ImageError`]: the file cannot be read, there are more bytes or pixels than `limits` allow, or an
    /// image that is to be stored as JPEG cannot be decoded or stored.
    pub fn read(&self, limits: &DecodeLimits) -> Result<ReadImage<'a>, ImageError> {
        match *self {
            Self::File(path) => Ok(ReadImage::Encoded(Cow::Owned(limits.read_file(path)?))),
            Self::Memory { name, bytes } => {
                let (length, limit) = (bytes.len() as u64, limits.max_bytes);
                if length > limit {
                    let path = name.to_path_buf();
                    return Err(ImageError::FileTooLarge { path, bytes: length, limit });
                }
                Ok(ReadImage::Encoded(Cow::Borrowed(bytes)))
            }
            Self::Pixels { name, image } => {
                check_size(image.dimensions(), name, limits)?;
                Ok(ReadImage::Decoded(image))
            }
            Self::AsJpeg { path, augmentation, seed, copy } => {
                let bytes = limits.read_file(path)?;
                let image = limits.decode_bytes(&bytes, path)?;
                let jpeg = augmentation.encode(seed, (&ContentHash::of(&bytes), copy), &image);
                let wrong = |source| ImageError::NotAsJpeg { path: path.to_path_buf(), source };
                Ok(ReadImage::Encoded(Cow::Owned(jpeg.map_err(wrong)?)))
            }
        }
    }
}

impl ReadImage<'_> {
    /// Names the image by its bytes or pixels.
    pub fn hash(&self) -> ContentHash {
        match self {
            Self::Encoded(bytes) => ContentHash::of(bytes),
            Self::Decoded(image) => hash_of_pixels(image),
        }
    }

    /// Returns the compression of the image's file; pixels count as lossless.
    pub fn compression(&self) -> Compression {
        match self {
            Self::Encoded(bytes) => Compression::of(bytes),
            Self::Decoded(_) => Compression::Lossless,
        }
    }

    /// Tells whether the samples have more than 8 bits; they are not decoded. `name` is for messages only.
    ///
    /// # Errors
    /// [`ImageError`]: the bytes are no image or exceed `limits`, as far as their header tells.
    pub fn has_deep_samples(&self, name: &Path, limits: &DecodeLimits) -> Result<bool, ImageError> {
        match self {
            Self::Encoded(bytes) => has_deep_samples(bytes, name, limits),
            Self::Decoded(_) => Ok(false),
        }
    }

    /// The image, upright; `name` only appears in messages.
    ///
    /// # Errors
    /// [`ImageError`]: the bytes are no image, are damaged or exceed `limits`.
    pub fn decode(&self, name: &Path, limits: &DecodeLimits) -> Result<Picture, ImageError> {
        match self {
            Self::Encoded(bytes) => decode_picture(bytes, name, limits),
            Self::Decoded(image) => Ok(Picture::of_pixels((*image).clone())),
        }
    }
}

impl<'a> From<&'a Path> for ImageInput<'a> {
    fn from(path: &'a Path) -> Self {
        Self::File(path)
    }
}

impl<'a> From<&'a PathBuf> for ImageInput<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::File(path)
    }
}

impl<'a> From<&'a str> for ImageInput<'a> {
    fn from(path: &'a str) -> Self {
        Self::File(Path::new(path))
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn a_file_and_its_bytes_read_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, b"content").unwrap();
        let memory = ImageInput::Memory { name: Path::new("b.png"), bytes: b"content" };
        let limits = DecodeLimits::default();
        let hash = |input: ImageInput<'_>| input.read(&limits).unwrap().hash();
        assert_eq!(hash(memory), hash(ImageInput::File(&path)));
        let limits = DecodeLimits { max_bytes: 6, ..limits };
        for input in [memory, ImageInput::File(&path)] {
            let error = input.read(&limits).unwrap_err();
            assert!(matches!(error, ImageError::FileTooLarge { bytes: 7, limit: 6, .. }));
            assert_eq!(error.path(), input.name());
        }
    }

    #[test]
    fn an_image_as_jpeg_is_one_and_shows_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let image = RgbImage::from_fn(64, 48, |x, y| Rgb([(x * 3) as u8, (y * 5) as u8, 77]));
        image.save(&path).unwrap();
        let limits = DecodeLimits::default();
        let augmentation = "75..95".parse().unwrap();
        let input = ImageInput::AsJpeg { path: &path, augmentation, seed: 3, copy: 2 };
        assert_eq!(input.name(), path);
        let read = input.read(&limits).unwrap();
        assert!(matches!(read.compression(), Compression::Jpeg { .. }));
        assert_eq!(read.hash(), input.read(&limits).unwrap().hash());
        let seen = read.decode(&path, &limits).unwrap().into_image();
        assert_eq!(seen.dimensions(), image.dimensions());
        let far = seen.iter().zip(image.iter()).map(|(a, b)| a.abs_diff(*b));
        assert!((1..60).contains(&far.max().unwrap()));
        std::fs::write(&path, "no image").unwrap();
        assert!(matches!(input.read(&limits), Err(ImageError::NotAnImage { .. })));
    }

    #[test]
    fn pixels_are_named_by_their_values_and_size() {
        let limits = DecodeLimits::default();
        let read = |image: &RgbImage| {
            let read =
                ImageInput::Pixels { name: Path::new("array"), image }.read(&limits).unwrap();
            assert_eq!(read.decode(Path::new("array"), &limits).unwrap().image(), image);
            read.hash()
        };
        let image = |width, height, value| RgbImage::from_pixel(width, height, Rgb([value; 3]));
        assert_eq!(read(&image(2, 3, 7)), read(&image(2, 3, 7)));
        assert_ne!(read(&image(2, 3, 7)), read(&image(3, 2, 7)));
        assert_ne!(read(&image(2, 3, 7)), read(&image(2, 3, 8)));
    }

    #[test]
    fn pixels_are_held_to_the_limits_of_files() {
        let limits = DecodeLimits { max_pixels: 5, ..DecodeLimits::default() };
        for (width, height) in [(2, 3), (0, 4)] {
            let image = RgbImage::new(width, height);
            let error =
                ImageInput::Pixels { name: Path::new("array"), image: &image }.read(&limits);
            assert!(matches!(error, Err(ImageError::PixelCount { limit: 5, .. })));
        }
    }
}
