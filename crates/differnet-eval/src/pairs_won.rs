//! Pairs of a good and a defect image that each image is in and that are in the right order: what it adds to the
//! AUROC (DeLong's placement values, not yet divided).

use crate::error::MetricError;
use crate::ranking::Ranking;

/// Number of images of the other kind that each image is ordered rightly with; a tie counts half.
///
/// All pairs count for both of their images: the sum over defects, and that over good images, is the AUROC times
/// the number of pairs.
/// - `scores`: one an image, larger is more anomalous; infinite scores are allowed
/// - `defects`: one an image, `true` for a defect
///
/// # Errors
/// [`MetricError`] if the lengths differ, a score is NaN, or good or defect images are missing.
pub fn pairs_won(scores: &[f64], defects: &[bool]) -> Result<Vec<f64>, MetricError> {
    let ranking = Ranking::new(scores, defects)?;
    // By falling score: what a good image, and what a defect of each group wins.
    let (mut good_below, mut defects_above) = (ranking.good, 0);
    let groups = ranking.groups.iter().map(|group| {
        good_below -= group.good;
        let won = [
            defects_above as f64 + 0.5 * group.defects as f64,
            good_below as f64 + 0.5 * group.good as f64,
        ];
        defects_above += group.defects;
        (group.score, won)
    });
    let groups: Vec<(f64, [f64; 2])> = groups.collect();
    let won = |(&score, &defect): (&f64, &bool)| {
        let at = groups.partition_point(|group| group.0 > score);
        groups[at].1[usize::from(defect)]
    };
    Ok(scores.iter().zip(defects).map(won).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::auroc::auroc;
    use crate::test_inputs::tied_scores;

    #[test]
    fn pairs_by_hand() {
        let won = pairs_won(&[0.0, -0.0, 2.0, 2.0, 5.0], &[false, true, false, true, true]);
        assert_eq!(won, Ok(vec![2.5, 0.5, 1.5, 1.5, 2.0]));
    }

    proptest! {
        #[test]
        fn either_kind_adds_up_to_the_auroc((scores, defects) in tied_scores()) {
            let won = pairs_won(&scores, &defects).expect("valid input");
            let of = |kind: bool| -> Vec<f64> {
                won.iter().zip(&defects).filter(|pair| *pair.1 == kind).map(|pair| *pair.0).collect()
            };
            let (good, bad) = (of(false), of(true));
            let pairs = (good.len() * bad.len()) as f64;
            let auroc = auroc(&scores, &defects).expect("valid input");
            for kind in [good, bad] {
                prop_assert!((kind.iter().sum::<f64>() / pairs - auroc).abs() < 1e-12);
            }
        }
    }
}
