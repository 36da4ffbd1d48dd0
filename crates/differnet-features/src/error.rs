//! Errors of features and their cache.

use std::path::PathBuf;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// An image has the wrong number of bytes.
    #[error("image {index} has {found} bytes; {expected} are needed (448 × 448 RGB)")]
    ImageSize {
        /// Position of the image in the call.
        index: usize,
        /// Bytes given.
        found: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// The cache folder refused an operation.
    #[error("cannot use the feature cache at {}; free space or name another folder", path.display())]
    Cache {
        /// The file or folder at fault.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
}
