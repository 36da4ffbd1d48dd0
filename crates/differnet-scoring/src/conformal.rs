//! Split-conformal thresholds and p-values: what good images alone guarantee.
//!
//! All that is asked of the images is that they are exchangeable with those to come: taken at random
//! from the same line, and not seen in training. How scores are distributed does not matter.
//! Vovk, "Conditional validity of inductive conformal predictors", ACML 2012, Proposition 2a.

use statrs::distribution::{Binomial, DiscreteCDF};

use crate::error::ScoreError;

/// A promise: with probability [`confidence`](Self::confidence) over the choice of the calibration
/// images, at most the share [`rate`](Self::rate) of all good parts is called defective.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FalseAlarmGuarantee {
    rate: f64,
    confidence: f64,
}

impl FalseAlarmGuarantee {
    /// Confidence where none is asked for.
    pub const CONFIDENCE: f64 = 0.95;

    /// The promise of a `rate` with a `confidence`, both above 0 and below 1.
    ///
    /// # Errors
    /// [`ScoreError::Share`] if one of them is not.
    pub fn new(rate: f64, confidence: f64) -> Result<Self, ScoreError> {
        for (name, found) in [("rate", rate), ("confidence", confidence)] {
            if !(found > 0.0 && found < 1.0) {
                return Err(ScoreError::Share { name, found });
            }
        }
        Ok(Self { rate, confidence })
    }

    /// Largest share of good parts called defective.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Probability that the share is kept.
    pub fn confidence(&self) -> f64 {
        self.confidence
    }

    /// Number of `images` calibration images that may reach the threshold; `None` if even one that
    /// none reaches promises too little.
    ///
    /// Of n scores let e lie above the threshold. The false-alarm rate then is at most a
    /// Beta(e + 1, n − e) variable, so the promise holds where P(Binomial(n, rate) ≤ e) is at most
    /// 1 − confidence.
    pub fn exceedances(&self, images: usize) -> Option<usize> {
        let binomial = Binomial::new(self.rate, images as u64).expect("a share is a probability");
        let kept = |exceeding: usize| binomial.cdf(exceeding as u64) <= 1.0 - self.confidence;
        if images == 0 || !kept(0) {
            return None;
        }
        // The largest e that keeps the promise: the distribution function only grows.
        let (mut low, mut high) = (0, images);
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            if kept(middle) { low = middle } else { high = middle }
        }
        Some(low)
    }

    /// Fewest calibration images with which the promise can be kept.
    pub fn fewest_images(&self) -> usize {
        // (1 - rate)ⁿ ≤ 1 - confidence
        let images = (1.0 - self.confidence).ln() / (-self.rate).ln_1p();
        // 299 images may come out as 299.000…01: the hair asks for no 300th.
        (images - 1e-9).ceil().max(1.0) as usize
    }

    /// The lowest threshold that keeps the promise: a hair above one of the `good` scores.
    ///
    /// # Errors
    /// [`ScoreError::TooFewForRate`] if there are too few scores for the promise.
    pub fn threshold(&self, good: &[f64]) -> Result<f64, ScoreError> {
        let Some(exceedances) = self.exceedances(good.len()) else {
            return Err(ScoreError::TooFewForRate {
                found: good.len(),
                needed: self.fewest_images(),
                rate: self.rate,
                confidence: self.confidence,
                possible: lowest_rate(good.len(), self.confidence),
            });
        };
        let mut sorted = good.to_vec();
        sorted.sort_by(f64::total_cmp);
        Ok(sorted[good.len() - 1 - exceedances].next_up().min(f64::MAX))
    }
}

/// The lowest false-alarm rate that `images` calibration images can promise with `confidence`.
pub fn lowest_rate(images: usize, confidence: f64) -> f64 {
    // 1 - (1 - confidence)^(1/n)
    -((1.0 - confidence).ln() / images as f64).exp_m1()
}

/// The share of good parts that score at least `score`, judged by the `good` scores: the conformal
/// p-value (1 + #{g ≥ score}) / (n + 1).
///
/// Of good parts, at most the share p has a p-value of p or less.
pub fn p_value(good: &[f64], score: f64) -> f64 {
    // NaN is no proof of a good part: no score reaches it.
    let reached = good.iter().filter(|&&good| good >= score).count();
    (1 + reached) as f64 / (good.len() + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_uniform::Uniform;

    fn guarantee(rate: f64, confidence: f64) -> FalseAlarmGuarantee {
        FalseAlarmGuarantee::new(rate, confidence).expect("shares")
    }

    #[test]
    fn numbers_of_images_by_hand() {
        // ln 0.05 / ln 0.999 = 2994.2 and ln 0.05 / ln 0.99 = 298.07.
        assert_eq!(guarantee(0.001, 0.95).fewest_images(), 2995);
        assert_eq!(guarantee(0.01, 0.95).fewest_images(), 299);
        assert_eq!(guarantee(0.5, 0.5).fewest_images(), 1);
        for rate in [0.001, 0.01, 0.05, 0.3] {
            let guarantee = guarantee(rate, 0.95);
            let fewest = guarantee.fewest_images();
            assert_eq!(guarantee.exceedances(fewest), Some(0), "{rate}");
            assert_eq!(guarantee.exceedances(fewest - 1), None, "{rate}");
            assert!(lowest_rate(fewest, 0.95) <= rate, "{rate}");
            assert!(lowest_rate(fewest - 1, 0.95) > rate, "{rate}");
        }
    }

    #[test]
    fn exceedances_by_hand() {
        // Two images, rate 1/2: P(Binomial ≤ 0) = 1/4, P(≤ 1) = 3/4.
        assert_eq!(guarantee(0.5, 0.7).exceedances(2), Some(0));
        assert_eq!(guarantee(0.5, 0.8).exceedances(2), None);
        assert_eq!(guarantee(0.5, 0.2).exceedances(2), Some(1));
        assert_eq!(guarantee(0.5, 0.2).threshold(&[3.0, 1.0]), Ok(1.0_f64.next_up()));
    }

    #[test]
    fn a_promise_that_cannot_be_kept_says_what_can() {
        let error = guarantee(0.01, 0.95).threshold(&[1.0; 209]).expect_err("too few");
        let ScoreError::TooFewForRate { found, needed, possible, .. } = error else {
            panic!("{error}");
        };
        assert_eq!((found, needed), (209, 299));
        assert!((possible - 0.014_23).abs() < 1e-5, "{possible}");
        assert!(FalseAlarmGuarantee::new(0.0, 0.95).is_err());
        assert!(FalseAlarmGuarantee::new(0.1, f64::NAN).is_err());
    }

    #[test]
    fn the_promise_holds_in_a_thousand_calibrations() {
        // Good scores uniform in [0, 1): a threshold's false-alarm rate is 1 - threshold, exactly.
        let mut uniform = Uniform::new();
        for (images, rate, confidence) in
            [(59, 0.05, 0.95), (209, 0.05, 0.95), (700, 0.01, 0.95), (100, 0.1, 0.8)]
        {
            let guarantee = guarantee(rate, confidence);
            let (mut broken, mut rates) = (0, 0.0);
            for _ in 0..1000 {
                let good: Vec<f64> = (0..images).map(|_| uniform.next()).collect();
                let false_alarms = 1.0 - guarantee.threshold(&good).expect("enough images");
                broken += i32::from(false_alarms > rate);
                rates += false_alarms / 1000.0;
            }
            // At most 1 - confidence are broken; three deviations for the simulation itself.
            let most = 1000.0 * (1.0 - confidence);
            let most = most + 3.0 * (most * confidence).sqrt();
            assert!(f64::from(broken) <= most, "{images} images: {broken} of 1000 broken");
            // And not by calling everything good: the mean rate is (e + 1) / (n + 1).
            let exceedances = guarantee.exceedances(images).expect("enough images");
            let expected = (exceedances + 1) as f64 / (images + 1) as f64;
            assert!((rates - expected).abs() < 0.1 * expected, "{rates} for {expected}");
        }
    }

    #[test]
    fn equal_scores_keep_the_promise() {
        let threshold = guarantee(0.5, 0.2).threshold(&[2.0, 2.0, 2.0]).expect("enough images");
        assert!(threshold > 2.0);
    }

    #[test]
    fn p_values_by_hand() {
        let good = [1.0, 2.0, 3.0];
        for (score, expected) in [(0.0, 1.0), (2.0, 0.75), (3.5, 0.25), (f64::NAN, 0.25)] {
            assert_eq!(p_value(&good, score), expected, "{score}");
        }
        assert_eq!(p_value(&[], 5.0), 1.0);
    }
}
