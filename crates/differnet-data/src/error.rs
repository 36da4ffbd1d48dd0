//! What can go wrong with an image file or a data set, each with its remedy.

use std::error::Error;
use std::path::PathBuf;

use crate::listing::EXTENSIONS;

/// Why one file did not become an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The operating system refused the file.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A folder or a device where an image file was expected.
    #[error("{} is not a file: name an image file", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// The file holds no bytes.
    #[error("{} is empty (0 bytes): copy it again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is longer than an image within the limits can be.
    #[error("{} has {bytes} bytes, more than the limit of {limit}: shrink the image or raise the limit", path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        bytes: u64,
        /// [`DecodeLimits::max_bytes`](crate::DecodeLimits::max_bytes).
        limit: u64,
    },
    /// The first bytes belong to no image format, whatever the name says.
    #[error("{} is not an image: its content is {content}, not PNG, JPEG, BMP, TIFF or WebP", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What the content looks like.
        content: Content,
    },
    /// An image of a format that this program does not read.
    #[error("{} is a {format} image: convert it to PNG, JPEG, BMP, TIFF or WebP", path.display())]
    UnsupportedFormat {
        /// The file.
        path: PathBuf,
        /// The format's name.
        format: &'static str,
    },
    /// A known format with a way of storing pixels that the decoder does not know.
    #[error("{} stores its pixels in a way that is not supported: save it as 8-bit PNG", path.display())]
    UnsupportedPixels {
        /// The file.
        path: PathBuf,
        /// What the decoder does not know.
        source: image::ImageError,
    },
    /// Floating-point samples outside 0 to 1, so black and white are unknown.
    #[error("{} has floating-point samples outside 0 to 1: save it as 8-bit PNG", path.display())]
    FloatRange {
        /// The file.
        path: PathBuf,
    },
    /// More pixels than allowed, or none at all; found before any pixel was decoded.
    #[error("{} has {width}×{height} pixels, the limit is 1 to {limit}: shrink the image or raise the limit", path.display())]
    PixelCount {
        /// The file.
        path: PathBuf,
        /// Pixels in a row, as the header claims.
        width: u32,
        /// Rows, as the header claims.
        height: u32,
        /// [`DecodeLimits::max_pixels`](crate::DecodeLimits::max_pixels).
        limit: u64,
    },
    /// Decoding would take more memory than allowed.
    #[error("{} needs more than {limit} bytes to decode: shrink the image or raise the limit", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// [`DecodeLimits::max_bytes`](crate::DecodeLimits::max_bytes).
        limit: u64,
    },
    /// The file ends before its image does.
    #[error("{} is truncated: copy it again from its source", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
    },
    /// The content contradicts its own format.
    #[error("{} is damaged: copy it again from its source", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: image::ImageError,
    },
    /// The decoder failed in a way it should not.
    #[error("{} is damaged so badly that the decoder gave up: copy it again from its source", path.display())]
    DecoderPanic {
        /// The file.
        path: PathBuf,
    },
}

impl ImageError {
    /// The message and those of its causes on one line, for lists and JSON.
    pub fn with_causes(&self) -> String {
        with_causes(self)
    }
}

/// What a file that is no image looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// Printable characters.
    Text,
    /// Zero bytes only, as an interrupted copy leaves them.
    Zeros,
    /// Anything else.
    UnknownBytes,
}

impl std::fmt::Display for Content {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Text => "text",
            Self::Zeros => "nothing but zero bytes",
            Self::UnknownBytes => "of an unknown kind",
        })
    }
}

/// Why a folder did not become a data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The operating system refused a folder or file.
    #[error("cannot read {}", path.display())]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The operating system refused to write.
    #[error("cannot write {}", path.display())]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// An image of the generated data set could not be encoded.
    #[error("cannot write the image {}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// What the encoder said.
        source: image::ImageError,
    },
    /// Nothing has this name.
    #[error("{} does not exist: check the spelling", path.display())]
    Missing {
        /// The name.
        path: PathBuf,
    },
    /// A file where a folder was expected.
    #[error("{} is a file: name the folder that holds the images", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// A folder, or a device, where a list file was expected.
    #[error("{} is not a file: name a text file with one image name per line", path.display())]
    NotAListFile {
        /// What was named.
        path: PathBuf,
    },
    /// A folder without any image.
    #[error("{} holds no images (looked for names ending in {})", path.display(), EXTENSIONS.join(", "))]
    NoImages {
        /// The folder.
        path: PathBuf,
    },
    /// The tree has test images, but nothing says which images to train on.
    #[error(
        "{} has a folder {found} but no train/good, so its layout is unclear: add train/good (layout mvtec) or choose the layout folder and name the test folders",
        path.display()
    )]
    UnknownLayout {
        /// The folder.
        path: PathBuf,
        /// The subfolder that raised the doubt.
        found: String,
    },
    /// No category of the layout `mvtec`.
    #[error("{} has no train/good and no category that has one: the layout mvtec is ROOT/CATEGORY/train/good", path.display())]
    NoCategory {
        /// The folder.
        path: PathBuf,
    },
    /// Several categories, and none was chosen.
    #[error("{} holds {} categories, choose one: {}", path.display(), categories.len(), categories.join(", "))]
    ManyCategories {
        /// The folder.
        path: PathBuf,
        /// Its categories, sorted.
        categories: Vec<String>,
    },
    /// The chosen category is not there.
    #[error("{} has no category {category}; it has: {}", path.display(), or_none(categories))]
    UnknownCategory {
        /// The folder.
        path: PathBuf,
        /// The category asked for.
        category: String,
        /// The categories there are, sorted.
        categories: Vec<String>,
    },
    /// No magnetic tiles in the tree.
    #[error("{} has no MT_Free/Imgs: the layout mtd is ROOT/MT_CLASS/Imgs", path.display())]
    NoTiles {
        /// The folder.
        path: PathBuf,
    },
    /// A train list without any name.
    #[error("{} lists no images: write one image name per line", path.display())]
    EmptyTrainList {
        /// The list.
        path: PathBuf,
    },
    /// A train list that is not text.
    #[error("{} is not text: write one image name per line, in UTF-8", path.display())]
    TrainListNotText {
        /// The list.
        path: PathBuf,
    },
    /// A train list names an image that is not there.
    #[error("{}, line {line}: no image {name} in {}", list.display(), folder.display())]
    UnknownTrainName {
        /// The list.
        list: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The name on it.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// Good training images and test images share a folder.
    #[error("{} is both the training folder and a test folder: name a folder that differs", path.display())]
    TestIsTrain {
        /// The folder.
        path: PathBuf,
    },
    /// The sample data set would mix with other files.
    #[error("{} exists with other content: choose another folder or delete it", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// A sample data set of images too small to show a part.
    #[error("sample images of {size} pixels are not possible: choose {min} to {max}")]
    SampleSize {
        /// The size asked for.
        size: u32,
        /// The smallest possible.
        min: u32,
        /// The largest possible.
        max: u32,
    },
}

impl DatasetError {
    /// The message and those of its causes on one line, for lists and JSON.
    pub fn with_causes(&self) -> String {
        with_causes(self)
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
