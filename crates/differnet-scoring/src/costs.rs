//! The threshold that costs least, where examples of defects exist.

use crate::error::ScoreError;

/// Costs of wrong verdicts, and the share of defects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// Cost of a defect called good, in any unit.
    pub escape: f64,
    /// Cost of a good part called defective, in the same unit.
    pub false_alarm: f64,
    /// Share of defective parts on the line.
    pub defect_share: f64,
}

/// A threshold and what it is expected to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheapestThreshold {
    /// Scores from here on are defects.
    pub threshold: f64,
    /// Expected cost of a part.
    pub cost: f64,
    /// Share of the defects below the threshold.
    pub escape_rate: f64,
    /// Share of the good parts from the threshold on.
    pub false_alarm_rate: f64,
}

impl Costs {
    /// The threshold with the least expected cost
    /// `defect_share · escape · P(τ < θ | defect) + (1 − defect_share) · false_alarm · P(τ ≥ θ | good)`,
    /// with probabilities as in `good` and `defects`.
    ///
    /// It lies in the middle between two neighbouring scores (on a logarithmic scale where both are
    /// positive: scores of defects spread over powers of ten). Of equally cheap ones it is the
    /// lowest, which lets the fewest defects pass. It is finite, whatever the scores.
    ///
    /// # Errors
    /// [`ScoreError::Cost`] or [`ScoreError::Share`] if a number is out of range,
    /// [`ScoreError::NoScores`] without scores of both kinds.
    pub fn cheapest(&self, good: &[f64], defects: &[f64]) -> Result<CheapestThreshold, ScoreError> {
        self.validate()?;
        if good.is_empty() || defects.is_empty() {
            return Err(ScoreError::NoScores);
        }
        // A threshold has to be finite, and so has what it lies between.
        let finite = |s: f64| if s.is_nan() { f64::MAX } else { s.clamp(-f64::MAX, f64::MAX) };
        let labelled =
            |scores: &[f64], defect| scores.iter().map(move |&s| (finite(s), defect)).collect();
        let mut scores: Vec<(f64, bool)> = labelled(good, false);
        scores.extend::<Vec<_>>(labelled(defects, true));
        scores.sort_by(|a, b| a.0.total_cmp(&b.0));
        let lowest = scores[0].0;
        let mut best = self.at(lowest, 0, good.len(), good.len(), defects.len());
        let (mut passed_good, mut escaped) = (0, 0);
        for (index, &(score, defect)) in scores.iter().enumerate() {
            if defect {
                escaped += 1
            } else {
                passed_good += 1
            }
            let threshold = match scores.get(index + 1) {
                Some(&(next, _)) if next == score => continue,
                Some(&(next, _)) => between(score, next),
                None => score.next_up().min(f64::MAX),
            };
            let alarms = good.len() - passed_good;
            let found = self.at(threshold, escaped, alarms, good.len(), defects.len());
            if found.cost < best.cost {
                best = found;
            }
        }
        Ok(best)
    }

    fn validate(&self) -> Result<(), ScoreError> {
        for (name, found) in [("escape", self.escape), ("false alarm", self.false_alarm)] {
            if !(found >= 0.0 && found.is_finite()) {
                return Err(ScoreError::Cost { name, found });
            }
        }
        if !(self.defect_share > 0.0 && self.defect_share < 1.0) {
            return Err(ScoreError::Share { name: "share of defects", found: self.defect_share });
        }
        Ok(())
    }

    fn at(
        &self,
        threshold: f64,
        escaped: usize,
        alarms: usize,
        good: usize,
        defects: usize,
    ) -> CheapestThreshold {
        let escape_rate = escaped as f64 / defects as f64;
        let false_alarm_rate = alarms as f64 / good as f64;
        let cost = self.defect_share * self.escape * escape_rate
            + (1.0 - self.defect_share) * self.false_alarm * false_alarm_rate;
        CheapestThreshold { threshold, cost, escape_rate, false_alarm_rate }
    }
}

/// A number above `low` and at most `high`, in the middle.
fn between(low: f64, high: f64) -> f64 {
    let middle = if low > 0.0 { low.sqrt() * high.sqrt() } else { f64::midpoint(low, high) };
    middle.clamp(low.next_up(), high)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs { escape: 100.0, false_alarm: 1.0, defect_share: 0.5 };

    #[test]
    fn separate_scores_are_divided_in_the_middle() {
        let found = COSTS.cheapest(&[0.5, 1.0], &[100.0, 400.0]).expect("valid");
        let expected = CheapestThreshold {
            threshold: 10.0,
            cost: 0.0,
            escape_rate: 0.0,
            false_alarm_rate: 0.0,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn costs_decide_where_scores_overlap() {
        let (good, defects) = ([1.0, 2.0, 4.0], [3.0, 5.0]);
        // Letting the defect at 3 pass costs 0.5 · 100 / 2, calling the good one at 4 a defect 0.5 / 3.
        let careful = COSTS.cheapest(&good, &defects).expect("valid");
        assert_eq!((careful.escape_rate, careful.false_alarm_rate), (0.0, 1.0 / 3.0));
        assert!((careful.threshold - 6.0_f64.sqrt()).abs() < 1e-12, "{careful:?}");
        assert!((careful.cost - 0.5 / 3.0).abs() < 1e-12, "{careful:?}");
        let lenient = Costs { escape: 1.0, false_alarm: 100.0, ..COSTS };
        let lenient = lenient.cheapest(&good, &defects).expect("valid");
        assert_eq!((lenient.escape_rate, lenient.false_alarm_rate), (0.5, 0.0));
        // Rare defects make the same costs lenient.
        let rare = Costs { defect_share: 1e-4, ..COSTS }.cheapest(&good, &defects).expect("valid");
        assert_eq!(rare.escape_rate, 0.5);
    }

    #[test]
    fn all_or_nothing_is_possible() {
        let free_alarms = Costs { false_alarm: 0.0, ..COSTS };
        let found = free_alarms.cheapest(&[2.0], &[1.0]).expect("valid");
        assert_eq!((found.threshold, found.cost), (1.0, 0.0));
        let free_escapes = Costs { escape: 0.0, ..COSTS };
        let found = free_escapes.cheapest(&[2.0], &[1.0]).expect("valid");
        assert_eq!((found.threshold, found.cost), (2.0_f64.next_up(), 0.0));
    }

    #[test]
    fn equal_scores_are_not_divided() {
        let found = COSTS.cheapest(&[1.0, 2.0], &[2.0]).expect("valid");
        assert_eq!((found.escape_rate, found.false_alarm_rate), (0.0, 0.5));
    }

    #[test]
    fn scores_beyond_all_numbers_leave_a_finite_threshold() {
        for defect in [f64::INFINITY, f64::NAN] {
            let found = COSTS.cheapest(&[2.0, 400.0], &[defect, defect]).expect("valid");
            assert!(found.threshold > 400.0 && found.threshold.is_finite(), "{found:?}");
            assert_eq!(found.cost, 0.0);
        }
        let found = COSTS.cheapest(&[f64::NEG_INFINITY], &[f64::INFINITY]).expect("valid");
        assert!(found.threshold.is_finite() && found.cost == 0.0, "{found:?}");
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let negative = Costs { escape: -1.0, ..COSTS };
        let error = negative.cheapest(&[1.0], &[2.0]).expect_err("negative");
        assert_eq!(error, ScoreError::Cost { name: "escape", found: -1.0 });
        let never = Costs { defect_share: 0.0, ..COSTS };
        assert!(never.cheapest(&[1.0], &[2.0]).is_err());
        assert_eq!(COSTS.cheapest(&[], &[2.0]), Err(ScoreError::NoScores));
    }
}
