//! Layout of a data set: which one a tree has, and its categories.

use std::path::{Path, PathBuf};

use crate::dataset_error::DatasetError;
use crate::folder_doubts::DoubtfulFolder;
use crate::layouts::{category, ksdd, mtd, mvtec, mvtec_family, real_iad, visa};
use crate::listing::{find_images, require_folder};
use crate::output_mark::without_outputs;

/// Layout of a data set below its root folder.
///
/// Where there are categories, `None` is the root itself or its only one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Layout {
    /// The one of these that the tree looks like.
    #[default]
    Auto,
    /// MVTec AD: `ROOT/CATEGORY/train/good`, `test/KIND`, `ground_truth/KIND/NAME_mask.png`.
    Mvtec {
        /// The category.
        category: Option<String>,
    },
    /// MVTec LOCO AD: as MVTec AD, with the masks of an image in `ground_truth/KIND/NAME`.
    MvtecLoco {
        /// The category.
        category: Option<String>,
    },
    /// MVTec AD 2: as MVTec AD, with images and masks to test with in `test_public`.
    MvtecAd2 {
        /// The category.
        category: Option<String>,
    },
    /// BTAD: `ROOT/CATEGORY/train/ok`, `test/ok`, `test/ko`, `ground_truth/ko`.
    Btad {
        /// The category.
        category: Option<String>,
    },
    /// VisA: `ROOT/CATEGORY/Data/Images`, split by `ROOT/split_csv/1cls.csv`.
    Visa {
        /// The category.
        category: Option<String>,
    },
    /// Real-IAD: `ROOT/CATEGORY/OK` and `NG`, split by `ROOT/realiad_jsons/CATEGORY.json`.
    RealIad {
        /// The category.
        category: Option<String>,
    },
    /// KolektorSDD: `ROOT/kosNN/NAME.jpg` with the mask `NAME_label.bmp` beside it.
    Ksdd,
    /// KolektorSDD2: `ROOT/train/NAME.png` and `test`, with the mask `NAME_GT.png` beside it.
    Ksdd2,
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

impl Layout {
    /// The layout that the tree below `root` has.
    ///
    /// # Errors
    /// [`DatasetError::DoubtfulFolders`] if the tree has folders that none of the layouts accounts for and
    /// whose names mean defects, masks or tests: taking them for good images would train on defects.
    pub fn detect(root: &Path) -> Result<Self, DatasetError> {
        require_folder(root)?;
        if mtd::is_root(root) {
            return Ok(Self::Mtd { train_list: None });
        }
        let category = None;
        if real_iad::is_root(root)? {
            return Ok(Self::RealIad { category });
        }
        // The publisher's other two data sets have the folders of MVTec AD, too.
        if visa::VISA.is_root(root)? {
            return Ok(Self::Visa { category });
        }
        if category::is_root(root, mvtec_family::is_ad2_category)? {
            return Ok(Self::MvtecAd2 { category });
        }
        if category::is_root(root, mvtec_family::is_loco_category)? {
            return Ok(Self::MvtecLoco { category });
        }
        if mvtec_family::BTAD.is_root(root)? {
            return Ok(Self::Btad { category });
        }
        if mvtec::MVTEC.is_root(root)? {
            return Ok(Self::Mvtec { category });
        }
        if ksdd::is_second_root(root)? {
            return Ok(Self::Ksdd2);
        }
        if ksdd::is_root(root)? {
            return Ok(Self::Ksdd);
        }
        let (images, _) = without_outputs(find_images(root)?, PathBuf::as_path);
        let folders = DoubtfulFolder::among(root, &images);
        if !folders.is_empty() {
            return Err(DatasetError::DoubtfulFolders { path: root.to_path_buf(), folders });
        }
        Ok(Self::Folder { test_good: None, test_defect: None })
    }

    /// Name of the layout on command lines and in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Mvtec { .. } => "mvtec",
            Self::MvtecLoco { .. } => "mvtec-loco",
            Self::MvtecAd2 { .. } => "mvtec-ad2",
            Self::Btad { .. } => "btad",
            Self::Visa { .. } => "visa",
            Self::RealIad { .. } => "real-iad",
            Self::Ksdd => "ksdd",
            Self::Ksdd2 => "ksdd2",
            Self::Mtd { .. } => "mtd",
            Self::Folder { .. } => "folder",
        }
    }

    /// Category of the layout, to be chosen; `None` if the layout has no categories.
    pub fn category_mut(&mut self) -> Option<&mut Option<String>> {
        match self {
            Self::Mvtec { category }
            | Self::MvtecLoco { category }
            | Self::MvtecAd2 { category }
            | Self::Btad { category }
            | Self::Visa { category }
            | Self::RealIad { category } => Some(category),
            Self::Auto | Self::Ksdd | Self::Ksdd2 | Self::Mtd { .. } | Self::Folder { .. } => None,
        }
    }

    /// The categories below `root`, sorted; none if `root` is itself one, or the layout has no categories.
    ///
    /// # Errors
    /// [`DatasetError`] if `root` is no folder or cannot be read.
    pub fn categories(&self, root: &Path) -> Result<Vec<String>, DatasetError> {
        match self {
            Self::Auto => Self::detect(root)?.categories(root),
            Self::Mvtec { .. } => mvtec::MVTEC.categories(root),
            Self::MvtecLoco { .. } => mvtec_family::MVTEC_LOCO.categories(root),
            Self::MvtecAd2 { .. } => mvtec_family::MVTEC_AD2.categories(root),
            Self::Btad { .. } => mvtec_family::BTAD.categories(root),
            Self::Visa { .. } => visa::VISA.categories(root),
            Self::RealIad { .. } => real_iad::REAL_IAD.categories(&real_iad::image_root(root)?),
            Self::Ksdd | Self::Ksdd2 | Self::Mtd { .. } | Self::Folder { .. } => Ok(Vec::new()),
        }
    }
}
