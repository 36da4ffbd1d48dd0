//! The training images as rows of features or as pixels, and a method fitted to them.

use std::ops::{ControlFlow, Range};

use differnet_baselines::{
    BaselineError, FitCallback, FitProgress, Images, PixelScorer, RowScorer, Rows, Scorer,
};
use differnet_data::{ContentHash, ImageInput, Purpose, Transform, random_transforms};
use differnet_features::FEATURES;
use differnet_scoring::anomaly_score;

use super::BaselineConfig;
use crate::error::DetectorError;
use crate::pixel_source::{View, for_each_image};
use crate::progress::{Progress, ProgressCallback};
use crate::split::Split;
use crate::training::Training;

/// Training images whose scores stand in where none were held back.
const SCORED_TRAINING_IMAGES: usize = 200;

/// A method after its fit.
pub(super) struct Fitted {
    pub(super) scorer: Scorer,
    /// Scores of training images under the transforms that were fitted to, where no images were
    /// held back to set the threshold.
    pub(super) training_scores: Vec<f64>,
}

impl Training<'_, BaselineConfig> {
    /// A method fitted to the training images' features; `None` if interrupted.
    pub(super) fn fit_rows<M: RowScorer + 'static>(
        &self,
        split: &Split,
        progress: &mut ProgressCallback<'_>,
        fit: impl FnOnce(&Rows<'_>, &mut FitCallback<'_>) -> Result<Option<M>, BaselineError>,
    ) -> Result<Option<Fitted>, DetectorError> {
        let Some(rows) = self.training_rows(split, progress)? else { return Ok(None) };
        let rows = Rows::new(&rows, FEATURES)?;
        let Some(model) = fit(&rows, &mut |step| progress(fitting(step)))? else {
            return Ok(None);
        };
        let training_scores =
            self.training_scores(split, |range| Ok(model.training_scores(&rows, range)))?;
        Ok(Some(Fitted { scorer: Scorer::Rows(Box::new(model)), training_scores }))
    }

    /// A method fitted to the training images' pixels; `None` if interrupted.
    pub(super) fn fit_pixels<M: PixelScorer + 'static>(
        &self,
        split: &Split,
        side: usize,
        progress: &mut ProgressCallback<'_>,
        fit: impl FnOnce(&Images<'_>, &mut FitCallback<'_>) -> Result<Option<M>, BaselineError>,
    ) -> Result<Option<Fitted>, DetectorError> {
        let Some(pixels) = self.training_pixels(split, side, progress)? else { return Ok(None) };
        let images = Images::new(&pixels, side)?;
        let Some(model) = fit(&images, &mut |step| progress(fitting(step)))? else {
            return Ok(None);
        };
        let training_scores =
            self.training_scores(split, |range| model.scores(&images.subimages(range)))?;
        Ok(Some(Fitted { scorer: Scorer::Pixels(Box::new(model)), training_scores }))
    }

    /// The features `[images · transforms, 768]` of the training images; `None` if interrupted.
    fn training_rows(
        &self,
        split: &Split,
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Option<Vec<f32>>, DetectorError> {
        let total = split.training.len();
        let choice = |hash: &ContentHash| self.training_transforms(hash);
        let mut rows = Vec::with_capacity(total * self.config.shared.transforms * FEATURES);
        let files = &split.training;
        let flow =
            self.source.for_each_usable(self.regions, files, &choice, &mut |index, features| {
                rows.extend(features.rows);
                progress(Progress::Features { done: index + 1, total, round: 1, rounds: 1 })
            })?;
        Ok(flow.is_continue().then_some(rows))
    }

    /// The pixels `[images · transforms, side, side, 3]` of the training images; `None` if
    /// interrupted.
    fn training_pixels(
        &self,
        split: &Split,
        side: usize,
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Option<Vec<u8>>, DetectorError> {
        let (files, total) = (&split.training, split.training.len());
        let choice = |hash: &ContentHash| self.training_transforms(hash);
        let view = View { side, regions: self.regions };
        let mut pixels =
            Vec::with_capacity(total * self.config.shared.transforms * side * side * 3);
        let mut failure = None;
        let limits = &self.source.limits;
        let images = ImageInput::files(files);
        let flow =
            for_each_image(&images, view, limits, &choice, &mut |index, image| match image {
                Ok(image) => {
                    pixels.extend(image.pixels);
                    progress(Progress::Pixels { done: index + 1, total })
                }
                Err(source) => {
                    failure = Some(source);
                    ControlFlow::Break(())
                }
            });
        match failure {
            Some(source) => Err(DetectorError::Image { source }),
            None => Ok(flow.is_continue().then_some(pixels)),
        }
    }

    /// The transforms of a training image.
    fn training_transforms(&self, hash: &ContentHash) -> Vec<Transform> {
        let shared = &self.config.shared;
        let seed = shared.training_transform_seed();
        let transforms = shared.transform_config();
        random_transforms(&transforms, seed, Purpose::Train, hash, 0..shared.transforms)
    }

    /// Scores of training images, if no images were held back; `scores` are those of a range of
    /// their transforms.
    fn training_scores(
        &self,
        split: &Split,
        scores: impl Fn(Range<usize>) -> Result<Vec<f64>, BaselineError>,
    ) -> Result<Vec<f64>, DetectorError> {
        if !split.held_back.is_empty() {
            return Ok(Vec::new());
        }
        let shared = &self.config.shared;
        let score = |image: usize| {
            let scores = scores(image * shared.transforms..(image + 1) * shared.transforms)?;
            Ok(anomaly_score(&scores, shared.average)?)
        };
        (0..split.training.len().min(SCORED_TRAINING_IMAGES)).map(score).collect()
    }
}

/// A method's progress as that of the training.
fn fitting(step: &FitProgress) -> Progress {
    let FitProgress { stage, done, total, loss } = *step;
    Progress::Fitting { stage, done, total, loss }
}
