//! Maps of labelled images against their masks, and pictures of them for the report.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context;
use differnet::{Detector, FeatureSource, Localization, LocalizeConfig};
use differnet_data::{DecodeLimits, Sample, decode_file, load_mask};
use differnet_eval::{EncodedImage, ImageFormat, PixelEvaluation, PixelMetrics, overlay};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};

use crate::data_args::files;
use crate::exit::Interrupted;
use crate::interrupt::Interrupt;
use crate::output::counted;
use crate::progress::Meter;

/// Longer side of the report's pictures, pixels.
const PICTURE: u32 = 320;
/// JPEG quality of the report's pictures.
const QUALITY: u8 = 80;

/// What the maps of a test set show.
#[derive(Debug, Default)]
pub(crate) struct MapFindings {
    /// Against the masks; `None` without any.
    pub(crate) metrics: Option<PixelMetrics>,
    /// What the metrics leave out, and why.
    pub(crate) notes: Vec<String>,
    /// Each image, and the same under its map.
    pub(crate) pictures: Vec<Pictures>,
}

/// Small pictures of one image.
#[derive(Debug)]
pub(crate) struct Pictures {
    pub(crate) image: EncodedImage,
    /// `None` where the method makes no maps.
    pub(crate) overlay: Option<EncodedImage>,
}

/// Localizes every image of `test` and compares the maps with the masks.
pub(crate) fn evaluate_maps(
    detector: &Detector,
    source: &FeatureSource,
    test: &[Sample],
    config: &LocalizeConfig,
    meter: &mut Meter,
    interrupt: &Interrupt,
) -> anyhow::Result<MapFindings> {
    let mut findings = MapFindings::default();
    let mut tally = Tally::default();
    let mut failure = None;
    let flow = detector.localize_files(source, &files(test), config, &mut |index, found| {
        let added = found.context("a test image changed while it was in use").and_then(|found| {
            tally.add(&test[index], &found, &source.limits)?;
            findings.pictures.push(pictures(&found, picture_top(detector, &found))?);
            Ok(())
        });
        if let Err(error) = added {
            failure = Some(error);
            return ControlFlow::Break(());
        }
        meter.show("Maps of test images", index + 1, test.len(), "");
        interrupt.flow()
    })?;
    meter.clear();
    if let Some(failure) = failure {
        return Err(failure);
    }
    if flow.is_break() {
        return Err(Interrupted("Stopped; the same command begins anew.".to_owned()).into());
    }
    tally.finish(&mut findings)?;
    Ok(findings)
}

/// The pixels seen so far, and the images that have none to compare with.
#[derive(Default)]
struct Tally {
    pixels: PixelEvaluation,
    masks: usize,
    without_mask: usize,
    empty_masks: usize,
    ignored_defects: usize,
    ignored_pixels: bool,
}

impl Tally {
    fn add(
        &mut self,
        sample: &Sample,
        found: &Localization,
        limits: &DecodeLimits,
    ) -> anyhow::Result<()> {
        let map = &found.map;
        let mask = match &sample.defect {
            None => vec![false; map.values().len()],
            Some(defect) => {
                let Some(path) = &defect.mask else {
                    self.without_mask += 1;
                    return Ok(());
                };
                let mask =
                    load_mask(path, found.image.dimensions(), limits).with_context(|| {
                        format!("cannot use the mask of {}", sample.image.display())
                    })?;
                if !mask.contains(&true) {
                    self.empty_masks += 1;
                    return Ok(());
                }
                if is_ignored(&mask, map.ignored()) {
                    self.ignored_defects += 1;
                    return Ok(());
                }
                self.masks += 1;
                mask
            }
        };
        match map.ignored() {
            None => self.pixels.add(map.values(), &mask, map.width())?,
            Some(ignored) => {
                self.ignored_pixels = true;
                self.pixels.add_without(map.values(), &mask, ignored, map.width())?;
            }
        }
        Ok(())
    }

    fn finish(self, findings: &mut MapFindings) -> anyhow::Result<()> {
        let notes = &mut findings.notes;
        if self.without_mask > 0 {
            let images = counted(self.without_mask, "image");
            notes
                .push(format!("{images} of defects without a mask: left out of the pixel metrics"));
        }
        if self.empty_masks > 0 {
            let images = counted(self.empty_masks, "image");
            notes.push(format!("{images} of defects with an all-black mask: left out"));
        }
        if self.ignored_defects > 0 {
            let images = counted(self.ignored_defects, "image");
            notes.push(format!("{images} whose defects the model ignores: left out"));
        }
        if self.ignored_pixels {
            notes.push("pixels that the model ignores are left out".to_owned());
        }
        if self.masks == 0 {
            notes.push("no masks, so there are no pixel metrics".to_owned());
        } else {
            findings.metrics = Some(self.pixels.metrics()?);
        }
        Ok(())
    }
}

/// Whether no pixel of the defect counts.
fn is_ignored(mask: &[bool], ignored: Option<&[bool]>) -> bool {
    let left =
        |ignored: &[bool]| mask.iter().zip(ignored).any(|(&defect, &ignored)| defect && !ignored);
    ignored.is_some_and(|ignored| !left(ignored))
}

/// The value at which a map's colours end: twice what good images reach, so that they stay dark.
pub(crate) fn picture_top(detector: &Detector, found: &Localization) -> f32 {
    let peak = found.map.peak().map_or(0.0, |peak| peak.value);
    peak.max((2.0 * detector.info().map_threshold) as f32).max(f32::MIN_POSITIVE)
}

/// The image, and the image as it was seen under its map, small.
pub(crate) fn pictures(found: &Localization, top: f32) -> anyhow::Result<Pictures> {
    let (width, height) = small_size(&found.image);
    let small = |image: &RgbImage| imageops::resize(image, width, height, FilterType::Triangle);
    let image = small(&found.image);
    let map = found.map.resized(width as usize, height as usize);
    let over = overlay(&small(&found.seen_image()), map.values(), top);
    Ok(Pictures { image: jpeg(&image)?, overlay: Some(jpeg(&over)?) })
}

/// The image in a file, small.
pub(crate) fn thumbnail(path: &Path, limits: &DecodeLimits) -> anyhow::Result<EncodedImage> {
    let image = decode_file(path, limits)?;
    let (width, height) = small_size(&image);
    jpeg(&imageops::resize(&image, width, height, FilterType::Triangle))
}

/// Pictures of all images for a method that makes no maps.
pub(crate) fn plain_pictures(
    files: &[PathBuf],
    limits: &DecodeLimits,
) -> anyhow::Result<Vec<Pictures>> {
    let picture = |path: &PathBuf| Ok(Pictures { image: thumbnail(path, limits)?, overlay: None });
    files.iter().map(picture).collect()
}

/// The size of an image's picture.
fn small_size(image: &RgbImage) -> (u32, u32) {
    let (width, height) = image.dimensions();
    let share = (f64::from(PICTURE) / f64::from(width.max(height))).min(1.0);
    let scaled = |side: u32| ((f64::from(side) * share).round() as u32).max(1);
    (scaled(width), scaled(height))
}

fn jpeg(image: &RgbImage) -> anyhow::Result<EncodedImage> {
    let mut bytes = Vec::new();
    image
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))
        .context("cannot encode a picture")?;
    let (width, height) = image.dimensions();
    Ok(EncodedImage { format: ImageFormat::Jpeg, bytes, width, height })
}
