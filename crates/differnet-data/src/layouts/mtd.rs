//! The layout of Magnetic Tile Defects (Huang et al., "Surface defect saliency of magnetic tile").

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use differnet_random::ItemStream;

use crate::dataset::{Dataset, Defect, Sample};
use crate::dataset_error::DatasetError;
use crate::layouts::masked::{KeyedMask, MaskedImage, MaskedImages, pair};
use crate::layouts::train_list::ListedName;
use crate::listing::{folders_in, name_of, require_folder};
use crate::mask::Mask;

/// Prefix of the names of class folders.
const CLASS_PREFIX: &str = "MT_";

/// The class of tiles without a defect.
const FREE: &str = "Free";

/// Tells whether `root` holds tiles free of defects.
pub(crate) fn is_root(root: &Path) -> bool {
    images_folder(&root.join("MT_Free")).is_dir()
}

/// All tiles: those of the train list, or a random 80 % of the good ones, to train on.
pub(crate) fn load(
    root: &Path,
    train_list: Option<&Path>,
    seed: u64,
) -> Result<Dataset, DatasetError> {
    require_folder(root)?;
    if !is_root(root) {
        return Err(DatasetError::OtherLayout {
            path: root.to_path_buf(),
            needs: "MT_Free/Imgs",
            layout: "mtd",
            tree: "ROOT/MT_CLASS/Imgs",
        });
    }
    let mut good = Vec::new();
    let mut test = Vec::new();
    for class in TileClass::all(root)? {
        for MaskedImage { image, mask } in class.tiles()?.images {
            if class.name == FREE {
                good.push(image);
            } else {
                test.push(Sample {
                    image,
                    defect: Some(Defect { kind: class.name.clone(), mask }),
                });
            }
        }
    }
    let folder = images_folder(&root.join("MT_Free"));
    if good.is_empty() {
        return Err(DatasetError::NoImages { path: folder });
    }
    let train = match train_list {
        Some(list) => listed(list, &good, &folder)?,
        None => drawn(&good, seed),
    };
    let (train, held_out): (Vec<_>, Vec<_>) =
        good.into_iter().partition(|image| train.contains(image));
    test.extend(held_out.into_iter().map(Sample::good));
    Ok(Dataset {
        name: "mtd".to_owned(),
        train: train.into_iter().map(Sample::good).collect(),
        test,
    })
}

/// Tiles with one kind of defect, or with none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileClass {
    /// Name in the folder's `MT_NAME`, such as `Crack` or `Free`.
    pub name: String,
    /// Its folder `Imgs`.
    pub images: PathBuf,
}

impl TileClass {
    /// The classes of tiles below `root`, sorted.
    ///
    /// # Errors
    /// [`DatasetError`] if `root` is no folder or cannot be read.
    pub fn all(root: &Path) -> Result<Vec<Self>, DatasetError> {
        require_folder(root)?;
        let class = |folder: PathBuf| {
            let name = name_of(&folder).strip_prefix(CLASS_PREFIX)?.to_owned();
            Some(Self { name, images: images_folder(&folder) })
        };
        let classes = folders_in(root)?.into_iter().filter_map(class);
        Ok(classes.filter(|class| class.images.is_dir()).collect())
    }

    /// The class's tiles, at any depth: a PNG is the mask of the image with the same stem in its
    /// folder, never an image.
    ///
    /// # Errors
    /// [`DatasetError::Read`] if the operating system refuses.
    pub fn tiles(&self) -> Result<MaskedImages, DatasetError> {
        let is_png = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"))
        };
        MaskedImages::below(&self.images, |files| {
            let (masks, images): (Vec<_>, Vec<_>) = files.into_iter().partition(is_png);
            pair(images, KeyedMask::by_stem(masks, Mask::half_white), OsStr::to_os_string)
        })
    }
}

fn images_folder(class: &Path) -> PathBuf {
    class.join("Imgs")
}

/// The images that the file `list` names.
fn listed(list: &Path, good: &[PathBuf], folder: &Path) -> Result<BTreeSet<PathBuf>, DatasetError> {
    let mut train = BTreeSet::new();
    for entry in ListedName::read(list)? {
        let Some(image) = good.iter().find(|image| entry.is_name_of(image)) else {
            return Err(DatasetError::UnknownTrainName {
                list: list.to_path_buf(),
                line: entry.line,
                name: entry.name,
                folder: folder.to_path_buf(),
            });
        };
        train.insert(image.clone());
    }
    Ok(train)
}

/// A random 80 % of the good images, at least one.
fn drawn(good: &[PathBuf], seed: u64) -> BTreeSet<PathBuf> {
    let mut order: Vec<&PathBuf> = good.iter().collect();
    ItemStream::of_item(seed, "split/mtd", b"").shuffle(&mut order);
    let train = (good.len() * 4 / 5).max(1);
    order.into_iter().take(train).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_tree::tree;

    fn tiles() -> tempfile::TempDir {
        let mut files = vec![
            "MT_Crack/Imgs/c1.jpg".to_owned(),
            "MT_Crack/Imgs/c1.png".to_owned(),
            "MT_Break/Imgs/b1.jpg".to_owned(),
            "README.md".to_owned(),
        ];
        for index in 0..10 {
            files.push(format!("MT_Free/Imgs/f{index}.jpg"));
            files.push(format!("MT_Free/Imgs/f{index}.png"));
        }
        tree(&files)
    }

    fn with_list(list: &str) -> Result<Dataset, DatasetError> {
        let root = tiles();
        let path = root.path().join("train.txt");
        std::fs::write(&path, list).unwrap();
        load(root.path(), Some(&path), 0)
    }

    fn train_names(dataset: &Dataset) -> Vec<String> {
        dataset.train.iter().map(|sample| name_of(&sample.image)).collect()
    }

    #[test]
    fn masks_are_no_images() {
        let root = tiles();
        let dataset = load(root.path(), None, 0).unwrap();
        let defects: Vec<_> = dataset.test.iter().filter_map(|s| s.defect.clone()).collect();
        let mask = Mask::half_white(root.path().join("MT_Crack/Imgs/c1.png"));
        let golden = [
            Defect { kind: "Break".into(), mask: None },
            Defect { kind: "Crack".into(), mask: Some(mask) },
        ];
        assert_eq!(defects, golden);
        assert_eq!(dataset.train.len() + dataset.test.len(), 12);
    }

    #[test]
    fn tiles_below_a_class_are_found_at_any_depth() {
        let root =
            tree(&["MT_Free/Imgs/a/0.jpg", "MT_Crack/Imgs/b/1.jpg", "MT_Crack/Imgs/b/1.png"]);
        let dataset = load(root.path(), None, 0).unwrap();
        assert_eq!((dataset.train.len(), dataset.test.len()), (1, 1));
        let mask = dataset.test[0].defect.clone().unwrap().mask;
        assert_eq!(mask, Some(Mask::half_white(root.path().join("MT_Crack/Imgs/b/1.png"))));
    }

    #[test]
    fn the_drawn_split_is_eight_to_two_and_follows_the_seed() {
        let root = tiles();
        let split = |seed| train_names(&load(root.path(), None, seed).unwrap());
        assert_eq!(split(1).len(), 8);
        assert_eq!(split(1), split(1));
        assert!((2..9).any(|seed| split(seed) != split(1)));
    }

    #[test]
    fn the_list_takes_names_stems_folders_comments_and_windows_line_ends() {
        let list = "\u{feff}f3.jpg\r\n\r\n# two more\r\nf0\r\nMT_Free\\Imgs\\f7.jpg\r\nf3.jpg\r\n";
        let dataset = with_list(list).unwrap();
        assert_eq!(train_names(&dataset), ["f0.jpg", "f3.jpg", "f7.jpg"]);
        assert_eq!(dataset.test.iter().filter(|sample| sample.defect.is_none()).count(), 7);
    }

    #[test]
    fn a_name_that_is_not_there_is_named_with_its_line() {
        let message = with_list("f1.jpg\n\nc1.jpg\n").unwrap_err().to_string();
        assert!(message.contains("train.txt, line 3: no image c1.jpg in "), "{message}");
    }
}
