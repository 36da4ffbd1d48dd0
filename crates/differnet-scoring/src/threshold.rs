//! The threshold θ (Eq. 6), set from good images alone.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::error::ScoreError;
use crate::quantile::nth_smallest;

/// Verdict on a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The score is below the threshold.
    Ok,
    /// The score is below the threshold, but high for a good part: someone should look.
    Unsure,
    /// The score reaches the threshold.
    Defect,
    /// The image does not look like those of training: its score says nothing about a part.
    Invalid,
}

impl Verdict {
    /// 𝒜(x) of Eq. 6: a defect from the threshold upwards.
    pub fn of(score: f64, threshold: f64) -> Self {
        // NaN is no proof of a good part.
        if score < threshold { Self::Ok } else { Self::Defect }
    }

    /// As it stands in lists: `OK`, `UNSURE`, `DEFECT`, `INVALID`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Unsure => "UNSURE",
            Self::Defect => "DEFECT",
            Self::Invalid => "INVALID",
        }
    }
}

/// Multiples of the threshold beyond which a score is shown to people as "more than this": likelihoods of what
/// was never seen grow without bound, and say no more than that.
pub const MOST_MULTIPLES: f64 = 100.0;

/// Tells whether `score` is more than [`MOST_MULTIPLES`] of a positive threshold.
pub fn is_off_scale(score: f64, threshold: f64) -> bool {
    threshold > 0.0 && score > MOST_MULTIPLES * threshold
}

/// Fewest scores that a threshold is predicted from: of fewer, their spread says little.
const FEWEST_PREDICTING: usize = 4;
/// Scores expected beyond a threshold from which on their own order sets it.
const MANY_BEYOND: f64 = 5.0;

/// Thresholds at which doubt and defects begin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Scores from here on are defects.
    pub defect: f64,
    /// Scores from here on, up to a defect's, are unsure; `None` if none are.
    pub unsure: Option<f64>,
}

impl Thresholds {
    /// The verdict on a score.
    pub fn verdict(&self, score: f64) -> Verdict {
        match (Verdict::of(score, self.defect), self.unsure) {
            (Verdict::Ok, Some(unsure)) if score >= unsure => Verdict::Unsure,
            (verdict, _) => verdict,
        }
    }
}

/// The smallest 32-bit threshold that is not below `threshold`: what lies below that one is below this one.
pub fn to_single_precision(threshold: f64) -> f32 {
    let rounded = threshold as f32;
    if f64::from(rounded) < threshold { rounded.next_up() } else { rounded }
}

/// A threshold that a new good image stays below with probability `q`.
///
/// The ⌈(n + 1) q⌉-th smallest of `n` scores of good images that training did not see, and just
/// above it, so that the image which set it is still good; the largest where `n` is too small for
/// `q`.
///
/// # Errors
/// As [`quantile`](crate::quantile).
pub fn threshold_from_good(scores: &[f64], q: f64) -> Result<f64, ScoreError> {
    Ok(nth_smallest(scores, q, (scores.len() + 1) as f64 * q)?.next_up())
}

/// A threshold that a new good image stays below with probability `q`, where logarithms of scores are normally
/// distributed.
///
/// exp(m + t s √(1 + 1/n)), with the mean m and the standard deviation s of the logarithms of the `n` scores, and
/// the `q`-quantile t of Student's distribution with n − 1 degrees of freedom: the prediction bound of a
/// normal distribution (Hahn and Meeker 1991). Of few scores it varies less than the largest, which a single odd image sets.
///
/// As [`threshold_from_good`], which assumes nothing, where five or more of the scores are expected beyond the
/// threshold, with fewer than four scores or equal ones, and where not all are positive and finite.
///
/// # Errors
/// As [`threshold_from_good`].
pub fn predicted_threshold(scores: &[f64], q: f64) -> Result<f64, ScoreError> {
    let count = scores.len() as f64;
    let usable = scores.iter().all(|score| *score > 0.0 && score.is_finite());
    if !usable
        || scores.len() < FEWEST_PREDICTING
        || !(0.0..1.0).contains(&q)
        || (1.0 - q) * count >= MANY_BEYOND
        // Their logarithm's exponential may be a digit below them.
        || scores.iter().all(|score| *score == scores[0])
    {
        return threshold_from_good(scores, q);
    }
    let students = StudentsT::new(0.0, 1.0, count - 1.0).expect("degrees of freedom above 0");
    let logarithms: Vec<f64> = scores.iter().map(|score| score.ln()).collect();
    let mean = logarithms.iter().sum::<f64>() / count;
    let squares: f64 = logarithms.iter().map(|value| (value - mean).powi(2)).sum();
    let spread = (squares / (count - 1.0) * (1.0 + 1.0 / count)).sqrt();
    Ok((mean + students.inverse_cdf(q) * spread).exp().next_up())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_keeps_the_good_image_that_set_it() {
        let scores: Vec<f64> = (1..=19).map(f64::from).collect();
        // ⌈20 · 0.95⌉ = 19: the largest of 19 scores.
        let threshold = threshold_from_good(&scores, 0.95).expect("there are scores");
        assert_eq!(Verdict::of(19.0, threshold), Verdict::Ok);
        assert_eq!(Verdict::of(19.1, threshold), Verdict::Defect);
        assert_eq!(Verdict::of(f64::NAN, threshold), Verdict::Defect);
    }

    #[test]
    fn equal_scores_stay_below_their_threshold() {
        for count in 1..30 {
            for score in [2.3_f64, 0.7, 391.2, 1e-300] {
                let scores = vec![score; count];
                let threshold = predicted_threshold(&scores, 0.95).expect("there are scores");
                assert_eq!(threshold, score.next_up());
            }
        }
    }

    #[test]
    fn a_threshold_of_32_bits_is_not_below_that_of_64() {
        for value in [1.0_f32, 0.1, -0.1, 391.2] {
            let threshold = to_single_precision(f64::from(value).next_up());
            assert!(value < threshold && threshold <= value.next_up().next_up());
            assert_eq!(to_single_precision(f64::from(value)), value);
        }
        assert_eq!(to_single_precision(f64::MAX), f32::INFINITY);
    }

    #[test]
    fn only_scores_far_beyond_a_positive_threshold_are_off_the_scale() {
        for (score, threshold, expected) in [
            (1000.0, 10.0, false),
            (1000.1, 10.0, true),
            (f64::INFINITY, 10.0, true),
            (f64::NAN, 10.0, false),
            (1e9, 0.0, false),
            (1e9, -1.0, false),
        ] {
            assert_eq!(is_off_scale(score, threshold), expected, "{score} {threshold}");
        }
    }

    #[test]
    fn doubt_begins_below_the_threshold() {
        let thresholds = Thresholds { defect: 3.0, unsure: Some(2.0) };
        for (score, expected) in [
            (1.9, Verdict::Ok),
            (2.0, Verdict::Unsure),
            (3.0, Verdict::Defect),
            (f64::NAN, Verdict::Defect),
        ] {
            assert_eq!(thresholds.verdict(score), expected, "{score}");
        }
        assert_eq!(Thresholds { defect: 3.0, unsure: None }.verdict(2.5), Verdict::Ok);
    }

    #[test]
    fn few_images_give_their_largest_score() {
        let threshold = threshold_from_good(&[5.0, 7.0], 0.99).expect("there are scores");
        assert_eq!(threshold, 7.0_f64.next_up());
    }

    #[test]
    fn a_predicted_threshold_follows_by_hand() {
        // Logarithms 0, 1, 2, 3, 4: mean 2, variance 2.5; t(0.95; 4) = 2.131847.
        let scores: Vec<f64> = (0..5).map(|power| f64::from(power).exp()).collect();
        let golden = 2.0 + 2.131_846_786 * (2.5_f64 * 1.2).sqrt();
        let found = predicted_threshold(&scores, 0.95).expect("there are scores");
        assert!((found.ln() - golden).abs() < 1e-8, "{}", found.ln());
        // In other units it is the same score.
        let scaled: Vec<f64> = scores.iter().map(|score| 1e3 * score).collect();
        let of_scaled = predicted_threshold(&scaled, 0.95).expect("there are scores");
        assert!((of_scaled / found - 1e3).abs() < 1e-6);
    }

    #[test]
    fn a_threshold_is_not_predicted_where_that_makes_no_sense() {
        let many: Vec<f64> = (1..=100).map(f64::from).collect();
        for scores in [&[1.0, 2.0, 3.0][..], &[1.0, 2.0, 3.0, 0.0], &[1.0, 2.0, 3.0, -1.0], &many] {
            assert_eq!(predicted_threshold(scores, 0.95), threshold_from_good(scores, 0.95));
        }
        assert_eq!(predicted_threshold(&many[..9], 1.0), threshold_from_good(&many[..9], 1.0));
        assert_eq!(predicted_threshold(&[], 0.95), Err(ScoreError::NoScores));
        let out_of_range = predicted_threshold(&many[..9], -0.5);
        assert_eq!(out_of_range, Err(ScoreError::Quantile { found: -0.5 }));
    }
}
