//! A decoded image: upright pixels, and how its file stores them.

use std::path::Path;

use image::RgbImage;

use crate::color_mode::ColorMode;
use crate::file_format::FileFormat;
use crate::image_error::ImageError;
use crate::resize::{DeepImage, high_byte, resize_bilinear, resize_deep};
use crate::sample_depth::{FileDepth, fill_range};

/// Storage of an image in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Storage {
    /// The file's format; `None` of pixels that came decoded.
    pub(crate) format: Option<FileFormat>,
    /// Colours, transparency and the bits of a sample's container.
    pub(crate) mode: ColorMode,
    /// Significant bits of a sample.
    pub(crate) depth: FileDepth,
}

/// A decoded image, upright, of its own size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// 8-bit RGB: of deeper samples the high bits.
    image: RgbImage,
    /// The samples, if they have more than 8 bits.
    deep: Option<DeepImage>,
    /// Storage in the file.
    storage: Storage,
}

impl Picture {
    /// Pixels that came decoded, 8 bits a sample.
    pub(crate) fn of_pixels(image: RgbImage) -> Self {
        let mode = ColorMode::of(image::ColorType::Rgb8);
        Self::new(image, Storage { format: None, mode, depth: FileDepth::Full(8) })
    }

    pub(crate) fn new(image: RgbImage, storage: Storage) -> Self {
        Self { image, deep: None, storage }
    }

    pub(crate) fn deep(deep: DeepImage, storage: Storage) -> Self {
        Self { image: high_bytes(&deep), deep: Some(deep), storage }
    }

    /// The image with 8 bits a sample: of deeper ones the high 8.
    pub fn image(&self) -> &RgbImage {
        &self.image
    }

    /// Returns the storage in the file.
    pub(crate) fn storage(&self) -> Storage {
        self.storage
    }

    /// The image for a model whose training images have samples of `depth` bits: samples fill their
    /// range.
    ///
    /// - `depth`: as [`FileDepth::common`](crate::FileDepth::common) has it
    /// - `path`: only appears in messages
    ///
    /// # Errors
    /// [`ImageError::Depth`] if it has another depth.
    pub fn at_depth(mut self, depth: Option<u8>, path: &Path) -> Result<Self, ImageError> {
        let found = self.storage.depth;
        let Some(bits) = found.scaled_by(depth) else {
            return Err(ImageError::Depth { path: path.to_path_buf(), found, expected: depth });
        };
        if let Some(deep) = &mut self.deep
            && bits < 16
        {
            fill_range(deep, bits);
            self.image = high_bytes(deep);
        }
        Ok(self)
    }

    /// The image resized to `width` × `height` pixels: samples of more than 8 bits lose none before.
    ///
    /// # Panics
    /// If a side is 0.
    pub fn resized(&self, width: u32, height: u32) -> RgbImage {
        match &self.deep {
            Some(deep) => resize_deep(deep, width, height),
            None => resize_bilinear(&self.image, width, height),
        }
    }

    /// The samples, if they have more than 8 bits.
    pub(crate) fn samples(&self) -> Option<&DeepImage> {
        self.deep.as_ref()
    }

    /// Both views of the pixels, to be painted alike.
    pub(crate) fn views_mut(&mut self) -> (&mut RgbImage, Option<&mut DeepImage>) {
        (&mut self.image, self.deep.as_mut())
    }

    /// The image with 8 bits a sample.
    pub fn into_image(self) -> RgbImage {
        self.image
    }
}

fn high_bytes(deep: &DeepImage) -> RgbImage {
    let samples = deep.iter().copied().map(high_byte).collect();
    RgbImage::from_raw(deep.width(), deep.height(), samples).expect("as many samples")
}
