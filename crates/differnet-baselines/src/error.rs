//! What can go wrong while fitting, storing or using a competitor.

use std::path::PathBuf;

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
        /// How far the optimality conditions are violated.
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
    /// The operating system refused to read or write `path`.
    #[error("cannot access {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// `path` is no valid safetensors file.
    #[error("{} is not a safetensors file, or cut short", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: safetensors::SafeTensorError,
    },
    /// `path` has been altered since it was written.
    #[error("{} is damaged: its content does not match its checksum", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
    },
    /// The metadata lack a key.
    #[error("{} lacks the metadata key {key:?}: is it a model of this kind?", path.display())]
    MissingMetadata {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// A metadata value that cannot be understood.
    #[error("{}: metadata key {key:?} holds {value:?}, which is not {expected}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The value found.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A tensor that the model needs is not there.
    #[error("{}: tensor {name:?} is missing", path.display())]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor that is no part of the model.
    #[error("{}: tensor {name:?} is no part of this model", path.display())]
    UnexpectedTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor of the wrong shape.
    #[error("{}: tensor {name:?} has shape {found:?}, expected {expected:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape that the other tensors ask for.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// A tensor of the wrong element type.
    #[error("{}: tensor {name:?} holds {found}, expected {expected}", path.display())]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The element type that the model needs.
        expected: String,
        /// The element type found.
        found: String,
    },
    /// A value that is NaN, infinite or out of its range.
    #[error("{}: tensor {name:?} holds a value that is not {expected}, at position {position}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its range, in words.
        expected: &'static str,
        /// Where the first such value stands.
        position: usize,
    },
}
