//! What makes a score or a threshold impossible.

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
    /// A quantile outside 0 to 1.
    #[error("quantile {found} is not between 0 and 1")]
    Quantile {
        /// The value given.
        found: f64,
    },
}
