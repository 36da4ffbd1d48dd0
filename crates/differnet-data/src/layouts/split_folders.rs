//! Categories whose folders tell training from test images, and good from defective ones.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, Defect, Sample, dataset_name};
use crate::dataset_error::DatasetError;
use crate::layouts::masked::{KeyedMask, MaskedImage, MaskedImages, pair, with_suffix};
use crate::listing::{find_images, folders_in, images_in, name_of};
use crate::mask::Mask;

/// Folders of a category, from the category's folder on.
pub(super) struct SplitFolders {
    /// Good images to train on.
    pub(super) train: &'static str,
    /// Images to test with, a folder a kind.
    pub(super) test: &'static str,
    /// The name of the kind of good images.
    pub(super) good: &'static str,
    /// Masks, a folder a kind; may lie inside the folder of test images.
    pub(super) ground_truth: &'static str,
    /// How masks are named and drawn.
    pub(super) masks: MaskNames,
}

/// How the masks of a kind are named and drawn.
#[derive(Clone, Copy)]
pub(super) enum MaskNames {
    /// `NAME_mask`, white where the defect is.
    Suffixed,
    /// As the image, but for the extension; not black where the defect is.
    SameStem,
    /// A folder named as the image, with any number of masks, not black where the defect is.
    FolderEach,
}

impl SplitFolders {
    /// The category in `folder`; without a folder of test images it has none.
    pub(super) fn read(&self, folder: &Path) -> Result<Dataset, DatasetError> {
        let train = find_images(&folder.join(self.train))?;
        let mut test = Vec::new();
        let test_folder = folder.join(self.test);
        if test_folder.is_dir() {
            let masks = folder.join(self.ground_truth);
            for kind_folder in folders_in(&test_folder)?.into_iter().filter(|kind| *kind != masks) {
                let kind_name = kind_folder.file_name().unwrap_or_default();
                let kind = name_of(&kind_folder);
                for MaskedImage { image, mask } in self.test_images(folder, kind_name)?.images {
                    let defect = (kind != self.good).then(|| Defect { kind: kind.clone(), mask });
                    test.push(Sample { image, defect });
                }
            }
            if test.is_empty() {
                return Err(DatasetError::NoImages { path: test_folder });
            }
        }
        Ok(Dataset {
            name: dataset_name(folder),
            train: train.into_iter().map(Sample::good).collect(),
            test,
        })
    }

    /// The test images of a kind with their masks; none if there is no such folder.
    pub(super) fn test_images(
        &self,
        category: &Path,
        kind: &OsStr,
    ) -> Result<MaskedImages, DatasetError> {
        let images = if_any(&category.join(self.test).join(kind), images_in)?;
        let masks = category.join(self.ground_truth).join(kind);
        Ok(match self.masks {
            MaskNames::Suffixed => {
                let masks = if_any(&masks, images_in)?;
                let masks = KeyedMask::by_stem(masks, Mask::half_white);
                pair(images, masks, |stem| with_suffix(stem, "_mask"))
            }
            MaskNames::SameStem => {
                let masks = if_any(&masks, images_in)?;
                pair(images, KeyedMask::by_stem(masks, Mask::not_black), OsStr::to_os_string)
            }
            MaskNames::FolderEach => {
                let mut unions = Vec::new();
                for folder in if_any(&masks, folders_in)? {
                    let key = folder.file_name().unwrap_or_default().to_os_string();
                    let union = Mask::union(images_in(&folder)?);
                    unions.extend(union.map(|mask| KeyedMask { key, mask }));
                }
                pair(images, unions, OsStr::to_os_string)
            }
        })
    }
}

/// What `list` finds in the folder; nothing if there is no such folder.
fn if_any(
    folder: &Path,
    list: fn(&Path) -> Result<Vec<PathBuf>, DatasetError>,
) -> Result<Vec<PathBuf>, DatasetError> {
    if folder.is_dir() { list(folder) } else { Ok(Vec::new()) }
}
