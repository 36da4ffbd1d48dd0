//! What can go wrong with a data set, each with its remedy.

use std::path::PathBuf;

use crate::causes::with_causes;
use crate::listing::EXTENSIONS;

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
    /// Good and defective test images share a folder.
    #[error("{} is both for good and for defective images: name two folders", path.display())]
    TestFoldersEqual {
        /// The folder.
        path: PathBuf,
    },
}

impl DatasetError {
    /// The message and those of its causes on one line, for lists and JSON.
    pub fn with_causes(&self) -> String {
        with_causes(self)
    }
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
