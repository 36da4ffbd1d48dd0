//! Evaluation of a model on labelled samples: scores against labels, maps against masks.
//!
//! A caller pulls [`Model::scores`](crate::Model::scores) or [`Model::maps`](crate::Model::maps) and adds
//! what comes, image by image.

use std::path::Path;

use differnet_data::{BadMask, ContentHash, DecodeLimits, Sample};
use differnet_eval::PixelEvaluation;
use differnet_scoring::AnomalyMap;

pub use differnet_eval::{MetricError, Metrics, PixelMetrics, ScoredImage, TestSetMetrics};

use crate::error::Error;
use crate::localization::Localization;
use crate::score::ImageScore;

/// Files that a sentence names before it counts the others.
const NAMED: usize = 3;

/// Labels and scores of a test set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoredSamples {
    /// Labels and scores, in the order in which they were added.
    pub images: Vec<ScoredImage>,
    /// The images' contents, in the same order.
    pub hashes: Vec<ContentHash>,
    /// Transforms that were scored, of all images together.
    pub transforms: usize,
}

impl ScoredSamples {
    /// Adds the score of `sample`.
    pub fn add(&mut self, sample: &Sample, score: &ImageScore) {
        self.hashes.push(score.hash);
        self.transforms += score.transform_scores.len();
        self.images.push(ScoredImage {
            path: sample.image.display().to_string(),
            kind: sample.defect.as_ref().map(|defect| defect.kind.clone()),
            score: score.score,
            invalid: score.invalid.map(|invalid| invalid.to_string()),
        });
    }

    /// Transforms of an image on average; NaN if there are no images.
    pub fn mean_transforms(&self) -> f64 {
        self.transforms as f64 / self.images.len() as f64
    }

    /// Scores against labels, with verdicts at `threshold`; `seed` starts the bootstrap.
    ///
    /// # Errors
    /// [`Error::Metric`] if a score or the threshold is NaN.
    pub fn metrics(&self, threshold: f64, seed: u64) -> Result<TestSetMetrics, Error> {
        Ok(TestSetMetrics::of(&self.images, threshold, seed)?)
    }
}

/// Maps of a test set against its masks, one image at a time.
#[derive(Debug, Clone, Default)]
pub struct MaskComparison {
    pixels: PixelEvaluation,
    defects: usize,
    masks: usize,
    without_mask: Vec<String>,
    empty_masks: Vec<String>,
    bad_masks: Vec<String>,
    ignored_defects: Vec<String>,
    ignored_pixels: bool,
}

impl MaskComparison {
    /// Compares the map of `sample` with its mask, unless that is one of the `bad` ones.
    ///
    /// # Errors
    /// [`Error::Mask`] if another mask cannot be used, [`Error::Metric`] if the map has values that cannot be
    /// ranked.
    pub fn add(
        &mut self,
        sample: &Sample,
        bad: &[BadMask],
        found: &Localization,
        limits: &DecodeLimits,
    ) -> Result<(), Error> {
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
            .map_err(|source| Error::Mask { image: sample.image.clone(), source })?;
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
    fn add_pixels(&mut self, map: &AnomalyMap, mask: &[bool]) -> Result<(), Error> {
        match map.ignored() {
            None => self.pixels.add(map.values(), mask, map.width())?,
            Some(ignored) => {
                self.ignored_pixels = true;
                self.pixels.add_without(map.values(), mask, ignored, map.width())?;
            }
        }
        Ok(())
    }

    /// The pixel metrics; `None` if there are no masks to compare with, or no good pixels.
    pub fn metrics(&self) -> Option<PixelMetrics> {
        self.computed().and_then(Result::ok)
    }

    /// The pixel metrics or why they have no value; `None` without masks.
    fn computed(&self) -> Option<Result<PixelMetrics, MetricError>> {
        (self.masks > 0).then(|| self.pixels.metrics())
    }

    /// A sentence for each thing that the pixel metrics leave out.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut left_out = |files: &[String], what: &str| {
            if !files.is_empty() {
                let images = counted(files.len());
                let files = listed(files);
                notes.push(format!(
                    "{images} of defects {what}, left out of the pixel metrics: {files}"
                ));
            }
        };
        left_out(&self.bad_masks, "with a mask that cannot be used");
        left_out(&self.empty_masks, "with an all-black mask");
        left_out(&self.ignored_defects, "that the model ignores");
        match self.computed() {
            Some(metrics) => {
                left_out(&self.without_mask, "without a mask");
                if self.ignored_pixels {
                    notes.push("pixels that the model ignores are left out".to_owned());
                }
                notes.extend(metrics.err().map(|error| format!("no pixel metrics: {error}")));
            }
            None if self.defects == 0 => {
                notes.push("no images of defects, so there are no pixel metrics".to_owned());
            }
            None => notes.push(format!(
                "no masks that could be used for {} of defects, so there are no pixel metrics",
                counted(self.defects)
            )),
        }
        notes
    }
}

/// Tells whether no pixel of the defect counts.
fn is_ignored(mask: &[bool], ignored: Option<&[bool]>) -> bool {
    let left =
        |ignored: &[bool]| mask.iter().zip(ignored).any(|(&defect, &ignored)| defect && !ignored);
    ignored.is_some_and(|ignored| !left(ignored))
}

/// `1 image`, `2 images`.
pub(crate) fn counted(images: usize) -> String {
    if images == 1 { "1 image".to_owned() } else { format!("{images} images") }
}

/// The first few names, and how many more there are.
fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let named = names[..names.len() - more].join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use differnet_data::{Defect, InputStatistics, Mask, RgbImage};
    use differnet_scoring::Verdict;

    use super::*;

    const SIZE: (u32, u32) = (8, 4);

    fn score(transforms: usize, score: f64) -> ImageScore {
        ImageScore {
            hash: ContentHash::of(&score.to_le_bytes()),
            score,
            verdict: Verdict::Ok,
            invalid: None,
            statistics: InputStatistics::default(),
            transform_scores: vec![score; transforms],
            peak: None,
            mean_features: Vec::new(),
        }
    }

    /// A map that rises from left to right, of which some columns are ignored.
    fn found(ignored: std::ops::Range<usize>) -> Localization {
        let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
        let columns = || (0..width * height).map(|pixel| pixel % width);
        let map = AnomalyMap::new(width, columns().map(|column| column as f32).collect());
        let map = if ignored.is_empty() {
            map
        } else {
            map.without(columns().map(|column| ignored.contains(&column)).collect())
        };
        Localization { image: RgbImage::new(SIZE.0, SIZE.1), score: score(1, 0.0), map }
    }

    fn good() -> Sample {
        Sample { image: PathBuf::from("good.png"), defect: None }
    }

    fn defect(image: &str, mask: Option<PathBuf>) -> Sample {
        let mask = mask.map(Mask::half_white);
        Sample {
            image: PathBuf::from(image),
            defect: Some(Defect { kind: "dent".to_owned(), mask }),
        }
    }

    /// Writes a mask of the right half, or a black one.
    fn mask(folder: &Path, name: &str, white: bool) -> PathBuf {
        let path = folder.join(name);
        let level = |x| if white && x >= SIZE.0 / 2 { [255; 3] } else { [0; 3] };
        RgbImage::from_fn(SIZE.0, SIZE.1, |x, _| level(x).into()).save(&path).unwrap();
        path
    }

    #[test]
    fn labels_scores_and_transforms_are_gathered() {
        let mut scored = ScoredSamples::default();
        scored.add(&good(), &score(4, 1.0));
        scored.add(&defect("a.png", None), &score(2, 3.0));
        assert_eq!((scored.mean_transforms(), scored.hashes.len()), (3.0, 2));
        assert_eq!(scored.images[1].kind.as_deref(), Some("dent"));
        let metrics = scored.metrics(2.0, 0).unwrap();
        assert_eq!(metrics.both_classes().map(|metrics| metrics.auroc), Some(1.0));
    }

    #[test]
    fn a_map_that_shows_the_defect_reaches_an_area_of_1() {
        let folder = tempfile::tempdir().unwrap();
        let limits = DecodeLimits::default();
        let sample = defect("a.png", Some(mask(folder.path(), "mask.png", true)));
        let mut maps = MaskComparison::default();
        maps.add(&sample, &[], &found(0..0), &limits).unwrap();
        let metrics = maps.metrics().unwrap();
        assert_eq!((metrics.pixel_auroc, metrics.images), (1.0, 1));
        assert_eq!(maps.notes(), [""; 0]);
    }

    #[test]
    fn what_the_pixel_metrics_leave_out_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let limits = DecodeLimits::default();
        let mut maps = MaskComparison::default();
        maps.add(&good(), &[], &found(0..0), &limits).unwrap();
        assert_eq!(maps.notes(), ["no images of defects, so there are no pixel metrics"]);
        maps.add(&defect("b.png", None), &[], &found(0..0), &limits).unwrap();
        assert!(maps.metrics().is_none());
        let none =
            "no masks that could be used for 1 image of defects, so there are no pixel metrics";
        assert_eq!(maps.notes(), [none]);

        let black = mask(folder.path(), "black.png", false);
        let white = mask(folder.path(), "white.png", true);
        maps.add(&defect("c.png", Some(black.clone())), &[], &found(0..0), &limits).unwrap();
        maps.add(&defect("d.png", Some(white.clone())), &[], &found(4..8), &limits).unwrap();
        maps.add(&defect("e.png", Some(white)), &[], &found(0..2), &limits).unwrap();
        assert_eq!(maps.metrics().unwrap().images, 2);
        let golden = [
            format!(
                "1 image of defects with an all-black mask, left out of the pixel metrics: {}",
                black.display()
            ),
            "1 image of defects that the model ignores, left out of the pixel metrics: d.png"
                .into(),
            "1 image of defects without a mask, left out of the pixel metrics: b.png".into(),
            "pixels that the model ignores are left out".into(),
        ];
        assert_eq!(maps.notes(), golden);
    }

    #[test]
    fn a_mask_that_cannot_be_read_is_an_error_that_names_the_image() {
        let sample = defect("f.png", Some(PathBuf::from("missing.png")));
        let mut maps = MaskComparison::default();
        let error = maps.add(&sample, &[], &found(0..0), &DecodeLimits::default()).unwrap_err();
        assert_eq!(error.to_string(), "cannot use the mask of f.png");
    }

    #[test]
    fn long_lists_of_names_are_counted() {
        let names = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(listed(&names(3)), "0, 1, 2");
        assert_eq!(listed(&names(5)), "0, 1, 2 and 2 more");
    }
}
