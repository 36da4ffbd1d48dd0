//! Errors of building, storing and training a flow.

use differnet_files::FileError;

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
    /// The flow's file cannot be read or written, or does not hold what it should.
    #[error(transparent)]
    File(#[from] FileError),
    /// A stored permutation that repeats or omits an index.
    #[error("tensor {name:?} is not a permutation: index {index} at position {position}")]
    NotAPermutation {
        /// The tensor.
        name: String,
        /// Position of the first wrong index.
        position: usize,
        /// The index that is out of range or occurs twice.
        index: i64,
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
    /// The conditions are not one for each row, or of another width than the flow's.
    #[error("{values} values are no condition of {condition} for each of {rows} rows")]
    ConditionWidth {
        /// Values given.
        values: usize,
        /// Rows given.
        rows: usize,
        /// Width of the flow's condition.
        condition: usize,
    },
    /// A condition that holds NaN or an infinity.
    #[error("the condition of row {row} holds a value that is not finite, at column {column}")]
    NonFiniteCondition {
        /// The row, counted within the batch.
        row: usize,
        /// The column of the condition.
        column: usize,
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
