//! The anomaly score τ (Eq. 5): −log p_Z averaged over an image's transforms.

use serde::{Deserialize, Serialize};

use crate::error::ScoreError;

/// Average of the scores of an image's transforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Average {
    /// The mean, as in Eq. 5.
    Mean,
    /// The exponential of the mean logarithm: a single transform whose score explodes moves it
    /// little.
    GeometricMean,
    /// The mean of the middle half: a quarter of the transforms may score anything.
    InterquartileMean,
}

/// The mean of `values` between their quartiles; of the values on a quartile the share within counts.
fn interquartile_mean(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // On a line on which each value has a length of 1.
    let count = sorted.len() as f64;
    let (lower, upper) = (0.25 * count, 0.75 * count);
    let share = |index: usize| {
        let start = index as f64;
        ((start + 1.0).min(upper) - start.max(lower)).max(0.0)
    };
    // An infinite value without a share would make the sum NaN.
    let within = sorted.iter().enumerate().map(|(index, value)| (share(index), value));
    let sum: f64 =
        within.filter(|(share, _)| *share > 0.0).map(|(share, value)| share * value).sum();
    sum / (upper - lower)
}

/// −log p_Z(z) of each latent, up to the constant d/2 · log 2π: `‖z‖²/2`, in nats.
///
/// `p_Z` is the standard normal; Eq. 5 leaves the log-determinant out, and so does this.
/// - `latents`: `[rows, features]` row by row
/// - result: one per row; larger is more anomalous, infinite if a latent overflowed
///
/// # Panics
/// If `features` is zero.
pub fn transform_scores(latents: &[f32], features: usize) -> Vec<f64> {
    let scores = latents.chunks_exact(features).map(|row| {
        let score = row.iter().map(|z| f64::from(*z) * f64::from(*z)).sum::<f64>() / 2.0;
        // A latent that overflowed is as far from normal as can be, also where ∞ − ∞ made it NaN.
        if score.is_nan() { f64::INFINITY } else { score }
    });
    scores.collect()
}

/// Anomaly score τ of an image from the scores of its transforms (Eq. 5), in nats.
///
/// # Errors
/// [`ScoreError::NoTransforms`] if there are none.
pub fn anomaly_score(transform_scores: &[f64], average: Average) -> Result<f64, ScoreError> {
    if transform_scores.is_empty() {
        return Err(ScoreError::NoTransforms);
    }
    let count = transform_scores.len() as f64;
    Ok(match average {
        Average::Mean => transform_scores.iter().sum::<f64>() / count,
        Average::GeometricMean => {
            let logarithms = transform_scores.iter().map(|score| score.ln());
            (logarithms.sum::<f64>() / count).exp()
        }
        Average::InterquartileMean => interquartile_mean(transform_scores),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transform_scores_are_half_the_squared_norm() {
        assert_eq!(transform_scores(&[3.0, 4.0, 0.0, 0.0], 2), [12.5, 0.0]);
    }

    #[test]
    fn an_overflowed_latent_scores_infinity() {
        assert_eq!(transform_scores(&[f32::NAN, 0.0, f32::INFINITY, 0.0], 2), [f64::INFINITY; 2]);
    }

    #[test]
    fn averages_by_hand() {
        let scores = [1.0, 100.0];
        assert_eq!(anomaly_score(&scores, Average::Mean), Ok(50.5));
        let geometric = anomaly_score(&scores, Average::GeometricMean).expect("two transforms");
        assert!((geometric - 10.0).abs() < 1e-12); // √(1 · 100)
        assert_eq!(anomaly_score(&[], Average::Mean), Err(ScoreError::NoTransforms));
    }

    #[test]
    fn the_middle_half_by_hand() {
        let middle = |scores: &[f64]| anomaly_score(scores, Average::InterquartileMean);
        assert_eq!(middle(&[7.0]), Ok(7.0));
        assert_eq!(middle(&[9.0, 1.0]), Ok(5.0));
        // A quarter of 1 and of 8, all of 3: (1 / 4 + 3 + 8 / 4) / 1.5.
        assert_eq!(middle(&[8.0, 1.0, 3.0]), Ok(3.5));
        // Of 4 the outer ones do not count, of 6 half of the second and the fifth.
        assert_eq!(middle(&[f64::INFINITY, 2.0, -9.0, 4.0]), Ok(3.0));
        assert_eq!(middle(&[1.0, 2.0, 3.0, 4.0, 6.0, 50.0]), Ok((1.0 + 7.0 + 3.0) / 3.0));
        let half = [f64::INFINITY, f64::INFINITY, 2.0, 4.0];
        assert_eq!(middle(&half), Ok(f64::INFINITY));
    }

    #[test]
    fn a_zero_score_makes_the_geometric_mean_zero() {
        assert_eq!(anomaly_score(&[0.0, 5.0], Average::GeometricMean), Ok(0.0));
    }
}
