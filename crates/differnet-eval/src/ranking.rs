//! Scores sorted once, equal scores together: what every ranking metric starts from (Section 4.3).

use crate::error::MetricError;

/// All images that share one score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TieGroup {
    /// The shared score; never NaN.
    pub(crate) score: f64,
    /// Good images with this score.
    pub(crate) good: usize,
    /// Defect images with this score.
    pub(crate) defects: usize,
}

/// The images by falling score, with at least one good and one defect image among them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranking {
    /// One entry a distinct score, most anomalous first.
    pub(crate) groups: Vec<TieGroup>,
    /// Good images in all.
    pub(crate) good: usize,
    /// Defect images in all.
    pub(crate) defects: usize,
}

impl Ranking {
    /// Sorts in O(n log n). `-0.0` ties with `0.0`; an infinite score is a score like any other.
    ///
    /// # Errors
    /// As [`check_pairs`]; [`MetricError::NoGoodImage`], [`MetricError::NoDefectImage`].
    pub(crate) fn new(scores: &[f64], defects: &[bool]) -> Result<Self, MetricError> {
        check_pairs(scores, defects)?;
        let images = scores.len();
        let defect_images = defects.iter().filter(|&&defect| defect).count();
        let good_images = images - defect_images;
        if good_images == 0 {
            return Err(MetricError::NoGoodImage { images });
        }
        if defect_images == 0 {
            return Err(MetricError::NoDefectImage { images });
        }

        // Adding 0.0 turns -0.0 into 0.0, so that the total order agrees with ==.
        let mut pairs: Vec<(f64, bool)> =
            scores.iter().zip(defects).map(|(&score, &defect)| (score + 0.0, defect)).collect();
        pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let groups = pairs
            .chunk_by(|a, b| a.0 == b.0)
            .map(|tied| {
                let defects = tied.iter().filter(|(_, defect)| *defect).count();
                TieGroup { score: tied[0].0, good: tied.len() - defects, defects }
            })
            .collect();
        Ok(Self { groups, good: good_images, defects: defect_images })
    }
}

/// Accepts one label for each score and no NaN.
///
/// # Errors
/// [`MetricError::LengthsDiffer`], [`MetricError::NanScore`].
pub(crate) fn check_pairs(scores: &[f64], defects: &[bool]) -> Result<(), MetricError> {
    if scores.len() != defects.len() {
        return Err(MetricError::LengthsDiffer { scores: scores.len(), labels: defects.len() });
    }
    match scores.iter().position(|score| score.is_nan()) {
        Some(index) => Err(MetricError::NanScore { index }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_share_a_group_and_the_largest_comes_first() {
        let scores = [1.0, f64::INFINITY, -0.0, 0.0, 1.0];
        let defects = [false, true, false, true, true];
        let ranking = Ranking::new(&scores, &defects).expect("valid input");
        let golden = [
            TieGroup { score: f64::INFINITY, good: 0, defects: 1 },
            TieGroup { score: 1.0, good: 1, defects: 1 },
            TieGroup { score: 0.0, good: 1, defects: 1 },
        ];
        assert_eq!(ranking.groups, golden);
        assert_eq!((ranking.good, ranking.defects), (2, 3));
    }

    #[test]
    fn unusable_input_is_refused_with_its_reason() {
        assert_eq!(
            Ranking::new(&[1.0], &[true, false]),
            Err(MetricError::LengthsDiffer { scores: 1, labels: 2 })
        );
        assert_eq!(Ranking::new(&[], &[]), Err(MetricError::NoGoodImage { images: 0 }));
        assert_eq!(
            Ranking::new(&[1.0, 2.0], &[true, true]),
            Err(MetricError::NoGoodImage { images: 2 })
        );
        assert_eq!(Ranking::new(&[1.0], &[false]), Err(MetricError::NoDefectImage { images: 1 }));
        assert_eq!(
            Ranking::new(&[1.0, f64::NAN], &[true, false]),
            Err(MetricError::NanScore { index: 1 })
        );
    }
}
