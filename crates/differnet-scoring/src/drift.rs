//! Test whether recent scores still come from the distribution of the good scores.
//!
//! A one-sided Kolmogorov–Smirnov test of two samples in each direction, with room for the defects
//! that a line always makes. Nothing is asked of how scores are distributed.

use serde::Serialize;

/// Probability that one look calls a line drifted that has not moved, for each direction, as samples grow: so
/// small, because lines are looked at after every image.
const SIGNIFICANCE: f64 = 1e-5;

/// Direction in which scores have moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Parts look less like those of training: more good ones reach the threshold than promised.
    Higher,
    /// Parts look more alike than those of training, as behind a blurred lens: defects may stay
    /// below the threshold.
    Lower,
}

/// Recent scores that are not those of the line that the good scores came from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Drift {
    /// Direction.
    pub direction: Direction,
    /// The score where the difference is largest.
    pub score: f64,
    /// Share of the recent scores that are at least this high.
    pub share: f64,
    /// Share of the good scores that are at least this high.
    pub good_share: f64,
}

/// Drift of `recent` scores from `good` ones; `None` if chance explains the difference.
///
/// With S the share of scores from a score upwards, the line has moved higher if somewhere
/// S(recent) − S(good) − d (1 − S(good)) exceeds √(ln(1/α)/2 · (1/n + 1/m)), for a share of defects
/// d, n recent and m good scores and α = 10⁻⁵, and lower if S(good) − S(recent) does: defects
/// only raise scores. Of both the larger excess is told.
pub fn drift(good: &[f64], recent: &[f64], defect_share: f64) -> Option<Drift> {
    if good.is_empty() || recent.is_empty() {
        return None;
    }
    let sizes = 1.0 / good.len() as f64 + 1.0 / recent.len() as f64;
    let limit = ((1.0 / SIGNIFICANCE).ln() / 2.0 * sizes).sqrt();
    let (good, recent) = (sorted(good), sorted(recent));
    let candidates = good.iter().chain(&recent).flat_map(|&score| {
        let (share, good_share) = (share_from(&recent, score), share_from(&good, score));
        let higher = share - good_share - defect_share * (1.0 - good_share);
        [(Direction::Higher, higher), (Direction::Lower, good_share - share)]
            .map(|(direction, excess)| (excess, Drift { direction, score, share, good_share }))
    });
    let (excess, drift) = candidates.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (excess > limit).then_some(drift)
}

/// Ascending; NaN is no proof of a good part, so it comes last.
fn sorted(scores: &[f64]) -> Vec<f64> {
    let mut scores: Vec<f64> =
        scores.iter().map(|score| if score.is_nan() { f64::INFINITY } else { *score }).collect();
    scores.sort_by(f64::total_cmp);
    scores
}

/// Share of the ascending `scores` that are at least `score`.
fn share_from(scores: &[f64], score: f64) -> f64 {
    let below = scores.partition_point(|&other| other < score);
    (scores.len() - below) as f64 / scores.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_uniform::Uniform;

    #[test]
    fn a_shift_is_told_with_the_shares_that_show_it() {
        let good: Vec<f64> = (0..100).map(f64::from).collect();
        let moved: Vec<f64> = (0..100).map(|score| f64::from(score) + 60.0).collect();
        // √(ln 10⁵ / 2 · 0.02) = 0.339; the excess is largest at 60: 1 − 0.4 − 0.05 · 0.6.
        let golden =
            Drift { direction: Direction::Higher, score: 60.0, share: 1.0, good_share: 0.4 };
        assert_eq!(drift(&good, &moved, 0.05), Some(golden));
        let back = drift(&moved, &good, 0.05).expect("as far the other way");
        assert_eq!(back.direction, Direction::Lower);
        assert!((back.good_share - back.share - 0.6).abs() < 1e-9, "{back:?}");
        let near: Vec<f64> = (0..100).map(|score| f64::from(score) + 33.0).collect();
        assert_eq!((drift(&good, &near, 0.0), drift(&good, &good, 0.0)), (None, None));
        let far: Vec<f64> = (0..100).map(|score| f64::from(score) + 34.0).collect();
        assert!(drift(&good, &far, 0.0).is_some() && drift(&good, &far, 0.05).is_none());
        assert_eq!((drift(&[], &far, 0.0), drift(&good, &[], 0.0)), (None, None));
    }

    #[test]
    fn defects_up_to_their_share_are_no_drift_and_many_are() {
        let good: Vec<f64> = (0..400).map(f64::from).collect();
        let with_defects = |count: usize| {
            let mut recent: Vec<f64> = (0..200 - count).map(|i| (i * 2) as f64).collect();
            recent.extend(vec![f64::NAN; count]);
            recent
        };
        assert_eq!(drift(&good, &with_defects(10), 0.05), None);
        let found = drift(&good, &with_defects(100), 0.05).map(|drift| drift.direction);
        assert_eq!(found, Some(Direction::Higher));
    }

    #[test]
    fn a_line_that_does_not_move_is_not_called_drifted_however_long_it_is_watched() {
        let mut uniform = Uniform::new();
        for images in [20, 80, 300] {
            for _ in 0..4 {
                let good: Vec<f64> = (0..images).map(|_| uniform.next()).collect();
                let line: Vec<f64> = (0..5000).map(|_| uniform.next()).collect();
                // Neighbours of a look are nearly the same look.
                let mut looks = line.windows(200).step_by(3);
                assert!(looks.all(|recent| drift(&good, recent, 0.0).is_none()), "{images}");
            }
        }
    }
}
