//! Quantiles by the two definitions that thresholds and intervals ask for.

use crate::error::ScoreError;

/// Quantile without interpolation: the smallest number that at least a share `q` of `values` do not
/// exceed, always one of them.
///
/// # Errors
/// [`ScoreError::NoScores`] without values, [`ScoreError::Quantile`] if `q` is not in `[0, 1]`.
pub fn quantile(values: &[f64], q: f64) -> Result<f64, ScoreError> {
    nth_smallest(values, q, values.len() as f64 * q)
}

/// Quantile at `share` in \[0, 1\] of sorted values, linear between neighbours (NumPy's default
/// rule).
///
/// # Panics
/// If there are no values, or `share` is not in \[0, 1\].
pub fn interpolated_quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = sorted[position.floor() as usize];
    let above = sorted[position.ceil() as usize];
    below + (above - below) * position.fract()
}

/// The value with the given rank, counted from 1 and rounded up to one that exists.
pub(crate) fn nth_smallest(values: &[f64], q: f64, rank: f64) -> Result<f64, ScoreError> {
    if values.is_empty() {
        return Err(ScoreError::NoScores);
    }
    if !(0.0..=1.0).contains(&q) {
        return Err(ScoreError::Quantile { found: q });
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // 20 · 0.95 is a hair above 19 in binary: the hair is no reason to take the next value.
    let rank = (rank - 1e-9).ceil().max(1.0) as usize;
    Ok(sorted[rank.min(values.len()) - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        let values = [4.0, 1.0, 3.0, 2.0];
        for (q, expected) in [(0.0, 1.0), (0.25, 1.0), (0.26, 2.0), (0.5, 2.0), (1.0, 4.0)] {
            assert_eq!(quantile(&values, q), Ok(expected), "{q}");
        }
        assert_eq!(quantile(&values, 1.5), Err(ScoreError::Quantile { found: 1.5 }));
        assert_eq!(quantile(&[], 0.5), Err(ScoreError::NoScores));
    }

    #[test]
    fn interpolated_quantiles_are_linear_between_neighbours() {
        assert_eq!(interpolated_quantile(&[1.0, 2.0, 4.0], 0.25), 1.5);
        assert_eq!(interpolated_quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(interpolated_quantile(&[1.0, 2.0, 4.0], 1.0), 4.0);
        assert_eq!(interpolated_quantile(&[5.0], 0.975), 5.0);
    }
}
