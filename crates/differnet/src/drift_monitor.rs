//! Drift monitor of a line: recent scores, how features have moved, whether the line drifted.

use std::collections::VecDeque;

use differnet_data::ContentHash;
use differnet_scoring::{Drift, drift, quantile};
use serde::{Deserialize, Serialize};

use crate::calibration::digest;
use crate::feature_distance::feature_distance;
use crate::header::Header;
use crate::score::ImageScore;

/// Images that count as recent.
const RECENT: usize = 200;
/// Fewest recent images that anything is said of.
const FEWEST: usize = 50;
/// Share of defects that is no drift.
const DEFECT_SHARE: f64 = 0.05;

/// Memory of the images that a model scores on a line.
///
/// At most 200 scores and one mean of features: memory stays flat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftMonitor {
    model: String,
    images: u64,
    recent: VecDeque<f64>,
    /// Moving average of the images' features; empty for methods that look at pixels.
    features: Vec<f64>,
}

/// Summary of a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Line))]
pub struct DriftSummary {
    /// Images seen since the watch began.
    pub images: u64,
    /// Recent ones that were judged, at most 200.
    pub recent: usize,
    /// Quantiles of the recent scores at 5, 25, 50, 75 and 95 %, in the method's unit; none (`null`
    /// in JSON) below 50 images.
    pub quantiles: Option<[f64; 5]>,
    /// The same of the good scores that the threshold rests on.
    pub good_quantiles: Option<[f64; 5]>,
    /// Shift of the features from those of the training: root mean square over features of
    /// the moving average's distance from the training mean, in training standard deviations;
    /// none below 50 images, and for methods that do not know.
    pub feature_shift: Option<f64>,
    /// Drift of the recent scores from the good ones; none if chance explains it, below 50 images,
    /// and for models without validation images.
    pub drift: Option<Drift>,
}

impl DriftSummary {
    /// The shares of the [`quantiles`](Self::quantiles).
    pub const SHARES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];
}

impl DriftMonitor {
    /// A watch of a line scored by `model`, before the first image.
    pub fn new(model: &Header) -> Self {
        let features = vec![0.0; model.feature_means.len()];
        Self { model: name(model), images: 0, recent: VecDeque::new(), features }
    }

    /// Tells whether this watch is of `model`; what it remembers of another means nothing to it.
    pub fn is_of(&self, model: &Header) -> bool {
        self.model == name(model) && self.features.len() == model.feature_means.len()
    }

    /// Adds an image that the model scored; one that is invalid is only counted, because its score says nothing of
    /// a part.
    pub fn add(&mut self, image: &ImageScore) {
        self.images += 1;
        if image.invalid.is_some() {
            return;
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        // JSON knows neither NaN nor infinity.
        let score = if image.score.is_nan() { f64::MAX } else { image.score };
        self.recent.push_back(score.clamp(-f64::MAX, f64::MAX));
        // The mean of the first images, then an average that forgets as fast as the window does.
        let weight = 1.0 / self.recent.len() as f64;
        for (mean, &feature) in self.features.iter_mut().zip(&image.mean_features) {
            *mean += weight * (f64::from(feature) - *mean);
        }
    }

    /// Summary of the line.
    pub fn summary(&self, model: &Header) -> DriftSummary {
        let enough = self.is_enough();
        DriftSummary {
            images: self.images,
            recent: self.recent.len(),
            quantiles: enough.then(|| quantiles(&self.scores())).flatten(),
            good_quantiles: model.reference_scores().and_then(quantiles),
            feature_shift: enough.then(|| self.feature_shift(model)).flatten(),
            drift: self.drift(model),
        }
    }

    /// The summary's [`drift`](DriftSummary::drift) alone.
    pub fn drift(&self, model: &Header) -> Option<Drift> {
        let good = model.reference_scores().filter(|_| self.is_enough())?;
        drift(good, &self.scores(), DEFECT_SHARE)
    }

    fn is_enough(&self) -> bool {
        self.recent.len() >= FEWEST
    }

    fn scores(&self) -> Vec<f64> {
        self.recent.iter().copied().collect()
    }

    fn feature_shift(&self, model: &Header) -> Option<f64> {
        let features = self.features.iter().copied();
        feature_distance(&model.feature_means, &model.feature_deviations, features)
    }
}

/// Names a model by what it was trained on and how, and by the scores that came of it: an update changes them.
fn name(model: &Header) -> String {
    let Header { config, extractor, weights_sha256, regions, depth, good_scores, .. } = model;
    let scorer = (config, extractor, weights_sha256, regions, depth, good_scores);
    let scorer = serde_json::to_vec(&scorer).expect("the description of a model is plain data");
    let method = config.method.method();
    format!("{method} {} {}", model.data_fingerprint, digest(&ContentHash::of(&scorer)))
}

fn quantiles(scores: &[f64]) -> Option<[f64; 5]> {
    let mut found = [0.0; 5];
    for (found, share) in found.iter_mut().zip(DriftSummary::SHARES) {
        *found = quantile(scores, share).ok()?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use differnet_scoring::{Direction, Verdict};

    use super::*;
    use crate::config::Config;
    use crate::input_guard::InputGuard;

    fn model(good_scores: &[f64]) -> Header {
        Header {
            data_fingerprint: "abc".into(),
            held_back_images: good_scores.len(),
            good_scores: good_scores.to_vec(),
            feature_means: vec![1.0, 2.0, 5.0],
            feature_deviations: vec![0.5, 2.0, 0.0],
            ..Header::new(Config { seed: 3, ..Config::default() })
        }
    }

    fn image(score: f64, mean_features: [f32; 3]) -> ImageScore {
        let (hash, verdict) = (ContentHash::of(&[]), Verdict::Ok);
        let mean_features = mean_features.to_vec();
        ImageScore {
            invalid: None,
            statistics: differnet_data::InputStatistics::default(),
            hash,
            score,
            verdict,
            transform_scores: vec![score],
            peak: None,
            mean_features,
        }
    }

    #[test]
    fn nothing_is_said_of_few_images_and_then_all_is() {
        let good: Vec<f64> = (0..100).map(f64::from).collect();
        let model = model(&good);
        let mut watch = DriftMonitor::new(&model);
        for number in 0..49 {
            watch.add(&image(f64::from(2 * number), [2.0, 2.0, 9.0]));
        }
        let early = watch.summary(&model);
        assert_eq!((early.images, early.quantiles, early.feature_shift), (49, None, None));
        watch.add(&image(98.0, [2.0, 2.0, 9.0]));
        let summary = watch.summary(&model);
        assert_eq!(summary.quantiles, Some([4.0, 24.0, 48.0, 74.0, 94.0]));
        assert_eq!(summary.good_quantiles, Some([4.0, 24.0, 49.0, 74.0, 94.0]));
        assert_eq!(summary.drift, None);
        // One feature has moved by two deviations, one by none, one never varied.
        let shift = summary.feature_shift.unwrap();
        assert!((shift - 2.0_f64.sqrt()).abs() < 1e-6, "{shift}");
    }

    #[test]
    fn a_line_drifts_and_comes_back_and_only_recent_images_count() {
        let good: Vec<f64> = (0..100).map(f64::from).collect();
        let model = model(&good);
        let mut watch = DriftMonitor::new(&model);
        let run = |watch: &mut DriftMonitor, scores: &dyn Fn(u32) -> f64| {
            (0..200).for_each(|number| watch.add(&image(scores(number), [1.0, 2.0, 5.0])));
            watch.summary(&model).drift.map(|drift| drift.direction)
        };
        let usual = |number| f64::from(number) / 2.0;
        assert_eq!(run(&mut watch, &usual), None);
        assert_eq!(run(&mut watch, &|number| usual(number) + 50.0), Some(Direction::Higher));
        assert_eq!(run(&mut watch, &|number| usual(number) / 4.0), Some(Direction::Lower));
        assert_eq!(run(&mut watch, &|_| f64::NAN), Some(Direction::Higher));
        assert_eq!(run(&mut watch, &usual), None);
        let summary = watch.summary(&model);
        assert_eq!((summary.images, summary.recent), (1000, 200));
        assert!(summary.feature_shift.unwrap() < 1e-6);
    }

    #[test]
    fn images_that_were_not_judged_are_counted_alone() {
        let good: Vec<f64> = (0..100).map(f64::from).collect();
        let model = model(&good);
        let mut watch = DriftMonitor::new(&model);
        (0..200).for_each(|number| watch.add(&image(f64::from(number) / 2.0, [1.0, 2.0, 5.0])));
        let before = watch.summary(&model);
        let statistics = vec![differnet_data::InputStatistics::default(); 2];
        let guard = InputGuard::fit(&statistics, &[1.0; 4]);
        let invalid = guard.check(&statistics[0], Some(1e3)).expect_err("far from all");
        let dark = ImageScore { invalid: Some(invalid), ..image(1e6, [9.0; 3]) };
        (0..200).for_each(|_| watch.add(&dark));
        assert_eq!(watch.summary(&model), DriftSummary { images: 400, ..before });
    }

    #[test]
    fn a_watch_survives_a_file_and_belongs_to_its_model() {
        let model = model(&[1.0]);
        let mut watch = DriftMonitor::new(&model);
        [1.5, f64::NAN, f64::NEG_INFINITY]
            .into_iter()
            .for_each(|score| watch.add(&image(score, [0.1, 0.2, 0.3])));
        let text = serde_json::to_string(&watch).unwrap();
        assert_eq!(serde_json::from_str::<DriftMonitor>(&text).unwrap(), watch);
        assert!(watch.is_of(&model));
        let other = Config { seed: 4, ..model.config.clone() };
        assert!(!watch.is_of(&Header { config: other, ..model.clone() }));
        assert!(!watch.is_of(&Header { good_scores: vec![1.0, 2.0], ..model.clone() }));
        assert!(watch.is_of(&Header { training_images: 7, ..model.clone() }));
        assert!(!watch.is_of(&Header { feature_means: Vec::new(), ..model.clone() }));
        // Without good images that training did not see nothing can be called drift.
        let blind = Header { held_back_images: 0, ..model };
        assert_eq!(blind.held_back_scores(), None);
        (0..60).for_each(|_| watch.add(&image(1e9, [0.1, 0.2, 0.3])));
        assert_eq!(watch.summary(&blind).drift, None);
    }
}
