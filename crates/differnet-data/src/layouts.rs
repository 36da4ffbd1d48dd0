//! How published data sets and one's own photographs are arranged in folders.

pub(crate) mod folder;
pub(crate) mod masked;
pub(crate) mod mtd;
pub(crate) mod mvtec;
pub(crate) mod train_list;

use std::path::{Path, PathBuf};

use crate::dataset_error::DatasetError;
use crate::listing::require_folder;

/// Where the images of a data set lie below its root folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Layout {
    /// Whichever of the others the tree looks like.
    #[default]
    Auto,
    /// MVTec AD: `ROOT/CATEGORY/train/good`, `test/KIND`, `ground_truth/KIND/NAME_mask.png`.
    Mvtec {
        /// The category; `None` if the root is one or holds only one.
        category: Option<String>,
    },
    /// Magnetic tiles: `ROOT/MT_CLASS/Imgs/NAME.jpg` with the mask `NAME.png` beside it.
    Mtd {
        /// A file naming the training images, one a line; `None` draws 80 % of the good ones.
        train_list: Option<PathBuf>,
    },
    /// Good images only, in folders nested to any depth.
    Folder {
        /// Good images to test with; may lie inside the root.
        test_good: Option<PathBuf>,
        /// Defective images to test with; its subfolders name the kinds.
        test_defect: Option<PathBuf>,
    },
}

/// The layout that the tree below `root` has.
///
/// # Errors
/// [`DatasetError::UnknownLayout`] if the tree has a test folder that none of the layouts accounts
/// for: taking it for good images would train on defects.
pub fn detect_layout(root: &Path) -> Result<Layout, DatasetError> {
    require_folder(root)?;
    if mtd::is_root(root) {
        return Ok(Layout::Mtd { train_list: None });
    }
    if mvtec::is_category(root) || !mvtec::categories_in(root)?.is_empty() {
        return Ok(Layout::Mvtec { category: None });
    }
    for found in ["test", "ground_truth"] {
        if root.join(found).is_dir() {
            let found = found.to_owned();
            return Err(DatasetError::UnknownLayout { path: root.to_path_buf(), found });
        }
    }
    Ok(Layout::Folder { test_good: None, test_defect: None })
}
