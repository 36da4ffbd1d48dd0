//! Errors of features and their cache.

use std::path::PathBuf;

use differnet_files::FileError;

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
    /// A network whose weights are neither compiled in nor loaded.
    #[error("{backbone} needs its weights, by --weights FILE.safetensors: {}", remedy(*backbone, None))]
    NoWeights {
        /// The network.
        backbone: Backbone,
    },
    /// The file of a network's weights cannot be used.
    #[error("{} is no file of {backbone}'s weights: {}", path.display(), remedy(*backbone, *fits))]
    Weights {
        /// The file.
        path: PathBuf,
        /// The network.
        backbone: Backbone,
        /// The network whose weights it holds, if it is another.
        fits: Option<Backbone>,
        /// Cause.
        source: WeightsError,
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

/// Tensors that are no weights of a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// A tensor that is missing, unknown, of another shape or type, or not finite; or a file that cannot be
    /// read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A variance below 0.
    #[error("tensor {name:?} holds a variance below 0, at position {position}")]
    NegativeVariance {
        /// The tensor.
        name: String,
        /// Position of the first such value.
        position: usize,
    },
}

/// Names the source of weights of `backbone`, or the network that a file `fits`.
fn remedy(backbone: Backbone, fits: Option<Backbone>) -> String {
    match (fits, backbone.weights_command()) {
        (Some(other), _) => format!("it holds {other}'s, use --backbone {other}"),
        (None, Some(command)) => format!("torchvision writes them by `{command}`"),
        (None, None) => format!("those of {backbone} are compiled in, leave --weights out"),
    }
}
