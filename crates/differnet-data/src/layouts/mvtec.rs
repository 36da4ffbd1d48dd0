//! The layout of MVTec AD (Bergmann et al., CVPR 2019).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, Defect, Sample, dataset_name};
use crate::dataset_error::DatasetError;
use crate::layouts::masked::{MaskedImage, MaskedImages, pair};
use crate::listing::{find_images, folders_in, images_in, name_of, require_folder};

/// The name of the folder of good images, in training and in testing.
const GOOD: &str = "good";

/// The categories below `root`, sorted; none if `root` is itself one.
///
/// # Errors
/// [`DatasetError`] if `root` is no folder or cannot be read.
pub fn mvtec_categories(root: &Path) -> Result<Vec<String>, DatasetError> {
    require_folder(root)?;
    categories_in(root)
}

pub(crate) fn categories_in(root: &Path) -> Result<Vec<String>, DatasetError> {
    let folders = folders_in(root)?;
    Ok(folders.iter().filter(|folder| is_category(folder)).map(|folder| name_of(folder)).collect())
}

pub(crate) fn is_category(folder: &Path) -> bool {
    folder.join("train").join(GOOD).is_dir()
}

/// The category `category` below `root`; `root` itself or its only category if none is given.
pub(crate) fn load(root: &Path, category: Option<&str>) -> Result<Dataset, DatasetError> {
    let folder = category_folder(root, category)?;
    let train = find_images(&folder.join("train").join(GOOD))?;
    let mut test = Vec::new();
    let test_folder = folder.join("test");
    if test_folder.is_dir() {
        for kind_folder in folders_in(&test_folder)? {
            let kind_name = kind_folder.file_name().unwrap_or_default();
            let kind = name_of(&kind_folder);
            for MaskedImage { image, mask } in mvtec_test_images(&folder, kind_name)?.images {
                let defect = (kind != GOOD).then(|| Defect { kind: kind.clone(), mask });
                test.push(Sample { image, defect });
            }
        }
        if test.is_empty() {
            return Err(DatasetError::NoImages { path: test_folder });
        }
    }
    Ok(Dataset {
        name: dataset_name(&folder),
        train: train.into_iter().map(Sample::good).collect(),
        test,
    })
}

fn category_folder(root: &Path, category: Option<&str>) -> Result<PathBuf, DatasetError> {
    let mut categories = mvtec_categories(root)?;
    let path = root.to_path_buf();
    match category {
        Some(name) if categories.iter().any(|known| known == name) => Ok(root.join(name)),
        // The root may be the category asked for.
        Some(name) if is_category(root) && dataset_name(root) == name => Ok(path),
        Some(name) => {
            Err(DatasetError::UnknownCategory { path, category: name.to_owned(), categories })
        }
        None if is_category(root) => Ok(path),
        None => match categories.len() {
            0 => Err(DatasetError::NoCategory { path }),
            1 => Ok(root.join(categories.remove(0))),
            _ => Err(DatasetError::ManyCategories { path, categories }),
        },
    }
}

/// The images in `test/KIND` of the folder `category`, each with `ground_truth/KIND/NAME_mask.*`.
///
/// A folder that is not there holds nothing.
///
/// # Errors
/// [`DatasetError::Read`] if the operating system refuses.
pub fn mvtec_test_images(category: &Path, kind: &OsStr) -> Result<MaskedImages, DatasetError> {
    let images = images_if_any(&category.join("test").join(kind))?;
    let masks = images_if_any(&category.join("ground_truth").join(kind))?;
    Ok(pair(images, masks, |stem| {
        let mut name = stem.to_os_string();
        name.push("_mask");
        name
    }))
}

fn images_if_any(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    if folder.is_dir() { images_in(folder) } else { Ok(Vec::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_tree::tree;

    const BOTTLE: [&str; 7] = [
        "bottle/train/good/001.jpg",
        "bottle/train/good/000.png",
        "bottle/test/good/000.png",
        "bottle/test/crack/001.JPG",
        "bottle/test/crack/000.jpg",
        "bottle/ground_truth/crack/000_mask.png",
        "bottle/readme.txt",
    ];

    #[test]
    fn every_image_finds_its_place_and_its_mask() {
        let root = tree(&BOTTLE);
        let bottle = root.path().join("bottle");
        let dataset = load(root.path(), None).unwrap();
        let crack = |mask: Option<&str>| {
            Some(Defect { kind: "crack".into(), mask: mask.map(|mask| bottle.join(mask)) })
        };
        let golden = Dataset {
            name: "bottle".into(),
            train: vec![
                Sample::good(bottle.join("train/good/000.png")),
                Sample::good(bottle.join("train/good/001.jpg")),
            ],
            test: vec![
                Sample {
                    image: bottle.join("test/crack/000.jpg"),
                    defect: crack(Some("ground_truth/crack/000_mask.png")),
                },
                Sample { image: bottle.join("test/crack/001.JPG"), defect: crack(None) },
                Sample::good(bottle.join("test/good/000.png")),
            ],
        };
        assert_eq!(dataset, golden);
    }

    #[test]
    fn root_category_and_category_folder_are_the_same_data_set() {
        let root = tree(&BOTTLE);
        let golden = load(root.path(), Some("bottle")).unwrap();
        assert_eq!(load(root.path(), None).unwrap(), golden);
        assert_eq!(load(&root.path().join("bottle"), None).unwrap(), golden);
        assert_eq!(load(&root.path().join("bottle"), Some("bottle")).unwrap(), golden);
    }

    #[test]
    fn categories_are_listed_sorted_and_without_other_folders() {
        let root = tree(&["pill/train/good/0.png", "cable/train/good/0.png", "docs/a.png"]);
        assert_eq!(mvtec_categories(root.path()).unwrap(), ["cable", "pill"]);
    }

    #[test]
    fn a_category_without_tests_can_still_be_trained_on() {
        let root = tree(&["train/good/0.png"]);
        assert_eq!(load(root.path(), None).unwrap().test, []);
    }
}
