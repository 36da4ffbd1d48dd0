//! Area under the receiver operating characteristic (Section 4.3), the paper's headline number.

use crate::error::MetricError;
use crate::ranking::Ranking;

/// Probability that a random defect scores above a random good image; a tie counts half.
///
/// This is the Mann-Whitney rank statistic, equal to the trapezoid area under [`crate::roc_curve`].
/// Pairs are counted in integers, so the result is the exact ratio rounded once.
/// - `scores`: one an image, larger is more anomalous; infinite scores are allowed
/// - `defects`: one an image, `true` for a defect
/// - result: in \[0, 1\]; 0.5 is chance
///
/// # Errors
/// [`MetricError`] if the lengths differ, a score is NaN, or good or defect images are missing.
pub fn auroc(scores: &[f64], defects: &[bool]) -> Result<f64, MetricError> {
    let ranking = Ranking::new(scores, defects)?;
    let groups = ranking.groups.iter().map(|group| (group.good, group.defects));
    Ok(area(groups, ranking.good, ranking.defects))
}

/// AUROC of tie groups `(good, defects)` given by falling score; the totals must be positive.
pub(crate) fn area(
    groups: impl Iterator<Item = (usize, usize)>,
    good: usize,
    defects: usize,
) -> f64 {
    // A defect wins against the good images below its group and half-wins within it; doubling
    // keeps the halves whole, and 128 bits hold the product of any two counts.
    let mut twice_wins = 0_u128;
    let mut good_below = good;
    for (group_good, group_defects) in groups {
        good_below -= group_good;
        twice_wins += group_defects as u128 * (2 * good_below as u128 + group_good as u128);
    }
    twice_wins as f64 / (2 * good as u128 * defects as u128) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_inputs::tied_scores;

    /// The definition, pair by pair.
    fn auroc_by_pairs(scores: &[f64], defects: &[bool]) -> f64 {
        let (mut wins, mut pairs) = (0.0, 0.0);
        for (defect, _) in scores.iter().zip(defects).filter(|pair| *pair.1) {
            for (good, _) in scores.iter().zip(defects).filter(|pair| !*pair.1) {
                pairs += 1.0;
                wins += if defect > good { 1.0 } else { 0.5 * f64::from(defect == good) };
            }
        }
        wins / pairs
    }

    proptest! {
        #[test]
        fn equals_the_pair_counting_definition((scores, defects) in tied_scores()) {
            let value = auroc(&scores, &defects).expect("valid input");
            prop_assert!((value - auroc_by_pairs(&scores, &defects)).abs() < 1e-12);
        }

        #[test]
        fn is_unchanged_by_strictly_monotone_maps((scores, defects) in tied_scores()) {
            let mapped: Vec<f64> = scores.iter().map(|s| (s / 3.0).exp() - 7.0).collect();
            prop_assert_eq!(auroc(&scores, &defects), auroc(&mapped, &defects));
        }

        #[test]
        fn negated_scores_give_the_complement((scores, defects) in tied_scores()) {
            let negated: Vec<f64> = scores.iter().map(|s| -s).collect();
            let sum = auroc(&scores, &defects).expect("valid input")
                + auroc(&negated, &defects).expect("valid input");
            prop_assert!((sum - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn hand_derived_values() {
        let defects = [false, false, true, true];
        // Of four pairs the defect at 0.35 loses one: 3 / 4.
        assert_eq!(auroc(&[0.1, 0.4, 0.35, 0.8], &defects), Ok(0.75));
        // Nothing but ties.
        assert_eq!(auroc(&[2.0; 4], &defects), Ok(0.5));
        // 3 wins and one tie: 3.5 / 4.
        assert_eq!(auroc(&[0.1, 0.4, 0.4, 0.8], &defects), Ok(0.875));
    }

    #[test]
    fn infinite_scores_rank_at_the_ends_and_tie_with_themselves() {
        let (top, bottom) = (f64::INFINITY, f64::NEG_INFINITY);
        assert_eq!(auroc(&[bottom, 1e300, top, top], &[false, false, true, true]), Ok(1.0));
        assert_eq!(auroc(&[top, top], &[false, true]), Ok(0.5));
    }
}
