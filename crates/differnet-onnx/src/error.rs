//! Errors of ONNX files.

use std::path::PathBuf;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The file is no ONNX model.
    #[error("{} is no ONNX model, or is damaged: export it again", path.display())]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// Fault of the message.
        source: prost::DecodeError,
    },
    /// The operating system refused the file.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// Messages of this format cannot be longer than 2 GiB.
    #[error(
        "the ONNX file would have {bytes} bytes, more than the {limit} that its format can have: train with fewer flows or a narrower one"
    )]
    TooLarge {
        /// Bytes of the constants.
        bytes: usize,
        /// Most bytes.
        limit: usize,
    },
}
