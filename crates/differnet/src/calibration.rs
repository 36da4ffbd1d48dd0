//! Thresholds set after training: from more good images, or from what mistakes cost.

use std::collections::BTreeMap;

use differnet_data::{ContentHash, PerceptualHash};
use differnet_scoring::{Costs, FalseAlarmGuarantee, ScoreError, Thresholds};
use serde::{Deserialize, Serialize};

use crate::score::ImageScore;

/// Good images that training did not see, and their scores.
///
/// An image counts once, however often it is added: copies would pretend to be evidence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GoodImages {
    images: BTreeMap<String, GoodImage>,
}

/// The score of a good image, and what the image is known by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum GoodImage {
    Hashed { score: f64, perceptual: PerceptualHash },
    Score(f64),
}

impl GoodImage {
    fn score(&self) -> f64 {
        match self {
            Self::Hashed { score, .. } | Self::Score(score) => *score,
        }
    }
}

impl GoodImages {
    /// Adds an image; `false` if it is there already.
    ///
    /// - `perceptual`: what copies of the image are known by; `None` if only its very file is
    pub fn add(&mut self, image: &ImageScore, perceptual: Option<&PerceptualHash>) -> bool {
        // Neither would survive the model file's JSON.
        let score = if image.score.is_nan() { f64::MAX } else { image.score };
        let score = score.clamp(-f64::MAX, f64::MAX);
        let image_of = |perceptual: &PerceptualHash| GoodImage::Hashed {
            score,
            perceptual: perceptual.clone(),
        };
        let good = perceptual.map_or(GoodImage::Score(score), image_of);
        self.images.insert(digest(&image.hash), good).is_none()
    }

    /// Number of images.
    pub fn count(&self) -> usize {
        self.images.len()
    }

    /// Their scores, sorted.
    pub fn scores(&self) -> Vec<f64> {
        let mut scores: Vec<f64> = self.images.values().map(GoodImage::score).collect();
        scores.sort_by(f64::total_cmp);
        scores
    }

    /// Tells whether the image of this very file is among them.
    pub(crate) fn contains(&self, image: &ContentHash) -> bool {
        self.images.contains_key(&digest(image))
    }

    /// Returns the perceptual hashes by which copies of the images are known, as far as they were given.
    pub(crate) fn perceptual_hashes(&self) -> impl Iterator<Item = &PerceptualHash> {
        self.images.values().filter_map(|image| match image {
            GoodImage::Hashed { perceptual, .. } => Some(perceptual),
            GoodImage::Score(_) => None,
        })
    }
}

/// Rule by which a threshold was set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdRule {
    /// At most a share of the good parts is rejected.
    FalseAlarmRate {
        /// The share.
        rate: f64,
        /// Probability, over the choice of the good images, that it is kept.
        confidence: f64,
        /// Larger share of good parts that may be unsure or rejected, with the same confidence; `None` if
        /// none are unsure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unsure_rate: Option<f64>,
    },
    /// The expected cost is least.
    Cost {
        /// Cost of a defect called good.
        escape: f64,
        /// Cost of a good part called defective.
        false_alarm: f64,
        /// Share of defective parts on the line.
        defect_share: f64,
        /// Defects that were looked at.
        defects: usize,
    },
}

/// A threshold set after training, and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Rule that set the threshold.
    pub rule: ThresholdRule,
    /// Scores from here on are defects.
    pub threshold: f64,
    /// Scores from here on, up to the threshold, are unsure; `None` if none are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsure: Option<f64>,
    /// Scores of the good images, sorted.
    pub good_scores: Vec<f64>,
    /// Scores of the images that were added after training, by digests of their contents; empty
    /// where the scores are those of the training's validation images.
    pub added: GoodImages,
}

impl Calibration {
    /// The lowest threshold that keeps `guarantee`, by sorted scores of good images.
    ///
    /// With `doubt`, a larger rate than the guarantee's with the same confidence, scores are unsure
    /// that at most this share of good parts reaches.
    ///
    /// # Errors
    /// [`ScoreError::TooFewForRate`] if there are too few images, [`ScoreError::Doubt`] if the
    /// rate of doubt is not the larger one.
    pub fn by_false_alarms(
        good_scores: Vec<f64>,
        guarantee: FalseAlarmGuarantee,
        doubt: Option<f64>,
    ) -> Result<Self, ScoreError> {
        let (rate, confidence) = (guarantee.rate(), guarantee.confidence());
        let threshold = guarantee.threshold(&good_scores)?;
        let unsure = match doubt {
            Some(doubt) if doubt <= rate => return Err(ScoreError::Doubt { found: doubt, rate }),
            Some(doubt) => {
                Some(FalseAlarmGuarantee::new(doubt, confidence)?.threshold(&good_scores)?)
            }
            None => None,
        };
        let rule = ThresholdRule::FalseAlarmRate { rate, confidence, unsure_rate: doubt };
        Ok(Self { rule, threshold, unsure, good_scores, added: GoodImages::default() })
    }

    /// The threshold that costs least, by sorted scores of good images and scores of defects.
    ///
    /// # Errors
    /// As [`Costs::cheapest`].
    pub fn by_cost(
        good_scores: Vec<f64>,
        defects: &[f64],
        costs: Costs,
    ) -> Result<Self, ScoreError> {
        let threshold = costs.cheapest(&good_scores, defects)?.threshold;
        let Costs { escape, false_alarm, defect_share } = costs;
        let defects = defects.len();
        let rule = ThresholdRule::Cost { escape, false_alarm, defect_share, defects };
        Ok(Self { rule, threshold, unsure: None, good_scores, added: GoodImages::default() })
    }

    /// Thresholds of doubt and of defects.
    pub fn thresholds(&self) -> Thresholds {
        Thresholds { defect: self.threshold, unsure: self.unsure }
    }

    /// Tells whether every number is one.
    pub(crate) fn is_finite(&self) -> bool {
        let numbers = [Some(self.threshold), self.unsure].into_iter().flatten();
        numbers.chain(self.good_scores.iter().copied()).all(f64::is_finite)
    }
}

/// The first 16 hexadecimal digits of an image's hash: enough to know it again.
pub(crate) fn digest(hash: &ContentHash) -> String {
    hash.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use differnet_scoring::{Verdict, p_value};

    use super::*;

    fn image(name: u8, score: f64) -> ImageScore {
        ImageScore {
            invalid: None,
            statistics: differnet_data::InputStatistics::default(),
            hash: ContentHash::of(&[name]),
            score,
            verdict: Verdict::Ok,
            transform_scores: vec![score],
            peak: None,
            mean_features: Vec::new(),
        }
    }

    #[test]
    fn an_image_counts_once() {
        let mut good = GoodImages::default();
        let mut add = |name, score| good.add(&image(name, score), None);
        assert!(add(1, 5.0) && add(2, 3.0) && !add(1, 5.0));
        assert_eq!((good.count(), good.scores()), (2, vec![3.0, 5.0]));
        let hash = PerceptualHash::of(&differnet_data::RgbImage::new(3, 3));
        good.add(&image(3, f64::NAN), Some(&hash));
        good.add(&image(4, f64::INFINITY), None);
        assert_eq!(good.scores()[2..], [f64::MAX; 2]);
        assert_eq!(good.perceptual_hashes().collect::<Vec<_>>(), [&hash]);
        let text = serde_json::to_string(&good).expect("plain data");
        assert_eq!(serde_json::from_str::<GoodImages>(&text).expect("as written"), good);
    }

    #[test]
    fn doubt_begins_where_more_good_parts_would_be_rejected() {
        let good: Vec<f64> = (0..100).map(f64::from).collect();
        let guarantee = FalseAlarmGuarantee::new(0.05, 0.95).expect("shares");
        let calibration =
            Calibration::by_false_alarms(good.clone(), guarantee, Some(0.2)).expect("enough");
        // P(Binomial(100, 0.05) ≤ 1) = 0.037 and (≤ 2) = 0.118; with 0.2: (≤ 13) = 0.047.
        assert_eq!(calibration.threshold, 98.0_f64.next_up());
        assert_eq!(calibration.unsure, Some(86.0_f64.next_up()));
        assert_eq!(calibration.thresholds().verdict(90.0), Verdict::Unsure);
        assert_eq!(p_value(&calibration.good_scores, 98.0), 3.0 / 101.0);
        for doubt in [0.05, 0.01] {
            let error = Calibration::by_false_alarms(good.clone(), guarantee, Some(doubt));
            assert_eq!(error.expect_err("no room"), ScoreError::Doubt { found: doubt, rate: 0.05 });
        }
    }
}
