//! Regions of an image: a region of interest to keep, a region to ignore.

pub(crate) mod area;
mod binary_mask;
mod polygons;

use std::fmt;

use image::{Rgb, RgbImage};
use serde::{Deserialize, Serialize};

use area::Area;
use binary_mask::same_shape;

use crate::regions_error::RegionsError;
use crate::resize::DeepImage;

/// The colour in which ignored pixels are seen: ImageNet's mean (torchvision), rounded, which the
/// network takes for zero.
pub(crate) const NEUTRAL: [u8; 3] = [124, 116, 104];

/// The size at which polygons are looked at where no image is at hand, pixels.
const GRID: (u32, u32) = (1000, 1000);

/// Region of interest and ignored region; what is inside the one and outside the other counts.
///
/// Serialised, it is independent of the images' size and of the files it was read from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Regions {
    #[serde(skip_serializing_if = "Option::is_none")]
    roi: Option<Area>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore: Option<Area>,
}

/// Regions as they are stored, before it is known whether they leave anything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    #[serde(default)]
    roi: Option<Area>,
    #[serde(default)]
    ignore: Option<Area>,
}

impl TryFrom<Unchecked> for Regions {
    type Error = RegionsError;

    fn try_from(Unchecked { roi, ignore }: Unchecked) -> Result<Self, RegionsError> {
        Self::new(roi, ignore)
    }
}

impl Regions {
    /// The regions in which pixels count that are in `roi` and not in `ignore`; without a `roi` it
    /// is the whole image, without `ignore` nothing is ignored.
    ///
    /// # Errors
    /// [`RegionsError::NothingLeft`], or [`RegionsError::MasksDiffer`] of two masks that cannot
    /// both fit an image.
    pub fn new(roi: Option<Area>, ignore: Option<Area>) -> Result<Self, RegionsError> {
        if let (Some(roi), Some(ignore)) = (&roi, &ignore)
            && let (Some(roi_size), Some(ignore_size)) = (roi.mask_size(), ignore.mask_size())
            && !same_shape(roi_size, ignore_size)
        {
            let (roi, ignore) = (roi.name().to_owned(), ignore.name().to_owned());
            return Err(RegionsError::MasksDiffer { roi, roi_size, ignore, ignore_size });
        }
        let regions = Self { roi, ignore };
        let (width, height) = regions.grid();
        regions.ignored(width, height)?;
        Ok(regions)
    }

    /// Ignored pixels of an image of this size, as flags row by row; `None` if all count.
    ///
    /// # Errors
    /// [`RegionsError::Size`] if a mask has another aspect ratio, [`RegionsError::NothingLeft`] if
    /// every pixel is ignored.
    pub fn ignored(&self, width: u32, height: u32) -> Result<Option<Vec<bool>>, RegionsError> {
        let mut ignored = match &self.roi {
            None => vec![false; width as usize * height as usize],
            Some(roi) => roi.at_size(width, height)?.into_iter().map(|inside| !inside).collect(),
        };
        if let Some(ignore) = &self.ignore {
            let inside = ignore.at_size(width, height)?;
            ignored.iter_mut().zip(inside).for_each(|(ignored, inside)| *ignored |= inside);
        }
        if !ignored.contains(&false) {
            return Err(RegionsError::NothingLeft);
        }
        Ok(ignored.contains(&true).then_some(ignored))
    }

    /// [Paints](Self::paint) the ignored pixels of `image`; says which they are as
    /// [`Self::ignored`] does.
    ///
    /// # Errors
    /// As [`Self::ignored`].
    pub fn apply(&self, image: &mut RgbImage) -> Result<Option<Vec<bool>>, RegionsError> {
        let ignored = self.ignored(image.width(), image.height())?;
        if let Some(ignored) = &ignored {
            Regions::paint(image, ignored);
        }
        Ok(ignored)
    }

    /// Paints the `ignored` pixels of `image`, row by row, in the grey that the network takes for zero.
    ///
    /// # Panics
    /// If `ignored` has not one value for each pixel.
    pub fn paint(image: &mut RgbImage, ignored: &[bool]) {
        let (width, height) = image.dimensions();
        assert_eq!(ignored.len(), width as usize * height as usize, "a value for each pixel");
        let hidden = image.pixels_mut().zip(ignored).filter(|(_, ignored)| **ignored);
        hidden.for_each(|(pixel, _)| *pixel = Rgb(NEUTRAL));
    }

    /// Share of the image that is ignored; in [0, 1).
    pub fn ignored_share(&self) -> f64 {
        let (width, height) = self.grid();
        let ignored = self.ignored(width, height).expect("checked when the regions were made");
        ignored.map_or(0.0, |ignored| {
            ignored.iter().filter(|&&ignored| ignored).count() as f64 / ignored.len() as f64
        })
    }

    /// Returns a reason why the regions may not be as meant: they leave little of the image, or nearly all.
    pub fn doubt(&self) -> Option<String> {
        let ignored = self.ignored_share();
        let what = match ignored {
            0.9.. => "hardly anything of the image counts",
            ..0.01 => "hardly anything of the image is ignored",
            _ => return None,
        };
        Some(format!(
            "{what} ({:.1} % ignored): is a mask inverted? White is what --roi keeps and what --ignore \
             removes",
            100.0 * ignored
        ))
    }

    /// Width and height of an image that the regions fit, its longer side `side` pixels.
    pub fn example_size(&self, side: u32) -> (u32, u32) {
        let (width, height) = self.grid();
        let longer = u64::from(width.max(height));
        let scaled = |length: u32| {
            let scaled = (u64::from(length) * u64::from(side) + longer / 2) / longer;
            u32::try_from(scaled.max(1)).expect("no longer than the side")
        };
        (scaled(width), scaled(height))
    }

    /// The size of the larger mask, at which neither loses anything, or [`GRID`].
    fn grid(&self) -> (u32, u32) {
        let masks = [&self.roi, &self.ignore].into_iter().flatten().filter_map(Area::mask_size);
        masks.max_by_key(|&(width, height)| u64::from(width) * u64::from(height)).unwrap_or(GRID)
    }
}

/// As [`Regions::paint`], for samples of 16 bits.
pub(crate) fn paint_neutral_deep(image: &mut DeepImage, ignored: &[bool]) {
    let hidden = image.pixels_mut().zip(ignored).filter(|(_, ignored)| **ignored);
    hidden.for_each(|(pixel, _)| *pixel = Rgb(NEUTRAL.map(|level| u16::from(level) * 257)));
}

/// Writes what counts, and how much does not.
impl fmt::Display for Regions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(roi) = &self.roi {
            write!(formatter, "inside {roi}, ")?;
        }
        if let Some(ignore) = &self.ignore {
            write!(formatter, "outside {ignore}, ")?;
        }
        write!(formatter, "{:.1} % of the image ignored", 100.0 * self.ignored_share())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::DecodeLimits;
    use crate::test_tree::tree;

    /// A mask drawn with `#`, named `mask.png`.
    fn mask(rows: &[&str]) -> Area {
        let image = RgbImage::from_fn(rows[0].len() as u32, rows.len() as u32, |x, y| {
            let white = rows[y as usize].as_bytes()[x as usize] == b'#';
            Rgb([if white { 255 } else { 0 }; 3])
        });
        Area::from_mask("mask.png", &image.into()).unwrap()
    }

    fn left_half() -> Area {
        let text = b"[[polygon]]\npoints = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]";
        Area::from_toml("half.toml", text).unwrap()
    }

    #[test]
    fn pixels_count_inside_the_roi_and_outside_the_ignored_region() {
        let top = || mask(&["##", ".."]);
        let ignored = |roi, ignore| Regions::new(roi, ignore).unwrap().ignored(2, 2).unwrap();
        assert_eq!(ignored(Some(top()), None), Some(vec![false, false, true, true]));
        assert_eq!(ignored(None, Some(top())), Some(vec![true, true, false, false]));
        let both = ignored(Some(top()), Some(left_half()));
        assert_eq!(both, Some(vec![true, false, true, true]));
        assert_eq!(ignored(None, None), None);
    }

    #[test]
    fn ignored_pixels_become_neutral_and_others_stay() {
        let mut image = RgbImage::from_fn(4, 1, |x, _| Rgb([x as u8; 3]));
        let ignored = Regions::new(None, Some(left_half())).unwrap().apply(&mut image).unwrap();
        assert_eq!(ignored, Some(vec![true, true, false, false]));
        let found: Vec<[u8; 3]> = image.pixels().map(|pixel| pixel.0).collect();
        assert_eq!(found, [NEUTRAL, NEUTRAL, [2; 3], [3; 3]]);
    }

    #[test]
    fn neutral_is_the_mean_that_the_network_subtracts() {
        let mean = [0.485, 0.456, 0.406].map(|mean| (mean * 255.0_f64).round() as u8);
        assert_eq!(NEUTRAL, mean);
    }

    #[test]
    fn regions_that_leave_nothing_or_fit_nothing_are_refused() {
        let message = |roi, ignore| Regions::new(roi, ignore).unwrap_err().to_string();
        let nothing = "leave nothing of the image";
        let whole =
            || Area::from_toml("w", b"[[polygon]]\npoints = [[0, 0], [1, 0], [1, 1], [0, 1]]");
        assert!(message(None, Some(whole().unwrap())).contains(nothing));
        assert!(message(Some(left_half()), Some(left_half())).contains(nothing));
        let line = Area::from_toml("l", b"[[polygon]]\npoints = [[0, 0], [1, 1], [0, 0]]").unwrap();
        assert!(message(Some(line), None).contains(nothing));
        let differ = message(Some(mask(&["#..."])), Some(mask(&["#.", ".."])));
        assert!(differ.contains("has 4×1 pixels, the mask mask.png 2×2"), "{differ}");
        let regions = Regions::new(Some(mask(&["#..."])), None).unwrap();
        let size = regions.ignored(5, 5).unwrap_err().to_string();
        assert!(size.contains("mask.png has 4×1 pixels, the image 5×5"), "{size}");
        // One pixel is left of the mask, and none of so small an image.
        let corner = Regions::new(Some(mask(&["#...", "....", "....", "...."])), None).unwrap();
        assert!(matches!(corner.ignored(2, 2), Err(RegionsError::NothingLeft)));
    }

    #[test]
    fn regions_survive_storing_and_are_checked_again() {
        let regions = Regions::new(Some(mask(&["#.", "##"])), Some(left_half())).unwrap();
        let text = toml::to_string(&regions).unwrap();
        assert_eq!(toml::from_str::<Regions>(&text).unwrap(), regions);
        assert_eq!(toml::from_str::<Regions>("").unwrap(), Regions::new(None, None).unwrap());
        // The run of white pixels becomes one of black ones.
        let empty = text.replace("[0, 1, 1, 2]", "[4]");
        assert_ne!(empty, text);
        let error = toml::from_str::<Regions>(&empty).unwrap_err().to_string();
        assert!(error.contains("leave nothing"), "{error}");
        let few = text.replace("[0.0, 1.0]", "[0.0, 7.0]");
        assert!(toml::from_str::<Regions>(&few).unwrap_err().to_string().contains("point 4"));
    }

    #[test]
    fn regions_say_what_they_are() {
        let regions = Regions::new(Some(mask(&["#.", "##"])), Some(left_half())).unwrap();
        let golden = "inside the mask mask.png (2×2 pixels), outside the polygon of half.toml, \
                      75.0 % of the image ignored";
        assert_eq!(regions.to_string(), golden);
        assert_eq!(Regions::new(None, None).unwrap().to_string(), "0.0 % of the image ignored");
    }

    #[test]
    fn files_are_masks_or_polygons_and_errors_name_them() {
        let root = tree(&["text.png", "broken.TOML"]);
        let path = |name: &str| root.path().join(name);
        RgbImage::from_pixel(3, 3, Rgb([200; 3])).save(path("white.png")).unwrap();
        let dot = |x, y| Rgb([u8::from((x, y) == (1, 1)); 3]);
        RgbImage::from_fn(3, 3, dot).save(path("dot.png")).unwrap();
        std::fs::write(path("half.Toml"), "[[polygon]]\npoints = [[0, 0], [1, 0], [0, 1]]")
            .unwrap();
        let load = |name: &str| Area::load(&path(name), &DecodeLimits::default());
        let dot = load("dot.png").unwrap();
        assert_eq!(dot.to_string(), "the mask dot.png (3×3 pixels)");
        let share = Regions::new(Some(dot), None).unwrap().ignored_share();
        assert!((share - 8.0 / 9.0).abs() < 1e-9, "{share}");
        let white = load("white.png").unwrap_err();
        let causes = crate::causes::with_causes(&white);
        assert!(causes.contains("white.png") && causes.contains("white all over"), "{causes}");
        assert_eq!(load("half.Toml").unwrap().to_string(), "the polygon of half.Toml");
        for name in ["text.png", "broken.TOML", "absent.png", "absent.toml"] {
            let message = load(name).unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
    }
}
