//! What can go wrong while fitting, storing or using a competitor.

use std::path::PathBuf;

/// A model that cannot be fitted, read, written or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
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
    #[error("{} is not a safetensors file, or damaged", path.display())]
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
    #[error("{}: metadata key {key:?} is not {expected}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A model of another method.
    #[error("{} holds a model of the method {found:?}, not {expected:?}", path.display())]
    Method {
        /// The file.
        path: PathBuf,
        /// The method asked for.
        expected: &'static str,
        /// The method stored.
        found: String,
    },
    /// A tensor that the model needs is not there.
    #[error("tensor {name:?} is missing")]
    MissingTensor {
        /// The tensor.
        name: String,
    },
    /// A tensor that is no part of the model.
    #[error("tensor {name:?} is no part of this model")]
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
        /// The element type that the model needs.
        expected: String,
        /// The element type found.
        found: String,
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
