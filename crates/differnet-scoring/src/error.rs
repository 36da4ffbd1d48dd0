//! Errors of scores and thresholds.

/// Errors of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// An image without transforms has no score: the mean would be NaN.
    #[error("no transforms to average over: ask for at least 1")]
    NoTransforms,
    /// A threshold needs scores of good images.
    #[error("no scores of good images to set a threshold from")]
    NoScores,
    /// A cost that is none.
    #[error("the cost of a {name} must be finite, at least 0, found {found}")]
    Cost {
        /// Wrong verdict that it is the cost of.
        name: &'static str,
        /// The value given.
        found: f64,
    },
    /// A rate of doubt that leaves no room for doubt.
    #[error(
        "the rate of unsure verdicts must be above the false-alarm rate of {} %, found {} %",
        percent(*rate),
        percent(*found)
    )]
    Doubt {
        /// The value given.
        found: f64,
        /// The false-alarm rate.
        rate: f64,
    },
    /// A share that is none.
    #[error("the {name} must be above 0 and below 1, found {found}")]
    Share {
        /// Name of the share.
        name: &'static str,
        /// The value given.
        found: f64,
    },
    /// Too few good images for a promise.
    #[error(
        "{found} good images cannot promise a false-alarm rate of {} % with {} % confidence: at \
         least {needed} are needed; {found} can promise {:.2} %",
        percent(*rate),
        percent(*confidence),
        percent(*possible)
    )]
    TooFewForRate {
        /// Good images given.
        found: usize,
        /// Good images needed.
        needed: usize,
        /// The false-alarm rate asked for.
        rate: f64,
        /// The confidence asked for.
        confidence: f64,
        /// The lowest rate that the images can promise.
        possible: f64,
    },
    /// A quantile outside 0 to 1.
    #[error("quantile {found} is not between 0 and 1")]
    Quantile {
        /// The value given.
        found: f64,
    },
}

/// A share in percent, without the noise of binary fractions: 0.07 is 7, not 7.000000000000001.
pub fn percent(share: f64) -> f64 {
    (share * 1e8).round() / 1e6
}
