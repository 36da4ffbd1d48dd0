//! Decoding and resizing against PIL (Section 4.2: 448 × 448 pixels).

use std::path::Path;

use anyhow::{Context, ensure};
use differnet_data::{DecodeLimits, ImageInput, RgbImage, Transform};
use differnet_features::IMAGE_SIZE;

use crate::check::{Check, Measure};

/// Grey levels that a resized pixel may be off: fixed-point weights round differently by one.
const LEVELS: u8 = 1;
/// Share of the pixels that may be off by more.
const SHARE_OFF: f64 = 1e-3;

/// An image of the reference.
#[derive(Debug)]
pub(super) struct GoldenImage {
    /// Its file name.
    pub(super) name: String,
    /// The original, decoded and resized by this project.
    resized: RgbImage,
    /// The original, decoded and resized by PIL.
    golden: RgbImage,
}

/// Every image of the reference, by name.
#[derive(Debug)]
pub(super) struct GoldenImages(Vec<GoldenImage>);

impl GoldenImages {
    /// Loads the images `names` and their resized counterparts from `folder`.
    pub(super) fn load(folder: &Path, names: &[String]) -> anyhow::Result<Self> {
        ensure!(!names.is_empty(), "features.safetensors has no tensor `features/NAME`");
        let limits = DecodeLimits::default();
        let size = u32::try_from(IMAGE_SIZE).expect("448 fits");
        let images = names.iter().map(|name| {
            let path = folder.join(name);
            let read = ImageInput::File(&path).read(&limits)?;
            let resized = read.decode(&path, &limits)?.resized(size, size);
            let golden = folder.join(format!("resized448_{name}"));
            let golden_image = limits.decode_file(&golden)?;
            let (width, height) = golden_image.dimensions();
            let path = golden.display();
            ensure!(
                (width, height) == (size, size),
                "{path} has {width} × {height} pixels, expected {size} × {size}"
            );
            Ok(GoldenImage { name: name.clone(), resized, golden: golden_image })
        });
        Ok(Self(images.collect::<anyhow::Result<_>>()?))
    }

    /// The images, sorted by name.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, GoldenImage> {
        self.0.iter()
    }

    /// The image `name`.
    pub(super) fn get(&self, name: &str) -> anyhow::Result<&GoldenImage> {
        let found = self.iter().find(|image| image.name == name);
        found.with_context(|| format!("features.safetensors has no `features/{name}`"))
    }

    /// One check an image.
    pub(super) fn checks(&self) -> Vec<Check> {
        self.iter().map(GoldenImage::check).collect()
    }
}

impl GoldenImage {
    /// The image under `transform`, made by this project from the original file.
    pub(super) fn view(&self, transform: &Transform) -> RgbImage {
        transform.apply(&self.resized)
    }

    fn check(&self) -> Check {
        let pixels = self.resized.pixels().zip(self.golden.pixels());
        let differences: Vec<u8> = pixels
            .map(|(found, golden)| {
                let channels = found.0.iter().zip(golden.0);
                channels.map(|(found, golden)| found.abs_diff(golden)).fold(0, u8::max)
            })
            .collect();
        let off = differences.iter().filter(|&&difference| difference > LEVELS).count();
        let share = off as f64 / differences.len() as f64;
        let equal = differences.iter().filter(|&&difference| difference == 0).count();
        let largest = differences.iter().copied().fold(0, u8::max);
        Check {
            subject: format!("resized/{}", self.name),
            measure: Measure::ShareOff,
            deviation: share,
            tolerance: SHARE_OFF,
            note: format!(
                "largest difference {largest} levels; {:.3} % of pixels within {LEVELS}, {:.3} % equal",
                100.0 * (1.0 - share),
                100.0 * equal as f64 / differences.len() as f64
            ),
        }
    }
}
