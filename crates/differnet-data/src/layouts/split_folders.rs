//! Categories whose folders tell training from test images, and good from defective ones.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, Defect, Sample, dataset_name};
use crate::dataset_error::DatasetError;
use crate::folder_names::{FolderRole, names_a_defect, role_of};
use crate::layouts::masked::{KeyedMask, MaskedImage, MaskedImages, pair, with_suffix};
use crate::listing::{find_images, folders_below, folders_in, images_in, name_of, require_folder};
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
    /// Names and levels of masks.
    pub(super) masks: MaskNames,
}

/// Names and levels of the masks of a kind.
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
    /// Tells whether `folder` has the folder of good images to train on.
    pub(super) fn is_category(&self, folder: &Path) -> bool {
        folder.join(self.train).is_dir()
    }

    /// As [`Self::is_category`], by any names that mean the same.
    pub(super) fn is_like_category(&self, folder: &Path) -> bool {
        self.train_folders(folder).is_ok_and(|folders| !folders.is_empty())
    }

    /// The category in `folder`; without a folder of test images it has none.
    pub(super) fn read(&self, folder: &Path) -> Result<Dataset, DatasetError> {
        let mut train = Vec::new();
        for good in self.train_folders(folder)? {
            train.extend(find_images(&good)?);
        }
        let mut test = Vec::new();
        for test_folder in by_role(folder, self.test, FolderRole::Test)? {
            test.extend(self.read_test(folder, &test_folder)?);
        }
        Ok(Dataset {
            name: dataset_name(folder),
            train: train.into_iter().map(Sample::good).collect(),
            test,
        })
    }

    /// The images of all kinds in `test_folder`, at least one.
    fn read_test(&self, category: &Path, test_folder: &Path) -> Result<Vec<Sample>, DatasetError> {
        let masks = by_role(category, self.ground_truth, FolderRole::Masks)?;
        let is_kind = |folder: &PathBuf| {
            !masks.contains(folder) && role_of(&name_of(folder)) != FolderRole::Masks
        };
        let folders: Vec<PathBuf> = folders_in(test_folder)?.into_iter().filter(is_kind).collect();
        let is_good = |kind: &str| kind == self.good || role_of(kind) == FolderRole::Good;
        let kinds: Vec<String> = folders.iter().map(|folder| name_of(folder)).collect();
        let loose = images_in(test_folder)?.len();
        let path = test_folder.to_path_buf();
        if loose > 0 {
            return Err(DatasetError::NoKind { path, images: loose });
        }
        if !kinds.iter().any(|kind| is_good(kind)) {
            let unknown = kinds.iter().filter(|kind| !names_a_defect(kind));
            let kinds: Vec<String> = unknown.cloned().collect();
            if !kinds.is_empty() {
                return Err(DatasetError::NoGoodKind { path, kinds });
            }
        }
        let mut test = Vec::new();
        for (folder, kind) in folders.iter().zip(kinds) {
            let masks =
                masks.iter().map(|masks| masks.join(folder.file_name().unwrap_or_default()));
            let masks = masks.into_iter().find(|masks| masks.is_dir());
            for MaskedImage { image, mask } in self.of_kind(folder, masks.as_deref())?.images {
                let defect = (!is_good(&kind)).then(|| Defect { kind: kind.clone(), mask });
                test.push(Sample { image, defect });
            }
        }
        if test.is_empty() {
            return Err(DatasetError::NoImages { path });
        }
        Ok(test)
    }

    /// The test images of a kind with their masks; none if there is no such folder.
    pub(super) fn test_images(
        &self,
        category: &Path,
        kind: &OsStr,
    ) -> Result<MaskedImages, DatasetError> {
        let masks = category.join(self.ground_truth).join(kind);
        self.of_kind(&category.join(self.test).join(kind), Some(&masks))
    }

    /// The images in the folder of a kind, at any depth; masks lie as deep as their images, or all of
    /// them right in the folder `masks`.
    fn of_kind(&self, folder: &Path, masks: Option<&Path>) -> Result<MaskedImages, DatasetError> {
        let mut below: BTreeSet<PathBuf> = if_any(folder, folders_below)?.into_iter().collect();
        // Here a folder of masks stands for one mask.
        if let (Some(masks), MaskNames::Suffixed | MaskNames::SameStem) = (masks, self.masks) {
            below.extend(if_any(masks, folders_below)?);
        }
        let mut found = MaskedImages::default();
        let mut flat = Vec::new();
        for below in below {
            let images = if_any(&folder.join(&below), images_in)?;
            let keyed = masks.map(|masks| self.keyed_masks(&masks.join(&below))).transpose()?;
            let keyed = keyed.unwrap_or_default();
            let MaskedImages { images, lone_masks } = pair(images, keyed, |stem| self.key(stem));
            if below.as_os_str().is_empty() {
                flat.clone_from(&lone_masks);
            }
            found.images.extend(images);
            found.lone_masks.extend(lone_masks);
        }
        if let Some(masks) = masks.filter(|_| !flat.is_empty()) {
            let mut keyed = self.keyed_masks(masks)?;
            keyed.retain(|keyed| flat.iter().any(|lone| lone == keyed.mask.path()));
            self.pair_flat(&mut found, keyed);
        }
        found.images.sort_by(|a, b| a.image.cmp(&b.image));
        found.lone_masks.sort();
        Ok(found)
    }

    /// Gives images without a mask the one of `masks` that their name alone tells: there must be no
    /// other image of that name.
    fn pair_flat(&self, found: &mut MaskedImages, masks: Vec<KeyedMask>) {
        let key = |image: &MaskedImage| self.key(image.image.file_stem().unwrap_or_default());
        for KeyedMask { key: wanted, mask } in masks {
            let mut named = found.images.iter_mut().filter(|image| key(image) == wanted);
            if let (Some(image), None) = (named.next(), named.next())
                && image.mask.is_none()
            {
                found.lone_masks.retain(|lone| lone != mask.path());
                image.mask = Some(mask);
            }
        }
    }

    /// Returns the key by which the mask of an image with this stem is found.
    fn key(&self, stem: &OsStr) -> std::ffi::OsString {
        match self.masks {
            MaskNames::Suffixed => with_suffix(stem, "_mask"),
            MaskNames::SameStem | MaskNames::FolderEach => stem.to_os_string(),
        }
    }

    /// The masks right in the folder; none if there is no such folder.
    fn keyed_masks(&self, folder: &Path) -> Result<Vec<KeyedMask>, DatasetError> {
        Ok(match self.masks {
            MaskNames::Suffixed => KeyedMask::by_stem(if_any(folder, images_in)?, Mask::half_white),
            MaskNames::SameStem => KeyedMask::by_stem(if_any(folder, images_in)?, Mask::not_black),
            MaskNames::FolderEach => {
                let mut unions = Vec::new();
                for folder in if_any(folder, folders_in)? {
                    let key = folder.file_name().unwrap_or_default().to_os_string();
                    let union = Mask::union(images_in(&folder)?);
                    unions.extend(union.map(|mask| KeyedMask { key, mask }));
                }
                unions
            }
        })
    }

    /// The folders of good images to train on: that of the layout, or else those whose names mean it.
    fn train_folders(&self, category: &Path) -> Result<Vec<PathBuf>, DatasetError> {
        if self.is_category(category) {
            return Ok(vec![category.join(self.train)]);
        }
        let mut found = Vec::new();
        for train in with_role(category, FolderRole::Train)? {
            found.extend(with_role(&train, FolderRole::Good)?);
        }
        Ok(found)
    }
}

/// The folder `name` of the category, or else those right in it whose names mean `role`.
fn by_role(category: &Path, name: &str, role: FolderRole) -> Result<Vec<PathBuf>, DatasetError> {
    let named = category.join(name);
    if named.is_dir() { Ok(vec![named]) } else { with_role(category, role) }
}

fn with_role(folder: &Path, role: FolderRole) -> Result<Vec<PathBuf>, DatasetError> {
    let folders = folders_in(folder)?.into_iter();
    Ok(folders.filter(|folder| role_of(&name_of(folder)) == role).collect())
}

/// Files that `list` finds in the folder; none if there is no such folder.
fn if_any(
    folder: &Path,
    list: fn(&Path) -> Result<Vec<PathBuf>, DatasetError>,
) -> Result<Vec<PathBuf>, DatasetError> {
    match require_folder(folder) {
        Ok(()) => list(folder),
        Err(DatasetError::Missing { .. } | DatasetError::NotAFolder { .. }) => Ok(Vec::new()),
        Err(refused) => Err(refused),
    }
}
