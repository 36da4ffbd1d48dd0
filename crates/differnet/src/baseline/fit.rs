//! Fitting a competitor to good images, as far as possible as DifferNet is trained.

use std::ops::ControlFlow;
use std::path::PathBuf;

use differnet_baselines::Scorer;
use differnet_scoring::threshold_from_good;

use super::training_images::Fitted;
use super::{Baseline, BaselineConfig, BaselineInfo, BaselineMethod, FORMAT};
use crate::anomaly_detector::AnomalyDetector;
use crate::error::DetectorError;
use crate::progress::{Progress, ProgressCallback};
use crate::self_test::SelfTest;
use crate::split::Split;
use crate::training::{Outcome, Training};

impl Training<'_, BaselineConfig> {
    /// Fits a competitor to the good images `files`.
    ///
    /// The same share of them is held back to set the threshold, and the others are seen under the
    /// same transforms, as for a DifferNet model of the same seed. The result is a function of the
    /// settings, the seed and the images' contents, not of their names.
    ///
    /// # Errors
    /// [`DetectorError`]: settings out of range, unusable or too few images, or a fit that fails.
    pub fn run(
        &self,
        files: &[PathBuf],
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Outcome<Baseline>, DetectorError> {
        self.config.validate()?;
        let Some((split, bad)) = self.usable_split(&self.config.shared, files, progress)? else {
            return Ok(Outcome::Interrupted);
        };
        let Some(Fitted { scorer, training_scores }) = self.fit(&split, progress)? else {
            return Ok(Outcome::Interrupted);
        };
        let baseline = self.describe(&split, scorer);
        let Some(held_back) = self.held_back_scores(&baseline, &split, progress)? else {
            return Ok(Outcome::Interrupted);
        };
        let good = if split.held_back.is_empty() { training_scores } else { held_back };
        let mut baseline = baseline.with_threshold(good)?;
        baseline.info.self_test = SelfTest::record(&baseline, self.source)?;
        Ok(Outcome::Finished(Box::new(baseline), bad))
    }

    /// The method fitted to the training images; `None` if interrupted.
    fn fit(
        &self,
        split: &Split,
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Option<Fitted>, DetectorError> {
        let (seed, device) = (self.config.shared.seed, self.device);
        match self.config.method {
            BaselineMethod::OneNearestNeighbour(config) => {
                self.fit_rows(split, progress, |rows, told| config.fit(rows, told))
            }
            BaselineMethod::OneClassSvm(config) => {
                self.fit_rows(split, progress, |rows, told| config.fit(rows, seed, told))
            }
            BaselineMethod::GeoTrans(config) => {
                self.fit_pixels(split, config.side, progress, |images, told| {
                    config.fit(images, seed, device, told)
                })
            }
            BaselineMethod::Ganomaly(config) => {
                self.fit_pixels(split, config.side, progress, |images, told| {
                    config.fit(images, seed, device, told)
                })
            }
            BaselineMethod::Dsebm(config) => {
                self.fit_pixels(split, config.side, progress, |images, told| {
                    config.fit(images, seed, device, told)
                })
            }
            BaselineMethod::Adgan(config) => {
                self.fit_pixels(split, config.side, progress, |images, told| {
                    config.fit(images, seed, device, told)
                })
            }
        }
    }

    /// Scores of the held-back images; `None` if interrupted.
    fn held_back_scores(
        &self,
        baseline: &Baseline,
        split: &Split,
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Option<Vec<f64>>, DetectorError> {
        let (files, config) = (&split.held_back, baseline.score_config());
        let mut scores = Vec::with_capacity(files.len());
        let mut failure = None;
        let flow = baseline.score_files(self.source, files, &config, &mut |index, score| {
            match score {
                Ok(score) => scores.push(score.score),
                Err(source) => failure = Some(source),
            }
            let step = progress(Progress::HeldBack { done: index + 1, total: files.len() });
            if failure.is_some() { ControlFlow::Break(()) } else { step }
        })?;
        match failure {
            Some(source) => Err(DetectorError::Image { source }),
            None => Ok(flow.is_continue().then_some(scores)),
        }
    }

    /// The model, still without a threshold.
    fn describe(&self, split: &Split, scorer: Scorer) -> Baseline {
        let extractor = match scorer {
            Scorer::Rows(_) => Some(self.source.extractor.id().to_owned()),
            Scorer::Pixels(_) => None,
        };
        let facts = scorer.model().facts();
        let info = BaselineInfo {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            config: *self.config,
            extractor,
            regions: self.regions.cloned(),
            data_fingerprint: split.fingerprint.clone(),
            training_images: split.training.len(),
            training_digests: split.training_digests.clone(),
            held_back_images: split.held_back.len(),
            threshold: f64::MAX,
            calibration: None,
            self_test: None,
            good_scores: Vec::new(),
            facts: facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        Baseline { scorer, info }
    }
}

impl Baseline {
    /// The same with a threshold that most of the `good` scores stay below.
    fn with_threshold(mut self, mut good: Vec<f64>) -> Result<Self, DetectorError> {
        // An infinite score would not survive the model file's JSON.
        good.iter_mut().for_each(|score| *score = score.clamp(-f64::MAX, f64::MAX));
        good.sort_by(f64::total_cmp);
        let threshold = threshold_from_good(&good, self.info.config.shared.quantile)?;
        self.info.threshold = threshold.min(f64::MAX);
        self.info.good_scores = good;
        Ok(self)
    }
}
