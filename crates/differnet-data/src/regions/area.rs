//! A part of an image, drawn in a file: a mask image or polygons.

use std::fmt;
use std::path::Path;

use image::DynamicImage;
use serde::{Deserialize, Serialize};

use super::binary_mask::BinaryMask;
use super::polygons::Polygons;
use crate::decode::{DecodeLimits, decode_samples};
use crate::regions_error::RegionsError;

/// A part of an image: where a mask is white, or inside polygons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// The file it was drawn in, without its folder.
    name: String,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Shape {
    Mask(BinaryMask),
    Polygons(Polygons),
}

impl Area {
    /// The area in the file `path`: polygons if its name ends in `.toml`, else a mask image.
    ///
    /// # Errors
    /// [`RegionsError`] names the file and what is wrong with it.
    pub fn load(path: &Path, limits: &DecodeLimits) -> Result<Self, RegionsError> {
        let bytes = limits.read_file(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let area = if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml")) {
            Self::from_toml(&name, &bytes)
        } else {
            Self::from_mask(&name, &decode_samples(&bytes, path, limits)?)
        };
        let path = path.to_path_buf();
        area.map_err(|source| RegionsError::Area { path, source: Box::new(source) })
    }

    /// The area where `mask` is white, as [`Mask::half_white`](crate::Mask::half_white) has it; it is
    /// for images of its aspect ratio.
    ///
    /// - `name`: what messages call it
    ///
    /// # Errors
    /// [`RegionsError::ManyChanges`] of a mask of noise, [`RegionsError::OneColor`] of one without two
    /// parts.
    pub(crate) fn from_mask(name: &str, mask: &DynamicImage) -> Result<Self, RegionsError> {
        Ok(Self { name: name.to_owned(), shape: Shape::Mask(BinaryMask::new(mask)?) })
    }

    /// The area inside the polygons of a TOML text in UTF-8; it is for images of any size.
    ///
    /// Each is `[[polygon]]` with `points = [[x, y], ...]`, fractions of the image's width and
    /// height from its top left corner. A pixel belongs to a polygon if its centre is inside by
    /// the even-odd rule, and to the area if it belongs to at least one polygon.
    /// - `name`: what messages call it
    ///
    /// # Errors
    /// [`RegionsError`] names the polygon at fault.
    pub fn from_toml(name: &str, text: &[u8]) -> Result<Self, RegionsError> {
        Ok(Self { name: name.to_owned(), shape: Shape::Polygons(Polygons::from_toml(text)?) })
    }

    /// Name in messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Width and height of a mask image.
    pub(super) fn mask_size(&self) -> Option<(u32, u32)> {
        match &self.shape {
            Shape::Mask(mask) => Some(mask.size()),
            Shape::Polygons(_) => None,
        }
    }

    /// Pixels of an image of this size that belong to the area, as flags row by row.
    pub(super) fn at_size(&self, width: u32, height: u32) -> Result<Vec<bool>, RegionsError> {
        match &self.shape {
            Shape::Polygons(polygons) => Ok(polygons.at_size(width, height)),
            Shape::Mask(mask) => mask.at_size(width, height).ok_or_else(|| RegionsError::Size {
                name: self.name.clone(),
                mask: mask.size(),
                image: (width, height),
            }),
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.shape {
            Shape::Mask(mask) => {
                let (width, height) = mask.size();
                write!(formatter, "the mask {name} ({width}×{height} pixels)")
            }
            Shape::Polygons(polygons) if polygons.count() == 1 => {
                write!(formatter, "the polygon of {name}")
            }
            Shape::Polygons(polygons) => {
                write!(formatter, "the {} polygons of {name}", polygons.count())
            }
        }
    }
}
