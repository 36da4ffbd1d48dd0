//! Errors of files and of tensors in them.

use std::path::PathBuf;

/// File that cannot be read or written, or does not hold what it should.
///
/// Faults of the file as a whole name its path, those within it the tensor or metadata key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused to read or write `path`.
    #[error("cannot access {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// `path` does not start with a valid safetensors header.
    #[error("{} is not a safetensors file: {reason}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Fault of the header.
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
        /// Expected value.
        expected: &'static str,
    },
    /// A tensor that is needed is not there.
    #[error("tensor {name:?} is missing")]
    MissingTensor {
        /// The tensor.
        name: String,
    },
    /// A tensor that has no place in the file.
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
        /// The shape that is needed.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// A tensor of the wrong element type.
    #[error("tensor {name:?} holds {found}, expected {expected}")]
    Dtype {
        /// The tensor.
        name: String,
        /// The element type that is needed.
        expected: String,
        /// The element type found.
        found: String,
    },
    /// A value that is NaN or infinite.
    #[error("tensor {name:?} holds a value that is not finite, at position {position}")]
    NonFinite {
        /// The tensor.
        name: String,
        /// Position of the first such value.
        position: usize,
    },
}
