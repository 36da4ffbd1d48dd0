//! Errors of fitting, storing and using a competitor.

use differnet_files::FileError;

use differnet_progress::Cancelled;

/// A model that cannot be fitted, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// The fit was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A hyperparameter outside its range.
    #[error("{name} must be {expected}, found {found}")]
    Config {
        /// The hyperparameter.
        name: &'static str,
        /// Its range, in words.
        expected: &'static str,
        /// The value given.
        found: String,
    },
    /// There is nothing to fit to.
    #[error("no rows to fit to")]
    NoRows,
    /// The number of values is no multiple of the row width.
    #[error("{values} values do not fill rows of {features} features")]
    RowWidth {
        /// Values given.
        values: usize,
        /// Width of a row.
        features: usize,
    },
    /// A row that holds NaN or an infinity.
    #[error("row {row} holds a value that is not finite, at feature {feature}")]
    NonFiniteRow {
        /// The row.
        row: usize,
        /// The column.
        feature: usize,
    },
    /// The principal components could not be computed.
    #[error("the rows have no principal components: their covariance is not finite")]
    NoComponents,
    /// The solver did not come close enough to the optimum.
    #[error(
        "no optimum after {updates} updates, still off by {violation:.3e}: choose a larger tolerance"
    )]
    NotConverged {
        /// Updates made.
        updates: u64,
        /// Violation of the optimality conditions.
        violation: f64,
    },
    /// Bytes that are no whole number of images.
    #[error("{bytes} bytes do not fill RGB images of {side} × {side} pixels")]
    Pixels {
        /// Bytes given.
        bytes: usize,
        /// Width and height of an image.
        side: usize,
    },
    /// There is nothing to fit or to score.
    #[error("no images")]
    NoImages,
    /// Images of another size than the model takes.
    #[error("images are {found} pixels wide where the model takes {expected}")]
    Side {
        /// The model's width and height.
        expected: usize,
        /// Width and height of the images given.
        found: usize,
    },
    /// A loss overflowed.
    #[error("the loss of update {step} is not finite: lower the learning rate")]
    NonFiniteLoss {
        /// The update, counted from 1.
        step: usize,
    },
    /// An image got a score that is no number.
    #[error("image {index} has a score that is not finite: the training has diverged")]
    NonFiniteScore {
        /// The image, counted from 0.
        index: usize,
    },
    /// The model's file cannot be read or written, or does not hold what it should.
    #[error(transparent)]
    File(#[from] FileError),
    /// A value out of its range.
    #[error("tensor {name:?} holds a value that is not {expected}, at position {position}")]
    Value {
        /// The tensor.
        name: String,
        /// Its range, in words.
        expected: &'static str,
        /// Position of the first such value.
        position: usize,
    },
}
