//! Early stopping of an image's score, before all its transforms are scored.
//!
//! Let N transforms give the values v₁ … v_N: scores for the mean (Eq. 5), their logarithms for the geometric
//! mean and for the mean of the middle half. After n of them, in an order that has nothing to do with the
//! values, the average m of these n is off that of all N by an error with standard deviation (sampling
//! without replacement)
//!
//! ```text
//! e = s · √(1/n − 1/N),   s: standard deviation of the values
//! ```
//!
//! For the mean of the middle half, whose m is the logarithm of that mean, s is the deviation of Tukey and
//! McLaughlin (1963): the ⌊n/4⌋ lowest and highest values are set to their inner neighbours, and the
//! deviation of what this makes is divided by 1 − 2 ⌊n/4⌋/n. Logarithms, because transforms scatter in
//! proportion to what they score. Scores that have none stand for themselves.
//!
//! Scoring stops once m is [`STANDARD_ERRORS`] · e from every threshold. s is that of the n values,
//! but no less than what is usual for good images: few values can be alike by chance.
//!
//! **Error.** For normal errors, one check of an image whose average over all N lies on the other side of a
//! threshold gets the wrong verdict with a probability below 0.14 %. Whatever their distribution, it is below
//! 1 / (1 + 3²) = 10 % (Cantelli). Images near a threshold get all N transforms, and their verdict is that
//! of the full count.

use crate::score::{Average, anomaly_score};
use crate::threshold::Thresholds;

/// Distance to a threshold from which scoring stops, in standard errors of the mean.
const STANDARD_ERRORS: f64 = 3.0;
/// Transforms before the first look.
const FIRST: usize = 4;
/// The same for the mean of the middle half, in which three of them then lie.
const FIRST_OF_MIDDLE: usize = 5;
/// The same where nothing is known of good images.
const FIRST_OF_UNKNOWN: usize = 8;

/// Stopping rule: decides after how many of an image's transforms scoring stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoppingRule {
    /// N, transforms of the full count.
    pub transforms: usize,
    /// Average over transforms.
    pub average: Average,
    /// Thresholds that the average is compared with.
    pub thresholds: Thresholds,
    /// Usual standard deviation of the values of one good image, see [`transform_spread`]; `None` if
    /// unknown.
    pub spread: Option<f64>,
}

impl StoppingRule {
    /// Number of transforms to score in all, when those of the first gave `scores`: as many as there
    /// are `scores` if scoring stops there.
    pub fn wanted(&self, scores: &[f64]) -> usize {
        let done = scores.len();
        if done >= self.transforms || (done > 0 && self.stops(scores)) {
            return done;
        }
        let first = match (self.spread, self.average) {
            (None, _) => FIRST_OF_UNKNOWN,
            (Some(_), Average::InterquartileMean) => FIRST_OF_MIDDLE,
            (Some(_), Average::Mean | Average::GeometricMean) => FIRST,
        };
        // Half as many again each time: checks are few, and little is scored in vain.
        (done + done / 2).max(first).min(self.transforms)
    }

    fn stops(&self, scores: &[f64]) -> bool {
        let Ok(score) = anomaly_score(scores, self.average) else { return false };
        let scale = Scale::of(scores, self.average);
        let mean = scale.value(score);
        if mean.is_infinite() {
            // So is the mean of all, but not its middle half.
            return self.average != Average::InterquartileMean;
        }
        let Some(deviation) = deviation(scale.values(scores), self.average) else { return false };
        let deviation = deviation.max(self.spread.unwrap_or(0.0));
        let error = deviation * (1.0 / scores.len() as f64 - 1.0 / self.transforms as f64).sqrt();
        let thresholds = [Some(self.thresholds.defect), self.thresholds.unsure];
        thresholds.into_iter().flatten().all(|threshold| {
            // What has no logarithm is below all scores that have one.
            let threshold = Some(scale.value(threshold)).filter(|value| !value.is_nan());
            // False if the mean is NaN: that stops nothing.
            threshold.is_none_or(|value| (mean - value).abs() >= STANDARD_ERRORS * error)
        })
    }
}

/// Scale of an image's values, see the module's description.
#[derive(Debug, Clone, Copy)]
enum Scale {
    Linear,
    Logarithmic,
}

impl Scale {
    fn of(scores: &[f64], average: Average) -> Self {
        match average {
            Average::Mean => Self::Linear,
            Average::GeometricMean => Self::Logarithmic,
            Average::InterquartileMean if scores.iter().all(|&score| score > 0.0) => {
                Self::Logarithmic
            }
            Average::InterquartileMean => Self::Linear,
        }
    }

    fn value(self, score: f64) -> f64 {
        match self {
            Self::Linear => score,
            Self::Logarithmic => score.ln(),
        }
    }

    fn values(self, scores: &[f64]) -> Vec<f64> {
        scores.iter().map(|&score| self.value(score)).collect()
    }
}

/// The usual standard deviation of the values of one image: the root of the mean variance over
/// images, `images[i]` the scores of image i's transforms; `None` if no image has two finite values.
///
/// Values are scores or their logarithms, as the average has it, see [`StoppingRule`].
pub fn transform_spread<'a>(
    images: impl IntoIterator<Item = &'a [f64]>,
    average: Average,
) -> Option<f64> {
    let variances = images.into_iter().filter_map(|scores| {
        let deviation = deviation(Scale::of(scores, average).values(scores), average)?;
        deviation.is_finite().then_some(deviation * deviation)
    });
    let variances: Vec<f64> = variances.collect();
    let mean = variances.iter().sum::<f64>() / variances.len() as f64;
    (!variances.is_empty()).then(|| mean.sqrt())
}

/// s, √n times the standard error of the average of n `values`; `None` of fewer than two.
fn deviation(mut values: Vec<f64>, average: Average) -> Option<f64> {
    match average {
        Average::Mean | Average::GeometricMean => standard_deviation(&values),
        Average::InterquartileMean => {
            let outer = values.len() / 4;
            values.sort_by(f64::total_cmp);
            let inner = outer..values.len() - outer;
            let (lowest, highest) = (*values.get(inner.start)?, *values.get(inner.end - 1)?);
            values[..inner.start].fill(lowest);
            values[inner.end..].fill(highest);
            let share = inner.len() as f64 / values.len() as f64;
            Some(standard_deviation(&values)? / share)
        }
    }
}

/// The standard deviation of `values`; `None` of fewer than two.
fn standard_deviation(values: &[f64]) -> Option<f64> {
    let freedom = values.len().checked_sub(1).filter(|&freedom| freedom > 0)?;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / freedom as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_uniform::Uniform;

    fn rule(threshold: f64) -> StoppingRule {
        StoppingRule {
            transforms: 64,
            average: Average::Mean,
            thresholds: Thresholds { defect: threshold, unsure: None },
            spread: Some(1.0),
        }
    }

    #[test]
    fn a_verdict_by_hand() {
        // Mean 10, deviation 1 by the spread, n = 4: e = √(1/4 − 1/64) = 0.484, 3 e = 1.452.
        let scores = [9.5, 10.5, 9.5, 10.5];
        assert_eq!(rule(11.46).wanted(&scores), 4);
        assert_eq!(rule(11.44).wanted(&scores), 6);
        assert_eq!(rule(8.54).wanted(&scores), 4);
        assert_eq!(rule(8.56).wanted(&scores), 6);
        // The image's own deviation, 2.31, counts if it is larger.
        assert_eq!(rule(11.46).wanted(&[8.0, 12.0, 8.0, 12.0]), 6);
    }

    #[test]
    fn doubt_has_a_border_too() {
        let thresholds = Thresholds { defect: 20.0, unsure: Some(10.5) };
        let rule = StoppingRule { thresholds, ..rule(20.0) };
        assert_eq!(rule.wanted(&[10.0; 4]), 6);
        assert_eq!(rule.wanted(&[13.0; 4]), 4);
    }

    #[test]
    fn logarithms_decide_for_the_geometric_mean() {
        let rule = |threshold| StoppingRule {
            average: Average::GeometricMean,
            spread: Some(0.1),
            ..rule(threshold)
        };
        // ln 100 ± 0.1452.
        assert_eq!(rule(115.7).wanted(&[100.0; 4]), 4);
        assert_eq!(rule(115.5).wanted(&[100.0; 4]), 6);
        // Every score reaches a threshold below zero.
        assert_eq!(rule(-1.0).wanted(&[100.0; 4]), 4);
    }

    #[test]
    fn the_middle_half_and_its_deviation_by_hand() {
        // Of 8 logarithms, 3 to 6 remain and are doubled: deviation of 3 3 3 4 5 6 6 6 is √(14 / 7), over 1/2.
        let logarithms = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 700.0];
        let scores = logarithms.map(f64::exp);
        let middle = Average::InterquartileMean;
        let expected = 2.0 * 2.0_f64.sqrt();
        let near = |value: Option<f64>| value.is_some_and(|value| (value - expected).abs() < 1e-12);
        assert!(near(deviation(logarithms.to_vec(), middle)));
        assert!(near(transform_spread([&scores[..]], middle)));
        let three = [1.0, 2.0, 9.0];
        let of_three = standard_deviation(&three.map(f64::ln));
        assert_eq!(deviation(three.map(f64::ln).to_vec(), middle), of_three);
        assert_eq!(transform_spread([&three[..]], middle), of_three);
        assert_eq!(deviation(vec![1.0], middle), None);
        // What has no logarithm stands for itself.
        let signed = [-1.0, 2.0, 9.0];
        assert_eq!(transform_spread([&signed[..]], middle), standard_deviation(&signed));
        // m = ln((e³ + e⁴ + e⁵ + e⁶) / 4) = 5.054; 3 e = 3 · 2.828 · √(1/8 − 1/64) = 2.806; e^7.860 = 2592.
        let rule =
            |threshold| StoppingRule { average: middle, spread: Some(0.1), ..rule(threshold) };
        assert_eq!(rule(2_595.0).wanted(&scores), 8);
        assert_eq!(rule(2_585.0).wanted(&scores), 12);
        // Every positive score reaches a threshold below zero.
        assert_eq!(rule(-1.0).wanted(&scores), 8);
        // Half of them at infinity say nothing of the others.
        let infinite = [f64::INFINITY, f64::INFINITY, 2.0, 4.0, 3.0];
        assert_eq!(rule(2_595.0).wanted(&infinite), 7);
    }

    #[test]
    fn infinity_stops_and_nan_does_not() {
        assert_eq!(rule(10.0).wanted(&[f64::INFINITY, 9.0, 9.0, 9.0]), 4);
        assert_eq!(rule(10.0).wanted(&[f64::NAN, 9.0, 9.0, 9.0]), 6);
    }

    #[test]
    fn checks_are_few_and_end_at_all_transforms() {
        // About the threshold: it never stops.
        let on_it = |rule: StoppingRule| {
            let mut done = 0;
            let looks = std::iter::from_fn(|| {
                let scores: Vec<f64> = [9.0, 11.0].into_iter().cycle().take(done).collect();
                let wanted = rule.wanted(&scores);
                let more = wanted > done;
                done = wanted;
                more.then_some(wanted)
            });
            looks.collect::<Vec<usize>>()
        };
        assert_eq!(on_it(rule(10.0)), [4, 6, 9, 13, 19, 28, 42, 63, 64]);
        assert_eq!(on_it(StoppingRule { spread: None, transforms: 12, ..rule(10.0) }).len(), 2);
        let middle = StoppingRule { average: Average::InterquartileMean, ..rule(10.0) };
        assert_eq!(on_it(middle), [5, 7, 10, 15, 22, 33, 49, 64]);
        assert_eq!(on_it(StoppingRule { transforms: 3, ..rule(10.0) }), [3]);
        assert_eq!(rule(10.0).wanted(&[10.0; 64]), 64);
    }

    #[test]
    fn spread_by_hand() {
        // Variances 2 and 8 about means of their own.
        let images: [&[f64]; 3] = [&[9.0, 11.0], &[98.0, 102.0], &[7.0]];
        assert_eq!(transform_spread(images, Average::Mean), Some(5.0_f64.sqrt()));
        assert_eq!(transform_spread([&[7.0][..]], Average::Mean), None);
        let infinite: [&[f64]; 2] = [&[f64::INFINITY, 1.0], &[9.0, 11.0]];
        assert_eq!(transform_spread(infinite, Average::Mean), Some(2.0_f64.sqrt()));
    }

    #[test]
    fn early_verdicts_are_those_of_the_full_count() {
        // 2,000 images with means spread about the threshold and normal-like values.
        let mut uniform = Uniform::new();
        let rule = rule(10.0);
        let (mut wrong, mut scored) = (0, 0);
        for _ in 0..2_000 {
            let center = 8.0 + 4.0 * uniform.next();
            let mut value = || center + (0..12).map(|_| uniform.next()).sum::<f64>() - 6.0;
            let scores: Vec<f64> = (0..64).map(|_| value()).collect();
            let mut done = 0;
            loop {
                let wanted = rule.wanted(&scores[..done]);
                if wanted == done {
                    break;
                }
                done = wanted;
            }
            let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
            wrong += usize::from((mean(&scores[..done]) >= 10.0) != (mean(&scores) >= 10.0));
            scored += done;
        }
        assert!(wrong <= 4, "{wrong} of 2000");
        assert!(scored < 2_000 * 24, "{scored} transforms");
    }
}
