//! Data sets: samples, defects, and loading by layout.

use std::path::{Path, PathBuf};

use crate::dataset_error::DatasetError;
use crate::layout::Layout;
use crate::layouts::mvtec::MVTEC;
use crate::layouts::mvtec_family::{BTAD, MVTEC_AD2, MVTEC_LOCO};
use crate::layouts::real_iad::REAL_IAD;
use crate::layouts::visa::VISA;
use crate::layouts::{folder, ksdd, mtd, real_iad};
use crate::mask::Mask;

/// One image of an inspection data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The image file.
    pub image: PathBuf,
    /// The defect it shows; `None` for a good image.
    pub defect: Option<Defect>,
}

impl Sample {
    /// A good image.
    pub fn good(image: PathBuf) -> Self {
        Self { image, defect: None }
    }
}

/// Defect of the part in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// The data set's name for it, such as `scratch`.
    pub kind: String,
    /// Mask of its pixels; `None` if nobody drew one.
    pub mask: Option<Mask>,
}

/// Images to train on and images to test with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// A short name: the category, or the folder's name.
    pub name: String,
    /// Good images only, at least one, in a fixed order.
    pub train: Vec<Sample>,
    /// Good and defective images, in a fixed order; empty if the data set has none.
    pub test: Vec<Sample>,
}

impl Dataset {
    /// The data set below `root`; `seed` decides a split that the layout leaves open.
    ///
    /// No image is read (see [`BadImage::among`](crate::BadImage::among)), nor is any mask but those that tell
    /// good images from defective ones ([`Layout::Ksdd`], [`Layout::Ksdd2`]).
    ///
    /// # Errors
    /// [`DatasetError`]: the tree does not have the layout, or holds no good image to train on.
    pub fn load(root: &Path, layout: &Layout, seed: u64) -> Result<Self, DatasetError> {
        match layout {
            Layout::Auto => Self::load(root, &Layout::detect(root)?, seed),
            Layout::Mvtec { category } => MVTEC.load(root, category.as_deref()),
            Layout::MvtecLoco { category } => MVTEC_LOCO.load(root, category.as_deref()),
            Layout::MvtecAd2 { category } => MVTEC_AD2.load(root, category.as_deref()),
            Layout::Btad { category } => BTAD.load(root, category.as_deref()),
            Layout::Visa { category } => VISA.load(root, category.as_deref()),
            Layout::RealIad { category } => {
                REAL_IAD.load(&real_iad::image_root(root)?, category.as_deref())
            }
            Layout::Ksdd => ksdd::load(root),
            Layout::Ksdd2 => ksdd::load_second(root),
            Layout::Mtd { train_list } => mtd::load(root, train_list.as_deref(), seed),
            Layout::Folder { test_good, test_defect } => {
                folder::load(root, test_good.as_deref(), test_defect.as_deref())
            }
        }
    }
}

/// The name of a data set in the folder `path`.
pub(crate) fn dataset_name(path: &Path) -> String {
    // `.` and `..` have no name of their own.
    let place = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    place.file_name().map_or("dataset".to_owned(), |name| name.to_string_lossy().into_owned())
}
