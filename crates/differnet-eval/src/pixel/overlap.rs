//! Overlap of flagged and defect pixels at the best threshold.

use super::value_bins::Bin;

/// The threshold that suits the pixels best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BestOverlap {
    /// Pixels at or above it are flagged.
    pub(super) threshold: f64,
    /// `2 TP / (flagged + defects)`, the harmonic mean of precision and recall.
    pub(super) f1: f64,
    /// `TP / (flagged + defects - TP)`.
    pub(super) iou: f64,
}

/// The largest F1 and IoU over all thresholds; of equal ones, at the highest threshold.
///
/// - `bins`: by falling value, with their lower edges
/// - `defects`: defect pixels of all bins, at least one
pub(super) fn best_overlap(bins: &[(f32, &Bin)], defects: usize) -> BestOverlap {
    let (mut flagged, mut found) = (0, 0);
    let mut best = BestOverlap { threshold: f64::INFINITY, f1: 0.0, iou: 0.0 };
    for (edge, bin) in bins {
        flagged += bin.good + bin.defects;
        found += bin.defects;
        // Equal fractions round to equal numbers, so ties are told apart reliably.
        let f1 = (2 * found) as f64 / (flagged + defects) as f64;
        if f1 > best.f1 {
            let iou = found as f64 / (flagged + defects - found) as f64;
            best = BestOverlap { threshold: f64::from(*edge), f1, iou };
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(bins: &[(f32, usize, usize)]) -> BestOverlap {
        let bins: Vec<(f32, Bin)> = bins
            .iter()
            .map(|&(edge, good, defects)| (edge, Bin { good, defects, ..Default::default() }))
            .collect();
        let defects = bins.iter().map(|(_, bin)| bin.defects).sum();
        let bins: Vec<(f32, &Bin)> = bins.iter().map(|(edge, bin)| (*edge, bin)).collect();
        best_overlap(&bins, defects)
    }

    #[test]
    fn hand_derived_values() {
        // F1 by falling threshold: 2/5, 4/6, 4/7, 6/10, 8/11, 8/18.
        let bins = [(9.0, 0, 1), (8.0, 0, 1), (7.0, 1, 0), (5.0, 2, 1), (1.0, 0, 1), (0.0, 7, 0)];
        let golden = BestOverlap { threshold: 1.0, f1: 8.0 / 11.0, iou: 4.0 / 7.0 };
        assert_eq!(best(&bins), golden);
        let golden = BestOverlap { threshold: 2.0, f1: 1.0, iou: 1.0 };
        assert_eq!(best(&[(2.0, 0, 3), (1.0, 9, 0)]), golden);
    }

    #[test]
    fn of_equal_thresholds_the_highest_is_taken() {
        // 2/4 with one found and one false alarm, then 4/8 with two found and four.
        let bins = [(4.0, 1, 1), (3.0, 3, 1)];
        assert_eq!(best(&bins).threshold, 4.0);
    }
}
