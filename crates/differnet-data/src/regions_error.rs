//! Errors of regions, each with its remedy.

use std::path::PathBuf;

use crate::image_error::ImageError;

/// Error that makes regions unusable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegionsError {
    /// A file cannot be read, or is no usable mask image.
    #[error(transparent)]
    File(#[from] ImageError),
    /// A file holds no usable region.
    #[error("cannot use the regions in {}", path.display())]
    Area {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: Box<Self>,
    },
    /// A text that does not describe polygons.
    #[error("its TOML does not describe polygons")]
    Toml {
        /// Error of the TOML parser.
        source: Box<toml::de::Error>,
    },
    /// A text without polygons.
    #[error("it has no polygon: write [[polygon]] and below it points = [[x, y], ...]")]
    NoPolygon,
    /// A polygon that encloses nothing.
    #[error("polygon {polygon} has {points} points: at least 3 are needed")]
    FewPoints {
        /// The polygon, counted from 1.
        polygon: usize,
        /// Its points.
        points: usize,
    },
    /// A point beyond the image, perhaps in pixels.
    #[error(
        "point {point} of polygon {polygon} is ({x}, {y}): give fractions of the image's width and \
         height, from 0 to 1"
    )]
    PointOutside {
        /// The polygon, counted from 1.
        polygon: usize,
        /// Its point, counted from 1.
        point: usize,
        /// Fraction of the width.
        x: f64,
        /// Fraction of the height.
        y: f64,
    },
    /// More points than anyone draws.
    #[error("its polygons have {points} points, the limit is {limit}: draw a mask image instead")]
    ManyPoints {
        /// Points of all polygons.
        points: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A mask of noise rather than of plain areas.
    #[error(
        "it changes between black and white {changes} times, the limit is {limit}: draw plain areas"
    )]
    ManyChanges {
        /// Changes along the rows.
        changes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A mask that marks everything or nothing.
    #[error("it is {color} all over: draw what is meant in white on black")]
    OneColor {
        /// White or black.
        color: &'static str,
    },
    /// A stored mask that is damaged.
    #[error("a mask of {width}×{height} pixels has runs that do not fill it")]
    Runs {
        /// Width of the mask, pixels.
        width: u32,
        /// Height of the mask, pixels.
        height: u32,
    },
    /// A mask of another shape than the image.
    #[error(
        "the mask {name} has {}×{} pixels, the image {}×{}: draw the mask at the image's size, or \
         smaller or larger with the same aspect ratio", mask.0, mask.1, image.0, image.1
    )]
    Size {
        /// The mask's file.
        name: String,
        /// Width and height of the mask, pixels.
        mask: (u32, u32),
        /// Width and height of the image, pixels.
        image: (u32, u32),
    },
    /// Two masks that fit no image together.
    #[error(
        "the mask {roi} has {}×{} pixels, the mask {ignore} {}×{}: draw both at the images' size",
        roi_size.0, roi_size.1, ignore_size.0, ignore_size.1
    )]
    MasksDiffer {
        /// File of the region of interest.
        roi: String,
        /// Its width and height, pixels.
        roi_size: (u32, u32),
        /// File of the ignored region.
        ignore: String,
        /// Its width and height, pixels.
        ignore_size: (u32, u32),
    },
    /// No pixel is left.
    #[error(
        "the regions leave nothing of the image, every pixel would be ignored: in a mask, white is \
         what --roi keeps and what --ignore removes"
    )]
    NothingLeft,
}
