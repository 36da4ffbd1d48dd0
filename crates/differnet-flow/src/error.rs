//! What can go wrong while building, storing or training a flow.

use std::path::PathBuf;

/// A flow that cannot be built, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
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
    /// The operating system refused to read or write `path`.
    #[error("cannot access {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Writing to a stream failed.
    #[error("cannot write the tensors")]
    Write {
        /// The stream's reason.
        source: std::io::Error,
    },
    /// `path` does not start with a valid safetensors header.
    #[error("{} is not a safetensors file: {reason}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with the header.
        reason: String,
    },
    /// `path` is shorter or longer than its header says.
    #[error("{} has {found} bytes where its header promises {expected}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes promised by the header.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// `path` has been altered since it was written.
    #[error("{} is damaged: its content does not match its checksum", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
    },
    /// The metadata lack a key.
    #[error("metadata lack the key {key:?}")]
    MissingMetadata {
        /// The key.
        key: String,
    },
    /// A metadata value that cannot be understood.
    #[error("metadata key {key:?} holds {value:?}, which is not {expected}")]
    Metadata {
        /// The key.
        key: String,
        /// The value found.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A tensor that the flow needs is not there.
    #[error("tensor {name:?} is missing")]
    MissingTensor {
        /// The tensor.
        name: String,
    },
    /// A tensor that is no part of the flow.
    #[error("tensor {name:?} is no part of this flow")]
    UnexpectedTensor {
        /// The tensor.
        name: String,
    },
    /// A tensor of the wrong shape.
    #[error("tensor {name:?} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// A tensor of the wrong element type.
    #[error("tensor {name:?} holds {found}, expected {expected}")]
    Dtype {
        /// The tensor.
        name: String,
        /// The element type that the flow needs.
        expected: String,
        /// The element type found.
        found: String,
    },
    /// A stored permutation that repeats or omits an index.
    #[error("tensor {name:?} is not a permutation: index {index} at position {position}")]
    NotAPermutation {
        /// The tensor.
        name: String,
        /// Where the first wrong index stands.
        position: usize,
        /// The index that is out of range or occurs twice.
        index: i64,
    },
    /// A weight that is NaN or infinite.
    #[error("tensor {name:?} holds a value that is not finite, at position {position}")]
    NonFinite {
        /// The tensor.
        name: String,
        /// Where the first such value stands.
        position: usize,
    },
}

/// A training step that cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The flow's configuration is invalid.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// A training setting outside its range.
    #[error("{name} must be {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range, in words.
        expected: &'static str,
        /// The value given.
        found: String,
    },
    /// There is nothing to train on.
    #[error("no rows to train on")]
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
        /// The row, counted within the batch.
        row: usize,
        /// The column.
        feature: usize,
    },
    /// The loss overflowed; the weights are those of before the step.
    #[error("the loss of update {step} is not finite")]
    NonFiniteLoss {
        /// The update that was not made, counted from 1.
        step: u64,
    },
    /// A gradient overflowed although the loss did not; the trainer's weights are unusable.
    #[error("update {step} produced a gradient that is not finite")]
    NonFiniteGradient {
        /// The update, counted from 1.
        step: u64,
    },
}
