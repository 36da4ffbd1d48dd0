//! Errors of writing the sample data set, each with its remedy.

use std::path::PathBuf;

/// Sample data set that cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The operating system refused to write.
    #[error("cannot write {}", path.display())]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// An image could not be encoded.
    #[error("cannot write the image {}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// Error of the encoder.
        source: image::ImageError,
    },
    /// The data set would mix with other files.
    #[error("{} exists with other content: choose another folder or delete it", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// Images too small to show a part, or too large.
    #[error("sample images of {size} pixels are not possible: choose {min} to {max}")]
    Size {
        /// The size asked for.
        size: u32,
        /// The smallest possible.
        min: u32,
        /// The largest possible.
        max: u32,
    },
}
