//! Bins of a score histogram that shows the borderline cases whatever the tails do (Figure 6).

use differnet_scoring::{MOST_MULTIPLES, interpolated_quantile, is_off_scale};

use super::axis::round_step;

/// Limits of the number of regular bins; rounding their width up may halve it.
const FEWEST: f64 = 24.0;
const MOST: f64 = 50.0;
/// Factor by which higher scores may widen the range.
const SQUEEZE: f64 = 6.0;
/// Larger numbers are treated as this one: differences and multiples of it stay finite.
const LARGEST: f64 = 1e300;

/// Equal bins over a range, and one more at each end for what lies outside.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bins {
    /// Lower edge of the first regular bin.
    pub(super) low: f64,
    /// Width of a regular bin.
    pub(super) width: f64,
    /// Number of regular bins.
    pub(super) regular: usize,
    /// Whether there are scores below the range.
    pub(super) underflow: bool,
    /// Whether there are scores above the range.
    pub(super) overflow: bool,
}

impl Bins {
    /// Chooses bins from the bulk of `reference` (the good scores, if any), so that neither
    /// defects nor exploding scores of good images squeeze it into one bar.
    ///
    /// Scores that lie only a little outside extend the range; so does a near `threshold`. Scores of more than
    /// [`MOST_MULTIPLES`] of it always lie outside, unless there are no others.
    /// - `reference`: not empty, a part of `all`
    /// - no score is NaN; infinite scores count as outside
    pub(super) fn new(reference: &[f64], all: &[f64], threshold: Option<f64>) -> Self {
        let sorted = sorted_within_limits(reference, threshold);
        let within = sorted_within_limits(all, threshold);
        let (least, most) = (within[0], within[within.len() - 1]);

        let low_bulk = interpolated_quantile(&sorted, 0.05);
        let median = interpolated_quantile(&sorted, 0.5);
        // Reach as far up as the good scores remain of the same order as around their median:
        // six times is more than a normal (2) or an exponential distribution (4.6) needs.
        let high_bulk = [0.95, 0.9, 0.8, 0.65]
            .into_iter()
            .map(|share| interpolated_quantile(&sorted, share))
            .find(|&reach| reach - low_bulk <= 6.0 * (median - low_bulk))
            .unwrap_or(median);
        let spread = if high_bulk > low_bulk {
            // Differences beyond the fifth digit would need long tick labels.
            (high_bulk - low_bulk).max(1e-5 * median.abs()).max(1e-6)
        } else {
            (0.05 * median.abs()).max(0.5)
        };

        let mut high =
            if most <= high_bulk + 3.0 * spread { most } else { high_bulk + 1.5 * spread };
        let mut low = if least >= low_bulk - 2.0 * spread { least } else { low_bulk - spread };
        let margin = (spread - (high - low)).max(0.0) / 2.0;
        (low, high) = (low - margin, high + margin);
        if let Some(threshold) = threshold.filter(|t| t.is_finite()) {
            let range = high - low;
            if threshold > high && threshold <= high + 2.0 * range {
                high = threshold + 0.03 * range;
            }
            if threshold < low && threshold >= low - 2.0 * range {
                low = threshold - 0.03 * range;
            }
        }

        let mut wanted = (2.0 * (all.len() as f64).sqrt()).clamp(FEWEST, MOST);
        // Higher scores, those of defects above all, are seen apart as long as the others keep some bins.
        if most > high && most <= low + SQUEEZE * (high - low) {
            (high, wanted) = (most, MOST);
        }
        let width = round_step((high - low) / wanted);
        // The edges must not lose the outermost scores to rounding.
        let mut first = (low / width).floor();
        if first * width > low {
            first -= 1.0;
        }
        let low = first * width;
        let mut regular = ((high - low) / width - 1e-6).ceil().max(1.0) as usize;
        if low + (regular as f64) * width < high {
            regular += 1;
        }
        let mut bins = Self { low, width, regular, underflow: false, overflow: false };
        bins.underflow = all.iter().any(|&score| score < bins.low);
        bins.overflow = all.iter().any(|&score| score > bins.high());
        bins
    }

    /// Upper edge of the last regular bin.
    pub(super) fn high(&self) -> f64 {
        self.low + self.regular as f64 * self.width
    }

    /// Share of `scores`, in percent, in each bin: underflow, regular bins, overflow.
    pub(super) fn percentages(&self, scores: &[f64]) -> Vec<f64> {
        let mut counts = vec![0_usize; self.regular + 2];
        for &score in scores {
            let index = if score < self.low {
                0
            } else if score > self.high() {
                self.regular + 1
            } else {
                1 + (((score - self.low) / self.width) as usize).min(self.regular - 1)
            };
            counts[index] += 1;
        }
        counts.iter().map(|&count| 100.0 * count as f64 / scores.len().max(1) as f64).collect()
    }
}

/// The scores that bins are chosen from: those on the scale or, if there are none, all at its end.
fn sorted_within_limits(scores: &[f64], threshold: Option<f64>) -> Vec<f64> {
    let off = |score: f64| threshold.is_some_and(|threshold| is_off_scale(score, threshold));
    let most = match threshold {
        Some(threshold) if scores.iter().all(|score| off(*score)) => {
            (MOST_MULTIPLES * threshold).min(LARGEST)
        }
        _ => LARGEST,
    };
    let on_scale = scores.iter().filter(|score| most < LARGEST || !off(**score));
    let mut sorted: Vec<f64> = on_scale.map(|score| score.clamp(-LARGEST, most)).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_inputs::normal_scores;

    proptest! {
        #[test]
        fn every_score_is_in_exactly_one_bin(
            scores in prop::collection::vec(any::<f64>().prop_filter("rank", |s| !s.is_nan()), 1..40),
            threshold in any::<f64>(),
        ) {
            let bins = Bins::new(&scores, &scores, Some(threshold));
            prop_assert!(bins.low.is_finite() && bins.width > 0.0 && bins.high() > bins.low);
            prop_assert!(bins.regular as f64 <= MOST + 2.0, "{bins:?}");
            let shares = bins.percentages(&scores);
            prop_assert!((shares.iter().sum::<f64>() - 100.0).abs() < 1e-9);
            prop_assert!(bins.underflow || shares[0] == 0.0);
            prop_assert!(bins.overflow || shares[bins.regular + 1] == 0.0);
        }
    }

    #[test]
    fn exploding_good_scores_do_not_squeeze_the_bulk() {
        let mut good: Vec<f64> = normal_scores(1, 90, 0, 0.0).0;
        good.iter_mut().for_each(|score| *score = 350.0 + 20.0 * *score);
        good.extend([1e5, 1e7, 1e9, 1e9, f64::INFINITY, 3e8, 2e6, 5e5, 1e4, 1e4]);
        let bins = Bins::new(&good, &good, None);
        assert!(bins.high() < 700.0 && bins.overflow, "{bins:?}");
        let shares = bins.percentages(&good);
        assert_eq!(shares[bins.regular + 1], 10.0);
        assert!(shares[1..=bins.regular].iter().filter(|&&share| share > 0.0).count() >= 8);
    }

    #[test]
    fn huge_scores_squeeze_no_others_however_many_they_are() {
        // Half of the defects, no good images: the quantiles alone would reach for them.
        let mut scores: Vec<f64> = (0..20).map(|at| 10.0 + f64::from(at)).collect();
        scores.extend([1e14; 20]);
        let bins = Bins::new(&scores, &scores, Some(10.0));
        assert!(bins.high() < 100.0 && bins.overflow, "{bins:?}");
        let shares = bins.percentages(&scores);
        assert_eq!(shares[bins.regular + 1], 50.0);
        assert!(shares[1..=bins.regular].iter().filter(|&&share| share > 0.0).count() >= 15);
        // One of two good images.
        let bins = Bins::new(&[8.0, 1e14], &[8.0, 1e14, 12.0, 30.0], Some(10.0));
        assert!(bins.high() < 100.0, "{bins:?}");
        // All of them: the scale ends somewhere.
        let bins = Bins::new(&[1e14, 1e9], &[1e14, 1e9], Some(10.0));
        assert!(bins.high() < 2000.0 && bins.overflow, "{bins:?}");
    }

    #[test]
    fn defects_are_seen_apart_where_good_scores_keep_some_bins() {
        let (good, near) = ([6.0, 8.0, 9.0, 9.5], [18.0, 35.0, 60.0]);
        let bins = Bins::new(&good, &[&good[..], &near].concat(), Some(16.0));
        assert!(!bins.overflow && bins.high() < 63.0, "{bins:?}");
        assert!(bins.percentages(&near).iter().filter(|&&share| share > 0.0).count() == 3);
        let bins = Bins::new(&good, &[&good[..], &[18.0, 300.0]].concat(), Some(16.0));
        assert!(bins.overflow && bins.high() < 20.0, "{bins:?}");
    }

    #[test]
    fn the_range_fits_near_scores_a_near_threshold_and_a_single_score() {
        let good = [0.0, 1.0, 2.0, 3.0, 4.0];
        let bins = Bins::new(&good, &[0.0, 1.0, 2.0, 3.0, 4.0, 9.0], Some(12.0));
        assert!(!bins.overflow && bins.high() > 12.0 && bins.high() < 14.0, "{bins:?}");
        let single = Bins::new(&[383.2], &[383.2], None);
        assert!(single.low < 380.0 && single.high() > 386.0, "{single:?}");
        let far = Bins::new(&good, &good, Some(1e9));
        assert!(far.high() < 10.0, "{far:?}");
    }
}
