//! Errors of features and their cache.

use std::path::PathBuf;

use crate::backbone::Backbone;

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
    /// Gradients were asked of a network that gives none.
    #[error(
        "no gradients are known through {backbone}: use --map deviation, or train with --backbone alexnet"
    )]
    NoGradients {
        /// The network.
        backbone: Backbone,
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
