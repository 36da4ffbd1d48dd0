//! Area under the per-region overlap: localization with every defect counted alike.

use super::share::Share;
use super::value_bins::Bin;

/// False positive rate up to which the curve counts, as in MVTec AD's evaluation; at larger rates
/// a segmentation is of no use.
const LIMIT: f64 = 0.3;

/// Area under the mean overlap over the false positive rate from 0 to [`LIMIT`], over [`LIMIT`].
///
/// Bins are joined by straight lines; the line that crosses the limit is cut there.
/// - `bins`: by falling value, with at least one good and one defect pixel
/// - `good`, `regions`: the totals of the bins
pub(super) fn aupro(bins: &[(f32, &Bin)], good: usize, regions: usize) -> f64 {
    let (mut flagged_good, mut overlap_sum) = (0, Share::default());
    let (mut rate, mut overlap) = (0.0, 0.0);
    let mut area = 0.0;
    for (_, bin) in bins {
        flagged_good += bin.good;
        overlap_sum += bin.overlap;
        let next_rate = flagged_good as f64 / good as f64;
        let next_overlap = overlap_sum.to_f64() / regions as f64;
        if next_rate > LIMIT {
            let at_limit = overlap + (next_overlap - overlap) * (LIMIT - rate) / (next_rate - rate);
            area += (LIMIT - rate) * (overlap + at_limit) / 2.0;
            break;
        }
        area += (next_rate - rate) * (overlap + next_overlap) / 2.0;
        (rate, overlap) = (next_rate, next_overlap);
    }
    area / LIMIT
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bin with pixels of regions: `(pixels, size of their region)`.
    fn bin(good: usize, parts: &[(usize, usize)]) -> Bin {
        let mut overlap = Share::default();
        for &(part, whole) in parts {
            overlap += Share::of(part, whole);
        }
        Bin { good, defects: parts.iter().map(|part| part.0).sum(), overlap }
    }

    fn aupro_of(bins: &[Bin], good: usize, regions: usize) -> f64 {
        let bins: Vec<(f32, &Bin)> = bins.iter().map(|bin| (0.0, bin)).collect();
        aupro(&bins, good, regions)
    }

    #[test]
    fn the_curve_may_end_a_segment_at_the_limit() {
        // Regions of 1 and 3 pixels among 10 good ones. Overlap (1 + 1/3) / 2 = 2/3 before the
        // first false positive and up to rate 0.1, then (1 + 2/3) / 2 = 5/6 at rate 0.3:
        // 0.1 · 2/3 + 0.2 · (2/3 + 5/6) / 2 = 13/60, over 0.3.
        let bins = [
            bin(0, &[(1, 1)]),
            bin(0, &[(1, 3)]),
            bin(1, &[]),
            bin(2, &[(1, 3)]),
            bin(7, &[(1, 3)]),
        ];
        assert!((aupro_of(&bins, 10, 2) - 13.0 / 18.0).abs() < 1e-15);
    }

    #[test]
    fn a_segment_across_the_limit_is_cut_there() {
        // As before, but the tie reaches rate 0.4. At 0.3 the overlap is 2/3 + 1/6 · 2/3 = 7/9:
        // 0.1 · 2/3 + 0.2 · (2/3 + 7/9) / 2 = 19/90, over 0.3.
        let bins = [
            bin(0, &[(1, 1)]),
            bin(0, &[(1, 3)]),
            bin(1, &[]),
            bin(3, &[(1, 3)]),
            bin(6, &[(1, 3)]),
        ];
        assert!((aupro_of(&bins, 10, 2) - 19.0 / 27.0).abs() < 1e-15);
    }

    #[test]
    fn perfect_constant_and_worst_maps_have_known_areas() {
        let perfect = [bin(0, &[(4, 4), (2, 2)]), bin(50, &[])];
        assert!((aupro_of(&perfect, 50, 2) - 1.0).abs() < 1e-15);
        // One segment from (0, 0) to (1, 1): 0.3² / 2, over 0.3.
        let constant = [bin(50, &[(4, 4), (2, 2)])];
        assert!((aupro_of(&constant, 50, 2) - 0.15).abs() < 1e-15);
        let worst = [bin(50, &[]), bin(0, &[(4, 4), (2, 2)])];
        assert_eq!(aupro_of(&worst, 50, 2), 0.0);
    }
}
