//! Inspection data sets: layouts, decoding, PIL-exact resizing and transforms.
//!
//! Paths go in, pixels come out: nothing here knows of tensors or models.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod appearance;
pub mod audit;
mod augment;
mod causes;
mod color_mode;
mod compression;
mod content_hash;
mod copies;
mod dataset;
mod dataset_error;
mod decode;
mod decoded;
mod enhance;
mod examine;
mod file_format;
mod folder_counts;
mod folder_doubts;
mod folder_names;
mod image_error;
mod image_input;
mod input_statistics;
mod inspection;
mod jpeg_augmentation;
mod jpeg_stream;
mod layout;
pub mod layouts;
mod listing;
mod load;
mod lone_masks;
mod mask;
mod mask_pixels;
mod masked_input;
mod outlier;
pub mod output_mark;
mod perceptual_hash;
mod photographs;
mod picture;
mod regions;
mod regions_error;
mod resize;
mod rotate;
mod sample_depth;
#[cfg(test)]
mod test_tree;
mod thumbnail;
mod tiff_file;
mod transform;
mod unread;

pub use augment::{Purpose, Rotation, TransformConfig};
pub use causes::with_causes;
pub use compression::Compression;
pub use content_hash::ContentHash;
pub use dataset::{Dataset, Defect, Sample};
pub use dataset_error::DatasetError;
pub use decode::DecodeLimits;
pub use image::RgbImage;
pub use image_error::ImageError;
pub use image_input::{ImageInput, ReadImage};
pub use input_statistics::InputStatistics;
pub use jpeg_augmentation::{JpegAugmentation, JpegAugmentationError};
pub use layout::Layout;
pub use listing::find_images;
pub use load::BadImage;
pub use mask::{BadMask, Mask, MaskError};
pub use masked_input::{MaskedInput, Preprocessing};
pub use perceptual_hash::{HashedImage, KnownHashes, PerceptualHash};
pub use photographs::{find_good_images, find_photographs};
pub use picture::Picture;
pub use regions::Regions;
pub use regions::area::Area;
pub use regions_error::RegionsError;
pub use resize::resize_bilinear;
pub use rotate::{RotationWalk, rotation_walk};
pub use sample_depth::FileDepth;
pub use transform::Transform;

pub mod folders {
    //! Contents of folders: images, other files, and names that tell the images' use.

    pub use crate::folder_counts::{FolderCount, FolderUse};
    pub use crate::folder_doubts::DoubtfulFolder;
    pub use crate::listing::{Listing, UnreadableFolder, folders_in, images_in, others_in};
    pub use crate::photographs::{require_defects, require_good};
    pub use crate::unread::UnreadKind;
}
