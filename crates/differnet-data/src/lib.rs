//! Inspection data sets: layouts, decoding, PIL-exact resizing and transforms.
//!
//! Paths go in, pixels come out: nothing here knows of tensors or models.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod appearance;
mod audit;
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
mod jpeg_stream;
mod layouts;
mod listing;
mod load;
mod lone_masks;
mod mask;
mod mask_pixels;
mod masked_input;
mod oddity;
mod output_mark;
mod perceptual_hash;
mod picture;
mod regions;
mod regions_error;
mod resize;
mod robust_spread;
mod rotate;
mod sample_depth;
mod subset;
#[cfg(test)]
mod test_tree;
mod thumbnail;
mod tiff_file;
mod transform;
mod unread;

pub use audit::{Audit, AuditImage, audit_images};
pub use augment::{
    Purpose, Rotation, TransformConfig, fixed_transforms, random_transforms, spread_order,
};
pub use causes::with_causes;
pub use color_mode::ColorMode;
pub use compression::{Compression, CompressionSummary};
pub use content_hash::ContentHash;
pub use copies::{Copies, Leak, Likeness, Split};
pub use dataset::{Dataset, Defect, Sample, load_dataset};
pub use dataset_error::DatasetError;
pub use decode::{
    DecodeLimits, decode_bytes, decode_file, decode_picture, has_deep_samples, image_size,
    read_file, size_of_bytes,
};
pub use file_format::FileFormat;
pub use folder_counts::{FolderCount, FolderUse, folder_counts};
pub use folder_doubts::{DoubtfulFolder, FolderDoubt, doubtful_defects, doubtful_folders};
pub use image::RgbImage;
pub use image_error::{Content, ImageError};
pub use image_input::{ImageInput, ReadImage};
pub use input_statistics::InputStatistics;
pub use inspection::{Inspection, NearCopies, inspect_images};
pub use layouts::masked::{MaskedImage, MaskedImages};
pub use layouts::mtd::{TileClass, mtd_classes, mtd_tiles};
pub use layouts::mvtec::{mvtec_categories, mvtec_test_images};
pub use layouts::train_list::{ListedName, read_train_list};
pub use layouts::{Layout, detect_layout};
pub use listing::{
    Listing, UnreadableFolder, find_images, folders_in, images_in, list_images, others_in,
};
pub use load::{BadImage, LoadedImage, check_images, file_depths, load_image};
pub use lone_masks::lone_masks;
pub use mask::{BadMask, Mask, MaskError, check_masks};
pub use masked_input::{MaskedInput, Preprocessing};
pub use oddity::Oddity;
pub use output_mark::{is_output, is_output_file, mark_output, without_outputs};
pub use perceptual_hash::{HashedImage, KnownHashes, PerceptualHash, hash_perceptually};
pub use picture::{Picture, Storage};
pub use regions::area::Area;
pub use regions::{NEUTRAL, Regions, paint_neutral};
pub use regions_error::RegionsError;
pub use resize::resize_bilinear;
pub use robust_spread::RobustSpread;
pub use sample_depth::{FileDepth, common_depth};
pub use subset::random_subset;
pub use transform::{Transform, apply};
pub use unread::{UnreadKind, unread_kinds};
