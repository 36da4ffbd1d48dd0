//! Number and use of the images in each folder of a data set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, Sample};
use crate::dataset_error::DatasetError;
use crate::listing::find_images;
use crate::mask::Mask;

/// Use of the images in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FolderUse {
    /// To train on.
    Train,
    /// Good, to test with.
    TestGood,
    /// Defective, to test with.
    TestDefect {
        /// The kind of defect.
        kind: String,
    },
    /// Masks of defects.
    Masks,
    /// Nothing.
    Unused,
}

/// Images right in one folder that are for the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderCount {
    /// The folder, from the one that was searched on; empty for that one.
    pub folder: PathBuf,
    /// Use of the images.
    pub used: FolderUse,
    /// Number of images.
    pub images: usize,
}

impl Dataset {
    /// The images of the data set, by folder and use, and all other images in the same place, sorted.
    ///
    /// - `root`: the folder that the data set was loaded from. Of several categories in it only the data
    ///   set's own is searched.
    ///
    /// # Errors
    /// [`DatasetError::UnreadableFolders`] if a folder cannot be searched.
    pub fn folder_counts(&self, root: &Path) -> Result<Vec<FolderCount>, DatasetError> {
        let base = base(root, self);
        let (mut uses, mut unions) = (BTreeMap::new(), Vec::new());
        for Sample { image, .. } in &self.train {
            uses.insert(image.clone(), FolderUse::Train);
        }
        for Sample { image, defect } in &self.test {
            let used = match defect {
                None => FolderUse::TestGood,
                Some(defect) => FolderUse::TestDefect { kind: defect.kind.clone() },
            };
            uses.insert(image.clone(), used);
            let mask = defect.as_ref().and_then(|defect| defect.mask.as_ref()).map(Mask::path);
            match mask {
                Some(mask) if mask.is_dir() => unions.push(mask.to_path_buf()),
                Some(mask) => _ = uses.insert(mask.to_path_buf(), FolderUse::Masks),
                None => {}
            }
        }
        let found = match find_images(&base) {
            Err(DatasetError::NoImages { .. }) => Vec::new(),
            found => found?,
        };
        for image in found {
            uses.entry(image).or_insert_with_key(|image| {
                let is_mask = unions.iter().any(|union| image.starts_with(union));
                if is_mask { FolderUse::Masks } else { FolderUse::Unused }
            });
        }
        let mut counts: BTreeMap<(PathBuf, FolderUse), usize> = BTreeMap::new();
        for (image, used) in uses {
            let folder = image.parent().unwrap_or(Path::new(""));
            let folder = folder.strip_prefix(&base).unwrap_or(folder).to_path_buf();
            *counts.entry((folder, used)).or_default() += 1;
        }
        let count = |((folder, used), images)| FolderCount { folder, used, images };
        Ok(counts.into_iter().map(count).collect())
    }
}

/// The category's folder, or the root where that is it.
fn base(root: &Path, dataset: &Dataset) -> PathBuf {
    let category = root.join(&dataset.name);
    let holds_all = dataset.train.iter().all(|sample| sample.image.starts_with(&category));
    if holds_all { category } else { root.to_path_buf() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use crate::test_tree::tree;

    fn counts(root: &Path) -> Vec<(String, FolderUse, usize)> {
        let dataset = Dataset::load(root, &Layout::Auto, 0).unwrap();
        let counts = dataset.folder_counts(root).unwrap();
        let row =
            |count: FolderCount| (count.folder.display().to_string(), count.used, count.images);
        counts.into_iter().map(row).collect()
    }

    #[test]
    fn every_image_is_counted_once_with_its_use() {
        let root = tree(&[
            "nut/train/good/rgb/0.png",
            "nut/train/good/rgb/1.png",
            "nut/train/bad/0.png",
            "nut/test/good/0.png",
            "nut/test/hole/deep/0.png",
            "nut/ground_truth/hole/deep/0_mask.png",
            "other/old/0.png",
        ]);
        let hole = FolderUse::TestDefect { kind: "hole".into() };
        let golden = [
            ("ground_truth/hole/deep", FolderUse::Masks, 1),
            ("test/good", FolderUse::TestGood, 1),
            ("test/hole/deep", hole, 1),
            ("train/bad", FolderUse::Unused, 1),
            ("train/good/rgb", FolderUse::Train, 2),
        ];
        let golden = golden.map(|(folder, used, images)| (folder.to_owned(), used, images));
        assert_eq!(counts(root.path()), golden);
        assert_eq!(counts(&root.path().join("nut")), golden);
    }

    #[test]
    fn images_right_in_the_root_are_counted() {
        let root = tree(&["0.png", "monday/1.png"]);
        let golden = [("", 1), ("monday", 1)];
        let golden = golden.map(|(folder, images)| (folder.to_owned(), FolderUse::Train, images));
        assert_eq!(counts(root.path()), golden);
    }
}
