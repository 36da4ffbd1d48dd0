//! Inspection data sets: layouts, decoding, PIL-exact resizing and transforms, and a generated sample.
//!
//! Paths go in, pixels come out: nothing here knows of tensors or models.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod augment;
mod causes;
mod content_hash;
mod dataset;
mod dataset_error;
mod decode;
mod enhance;
mod image_error;
mod jpeg_end;
mod layouts;
mod listing;
mod load;
mod mask;
mod random;
mod resize;
mod rotate;
mod sample;
#[cfg(test)]
mod test_tree;
mod transform;

pub use augment::{Purpose, Rotation, TransformConfig, fixed_transforms, random_transforms};
pub use content_hash::ContentHash;
pub use dataset::{Dataset, Defect, Sample, load_dataset};
pub use dataset_error::DatasetError;
pub use decode::{DecodeLimits, decode_bytes, decode_file, image_size, read_file};
pub use image::RgbImage;
pub use image_error::{Content, ImageError};
pub use layouts::mvtec::mvtec_categories;
pub use layouts::{Layout, detect_layout};
pub use listing::find_images;
pub use load::{BadImage, LoadedImage, check_images, hash_images, load_image};
pub use mask::{BadMask, MaskError, check_masks, load_mask};
pub use resize::resize_bilinear;
pub use sample::{SampleConfig, write_sample_dataset};
pub use transform::{Transform, apply};
