//! The middle of numbers and how far they usually are from it, whatever a few of them do.

/// Standard deviation of a normal distribution over its median absolute deviation.
const SIGMA_OVER_MAD: f64 = 1.4826;
/// Standard deviations beyond which a value is unusual.
const DEVIATIONS: f64 = 3.5;

/// Median and robust standard deviation of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RobustSpread {
    /// The middle value, the upper of two; 0 of none.
    pub median: f64,
    /// 1.4826 times the median distance from the median: of a normal distribution the standard
    /// deviation, and unmoved by outliers.
    pub deviation: f64,
}

impl RobustSpread {
    /// The spread of those of `values` that are finite.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        let center = median(values.clone());
        let deviations = values.iter().map(|value| (value - center).abs()).collect();
        Self { median: center, deviation: SIGMA_OVER_MAD * median(deviations) }
    }

    /// Tells whether `value` exceeds the median by more than 3.5 standard deviations and by more than
    /// `least`.
    pub fn is_exceeded_by(&self, value: f64, least: f64) -> bool {
        value - self.median > (DEVIATIONS * self.deviation).max(least)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlier_moves_nothing_and_is_far() {
        let spread = RobustSpread::of([5.0, 1.0, 2.0, 3.0, 4.0, f64::NAN, f64::NEG_INFINITY]);
        assert_eq!(spread, RobustSpread { median: 3.0, deviation: 1.4826 });
        assert_eq!(RobustSpread::of([500.0, 1.0, 2.0, 3.0, 4.0]), spread);
        assert!(spread.is_exceeded_by(8.2, 0.0) && !spread.is_exceeded_by(8.1, 0.0));
        assert!(!spread.is_exceeded_by(500.0, 498.0) && !spread.is_exceeded_by(-500.0, 0.0));
        assert!(!spread.is_exceeded_by(f64::NAN, 0.0));
    }

    #[test]
    fn the_middle_of_an_even_number_is_the_upper_and_of_none_is_zero() {
        assert_eq!(RobustSpread::of([4.0, 1.0, 3.0, 2.0]).median, 3.0);
        assert_eq!(RobustSpread::of([]), RobustSpread { median: 0.0, deviation: 0.0 });
    }
}
