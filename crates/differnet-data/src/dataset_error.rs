//! Errors of data sets, each with its remedy.

use std::path::PathBuf;

use crate::causes::with_causes;
use crate::folder_doubts::{DoubtfulFolder, remedy};
use crate::listing::{EXTENSIONS, UnreadableFolder};
use crate::mask::MaskError;

/// Error that keeps a folder from becoming a data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The operating system refused a folder or file.
    #[error("cannot read {}", path.display())]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// There is no such file or folder.
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
        /// Path that was named.
        path: PathBuf,
    },
    /// A folder without any image.
    #[error("{} holds no images (looked for names ending in {})", path.display(), EXTENSIONS.join(", "))]
    NoImages {
        /// The folder.
        path: PathBuf,
    },
    /// Folders that could not be searched.
    #[error("{}; allow them to be read, or move them away", unreadable(folders))]
    UnreadableFolders {
        /// Each folder and what the operating system said.
        folders: Vec<UnreadableFolder>,
    },
    /// Folders of images to train on whose names say that they are something else.
    #[error("{} holds images that may not show good parts: {}; {}", path.display(), listed(folders), remedy(path, folders))]
    DoubtfulFolders {
        /// The folder to train on.
        path: PathBuf,
        /// The folders in doubt, sorted.
        folders: Vec<DoubtfulFolder>,
    },
    /// Folders of images to test with, or to set a threshold by, whose names say that they are something else.
    #[error("{} holds images that may not show {expected}: {}; name the folder that holds nothing else", path.display(), listed(folders))]
    OtherImages {
        /// The folder that was named.
        path: PathBuf,
        /// Expected content of its images, in words.
        expected: &'static str,
        /// The folders in doubt, sorted.
        folders: Vec<DoubtfulFolder>,
    },
    /// Test images that lie in no folder of a kind.
    #[error("{} holds {images} test images that lie in no folder: move them to a folder good, or to one named after the defect", path.display())]
    NoKind {
        /// The folder of test images.
        path: PathBuf,
        /// Number of these images.
        images: usize,
    },
    /// None of the folders of test images is known to hold good ones.
    #[error(
        "{} has no folder that is known to hold good images by its name (good, ok, normal, pass, ...), so {} may hold them: rename that one to good, or make an empty folder good if there are none",
        path.display(), kinds.join(", ")
    )]
    NoGoodKind {
        /// The folder of test images.
        path: PathBuf,
        /// Its folders whose names do not say what they hold, sorted.
        kinds: Vec<String>,
    },
    /// No category of a layout with categories.
    #[error("{} has no {marker} and no category that has one: the layout {layout} is ROOT/CATEGORY/{marker}", path.display())]
    NoCategory {
        /// The folder.
        path: PathBuf,
        /// The layout's name.
        layout: &'static str,
        /// The folder that every category has.
        marker: &'static str,
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
    /// A tree without what the chosen layout needs.
    #[error("{} has no {needs}: the layout {layout} is {tree}", path.display())]
    OtherLayout {
        /// The folder.
        path: PathBuf,
        /// Missing part.
        needs: &'static str,
        /// The layout's name.
        layout: &'static str,
        /// Tree of the layout.
        tree: &'static str,
    },
    /// The same images in several resolutions, and none was chosen.
    #[error("{} holds images in several resolutions, name the folder of one: {}", path.display(), folders.join(", "))]
    ManyResolutions {
        /// The folder.
        path: PathBuf,
        /// The folders of resolutions in it, sorted.
        folders: Vec<String>,
    },
    /// No good image among those that the layout would train on.
    #[error("{} holds no good image to train on: {rule}", path.display())]
    NothingToTrainOn {
        /// The folder.
        path: PathBuf,
        /// Rule that says which images are trained on.
        rule: &'static str,
    },
    /// An image that only a mask would tell to be good or defective.
    #[error("{} has no mask {mask} beside it, which tells whether it is good: complete the copy of the data set", image.display())]
    NoMask {
        /// The image.
        image: PathBuf,
        /// The stem of the mask.
        mask: String,
    },
    /// A mask that would tell an image to be good or defective cannot be read.
    #[error("cannot tell whether {} is good: its mask cannot be read", image.display())]
    Mask {
        /// The image.
        image: PathBuf,
        /// Cause.
        source: MaskError,
    },
    /// No list that splits a category.
    #[error(
        "{} is split by {name} (layout {layout}), which does not lie in a folder above it: copy it there from the publisher's archive",
        category.display()
    )]
    NoSplitList {
        /// The category's folder.
        category: PathBuf,
        /// The layout's name.
        layout: &'static str,
        /// The list, from the folder above on.
        name: String,
    },
    /// A line of a list that splits a data set is not understood.
    #[error("{}, line {line}: expected {expected}", list.display())]
    SplitLine {
        /// The list.
        list: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// Expected content.
        expected: &'static str,
    },
    /// A split of Real-IAD is not understood.
    #[error("{} is no split of Real-IAD: copy it again from the publisher's archive", list.display())]
    SplitJson {
        /// The file.
        list: PathBuf,
        /// Cause.
        source: serde_json::Error,
    },
    /// A list that splits a data set names a file that is not there.
    #[error("{} lists {}, which does not exist: complete the copy of the data set", list.display(), path.display())]
    ListedMissing {
        /// The list.
        list: PathBuf,
        /// The image or mask.
        path: PathBuf,
    },
    /// A list that splits a data set has a defective image among those to train on.
    #[error("{} lists the defective {} to train on: take the publisher's split for training on good images alone", list.display(), image.display())]
    ListedDefect {
        /// The list.
        list: PathBuf,
        /// The image.
        image: PathBuf,
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
        /// Folder that was searched.
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

fn unreadable(folders: &[UnreadableFolder]) -> String {
    let lines: Vec<String> = folders.iter().map(UnreadableFolder::with_causes).collect();
    lines.join(", ")
}

fn listed(folders: &[DoubtfulFolder]) -> String {
    let folders: Vec<String> = folders.iter().map(ToString::to_string).collect();
    folders.join(", ")
}
