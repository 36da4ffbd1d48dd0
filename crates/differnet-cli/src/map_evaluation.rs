//! Maps of labelled images against their masks, and pictures of them for the report.

use std::path::{Path, PathBuf};

use anyhow::Context;
use differnet::scoring::AnomalyMap;
use differnet::{Localization, LocalizeConfig, Model};
use differnet_data::{BadMask, DecodeLimits, ImageError, Sample, decode_file};
use differnet_eval::{PixelEvaluation, PixelMetrics};
use differnet_report::{EncodedImage, overlay, small_picture};

use crate::interrupt::Interrupt;
use crate::output::counted;
use crate::progress::Meter;

/// Files that a sentence names before it counts the others.
const NAMED: usize = 3;

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

/// Localizes every image of `test` and compares the maps with the masks, except with `bad` ones.
pub(crate) fn evaluate_maps(
    model: &Model,
    test: &[Sample],
    bad: &[BadMask],
    config: LocalizeConfig,
    meter: &Meter,
    interrupt: &Interrupt,
) -> anyhow::Result<MapFindings> {
    let mut findings = MapFindings::default();
    let mut tally = Tally::default();
    let maps = model.maps_with(test.iter().map(|sample| &sample.image), config);
    for (done, (sample, found)) in (1..).zip(test.iter().zip(maps)) {
        let found = found.context("a test image changed while it was in use")?;
        tally.add(sample, bad, &found, &model.runtime().limits)?;
        findings.pictures.push(pictures(&found, found.color_top(model.header(), config.kind)));
        meter.show("Maps of test images", done, test.len(), "");
        interrupt.check(|| "Stopped; the same command begins anew.".to_owned())?;
    }
    meter.clear();
    tally.finish(&mut findings);
    Ok(findings)
}

/// The pixels seen so far, and the images that have none to compare with.
#[derive(Default)]
struct Tally {
    pixels: PixelEvaluation,
    defects: usize,
    masks: usize,
    without_mask: Vec<String>,
    empty_masks: Vec<String>,
    bad_masks: Vec<String>,
    ignored_defects: Vec<String>,
    ignored_pixels: bool,
}

impl Tally {
    fn add(
        &mut self,
        sample: &Sample,
        bad: &[BadMask],
        found: &Localization,
        limits: &DecodeLimits,
    ) -> anyhow::Result<()> {
        let map = &found.map;
        let Some(defect) = &sample.defect else {
            return self.add_pixels(map, &vec![false; map.values().len()]);
        };
        self.defects += 1;
        let name = |path: &Path| path.display().to_string();
        let Some(drawn) = &defect.mask else {
            self.without_mask.push(name(&sample.image));
            return Ok(());
        };
        let path = drawn.path();
        if bad.iter().any(|bad| bad.path == path) {
            self.bad_masks.push(name(path));
            return Ok(());
        }
        let mask = drawn
            .load(found.image.dimensions(), limits)
            .with_context(|| format!("cannot use the mask of {}", sample.image.display()))?;
        if !mask.contains(&true) {
            self.empty_masks.push(name(path));
            return Ok(());
        }
        if is_ignored(&mask, map.ignored()) {
            self.ignored_defects.push(name(&sample.image));
            return Ok(());
        }
        self.masks += 1;
        self.add_pixels(map, &mask)
    }

    /// Counts the pixels that the model does not ignore.
    fn add_pixels(&mut self, map: &AnomalyMap, mask: &[bool]) -> anyhow::Result<()> {
        match map.ignored() {
            None => self.pixels.add(map.values(), mask, map.width())?,
            Some(ignored) => {
                self.ignored_pixels = true;
                self.pixels.add_without(map.values(), mask, ignored, map.width())?;
            }
        }
        Ok(())
    }

    fn finish(self, findings: &mut MapFindings) {
        let notes = &mut findings.notes;
        let mut left_out = |files: &[String], what: &str| {
            if !files.is_empty() {
                let images = counted(files.len(), "image");
                let files = listed(files);
                notes.push(format!(
                    "{images} of defects {what}, left out of the pixel metrics: {files}"
                ));
            }
        };
        left_out(&self.bad_masks, "with a mask that cannot be used");
        left_out(&self.empty_masks, "with an all-black mask");
        left_out(&self.ignored_defects, "that the model ignores");
        if self.masks > 0 {
            left_out(&self.without_mask, "without a mask");
            if self.ignored_pixels {
                notes.push("pixels that the model ignores are left out".to_owned());
            }
            match self.pixels.metrics() {
                Ok(metrics) => findings.metrics = Some(metrics),
                Err(error) => notes.push(format!("no pixel metrics: {error}")),
            }
        } else if self.defects == 0 {
            notes.push("no images of defects, so there are no pixel metrics".to_owned());
        } else {
            notes.push(format!(
                "no masks that could be used for {} of defects, so there are no pixel metrics",
                counted(self.defects, "image")
            ));
        }
    }
}

/// Whether no pixel of the defect counts.
fn is_ignored(mask: &[bool], ignored: Option<&[bool]>) -> bool {
    let left =
        |ignored: &[bool]| mask.iter().zip(ignored).any(|(&defect, &ignored)| defect && !ignored);
    ignored.is_some_and(|ignored| !left(ignored))
}

/// The first few names, and how many more there are.
fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let named = names[..names.len() - more].join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

/// The image, and the image as it was seen under its map, small; the map's colours end at `top`.
pub(crate) fn pictures(found: &Localization, top: f32) -> Pictures {
    let seen = small_picture(&found.seen_image());
    let map = found.map.resized(seen.width() as usize, seen.height() as usize);
    let over = overlay(&seen, map.values(), top);
    Pictures { image: EncodedImage::small(&found.image), overlay: Some(EncodedImage::small(&over)) }
}

/// The image in a file, small.
pub(crate) fn thumbnail(path: &Path, limits: &DecodeLimits) -> Result<EncodedImage, ImageError> {
    Ok(EncodedImage::small(&decode_file(path, limits)?))
}

/// Pictures of all images for a method that makes no maps.
pub(crate) fn plain_pictures(
    files: &[PathBuf],
    limits: &DecodeLimits,
) -> Result<Vec<Pictures>, ImageError> {
    let picture = |path: &PathBuf| Ok(Pictures { image: thumbnail(path, limits)?, overlay: None });
    files.iter().map(picture).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_of_names_are_counted() {
        let names = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(listed(&names(3)), "0, 1, 2");
        assert_eq!(listed(&names(5)), "0, 1, 2 and 2 more");
    }
}
