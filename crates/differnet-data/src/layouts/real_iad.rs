//! The layout of Real-IAD (Wang et al., CVPR 2024), with the publisher's split of all views.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::copies::Split;
use crate::dataset::{Dataset, dataset_name};
use crate::dataset_error::DatasetError;
use crate::layouts::category::{self, CategoryLayout};
use crate::layouts::listed::{ListedImage, dataset, find_above, read_above};
use crate::listing::{folders_in, name_of, require_folder};

/// The layout.
pub(crate) const REAL_IAD: CategoryLayout = CategoryLayout {
    name: "real-iad",
    marker: GOOD,
    is_category: |folder| folder.join(GOOD).is_dir(),
    read,
};

/// The class of good images.
const GOOD: &str = "OK";

/// Prefix of the names of folders of one resolution.
const RESOLUTION_PREFIX: &str = "realiad_";

/// The split of a category.
#[derive(Deserialize)]
struct SplitList {
    train: Vec<Entry>,
    test: Vec<Entry>,
}

/// One image; paths go from the category's folder on.
#[derive(Deserialize)]
struct Entry {
    image_path: PathBuf,
    mask_path: Option<PathBuf>,
    anomaly_class: String,
}

/// Tells whether `root` holds images of Real-IAD and a list that splits them.
pub(crate) fn is_root(root: &Path) -> Result<bool, DatasetError> {
    let has_list = |folder: &Path| {
        folder.join(REAL_IAD.marker).is_dir()
            && find_above(folder, &lists(folder)).is_ok_and(|list| list.is_some())
    };
    if category::is_root(root, has_list)? {
        return Ok(true);
    }
    for resolution in resolutions(root)? {
        if category::is_root(&resolution, has_list)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The folder of the categories: `root`, or the only folder `realiad_SIZE` in it.
pub(crate) fn image_root(root: &Path) -> Result<PathBuf, DatasetError> {
    require_folder(root)?;
    let mut resolutions = resolutions(root)?;
    match resolutions.len() {
        _ if REAL_IAD.is_root(root)? => Ok(root.to_path_buf()),
        0 => Ok(root.to_path_buf()),
        1 => Ok(resolutions.remove(0)),
        _ => {
            let path = root.to_path_buf();
            let folders = resolutions.iter().map(|folder| name_of(folder)).collect();
            Err(DatasetError::ManyResolutions { path, folders })
        }
    }
}

fn resolutions(root: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut folders = Vec::new();
    for folder in folders_in(root)? {
        if name_of(&folder).starts_with(RESOLUTION_PREFIX) && REAL_IAD.is_root(&folder)? {
            folders.push(folder);
        }
    }
    Ok(folders)
}

/// Paths where the list of a category may lie, from a folder above it on.
fn lists(category: &Path) -> [String; 2] {
    let name = dataset_name(category);
    [format!("realiad_jsons/{name}.json"), format!("realiad_jsons/realiad_jsons/{name}.json")]
}

fn read(folder: &Path) -> Result<Dataset, DatasetError> {
    let (list, text) = read_above(folder, REAL_IAD.name, &lists(folder))?;
    let SplitList { train, test } = match serde_json::from_str(&text) {
        Ok(split) => split,
        Err(source) => return Err(DatasetError::SplitJson { list, source }),
    };
    let images = |split, entries: Vec<Entry>| {
        entries.into_iter().map(move |Entry { image_path, mask_path, anomaly_class }| ListedImage {
            split,
            image: folder.join(image_path),
            kind: (anomaly_class != GOOD).then_some(anomaly_class),
            mask: mask_path.map(|mask| folder.join(mask)),
        })
    };
    let images = images(Split::Train, train).chain(images(Split::Test, test));
    dataset(folder, &list, images.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use crate::layout::Layout;
    use crate::test_tree::{found_in, tree};

    const LIST: &str = r#"{
        "meta": {"normal_class": "OK", "prefix": "toy/", "pre_transform": null},
        "train": [
            {"category": "toy", "anomaly_class": "OK", "image_path": "OK/S1/1.jpg", "mask_path": null}
        ],
        "test": [
            {"category": "toy", "anomaly_class": "OK", "image_path": "OK/S2/2.jpg", "mask_path": null},
            {"category": "toy", "anomaly_class": "AK", "image_path": "NG/AK/S3/3.jpg",
             "mask_path": "NG/AK/S3/3.png"}
        ]
    }"#;

    const IMAGES: [&str; 4] =
        ["toy/OK/S1/1.jpg", "toy/OK/S2/2.jpg", "toy/NG/AK/S3/3.jpg", "toy/NG/AK/S3/3.png"];

    fn copy(resolutions: &[&str], list: &str, text: &str) -> tempfile::TempDir {
        let below = |folder: &&str| IMAGES.map(|image| format!("{folder}{image}"));
        let root = tree(&resolutions.iter().flat_map(below).collect::<Vec<_>>());
        let list = root.path().join(list);
        std::fs::create_dir_all(list.parent().unwrap()).unwrap();
        std::fs::write(list, text).unwrap();
        root
    }

    fn message(root: &Path) -> String {
        let layout = Layout::RealIad { category: None };
        let error = Dataset::load(root, &layout, 0).unwrap_err().to_string();
        error.replace(&root.display().to_string(), "ROOT")
    }

    #[test]
    fn the_split_of_a_category_is_found_from_every_folder_above_it() {
        let golden =
            ["train: OK/S1/1.jpg", "AK: NG/AK/S3/3.jpg, NG/AK/S3/3.png", "good: OK/S2/2.jpg"];
        for (resolution, list) in [
            ("", "realiad_jsons/toy.json"),
            ("realiad_256/", "realiad_jsons/toy.json"),
            ("realiad_256/", "realiad_jsons/realiad_jsons/toy.json"),
        ] {
            let root = copy(&[resolution], list, LIST);
            let images = root.path().join(resolution);
            let toy = images.join("toy");
            for folder in [root.path(), &images, &toy] {
                let detected = Layout::detect(folder).unwrap();
                assert_eq!(detected, Layout::RealIad { category: None });
                let dataset = Dataset::load(folder, &detected, 0).unwrap();
                assert_eq!(found_in(&dataset, &toy), golden);
            }
        }
    }

    #[test]
    fn one_of_several_resolutions_has_to_be_named() {
        let list = "realiad_jsons/toy.json";
        let root = copy(&["realiad_1024/", "realiad_256/"], list, LIST);
        assert_eq!(
            message(root.path()),
            "ROOT holds images in several resolutions, name the folder of one: realiad_1024, \
             realiad_256"
        );
        let folder = root.path().join("realiad_256");
        assert_eq!(Dataset::load(&folder, &Layout::Auto, 0).unwrap().train.len(), 1);
    }

    #[test]
    fn lists_that_are_missing_damaged_or_for_defects_in_training_are_named() {
        let root = copy(&[""], "realiad_jsons/other.json", LIST);
        assert!(message(root.path()).starts_with(
            "ROOT/toy is split by realiad_jsons/toy.json (layout real-iad), which does not lie"
        ));
        let root = copy(&[""], "realiad_jsons/toy.json", "{\"train\": []}");
        assert_eq!(
            message(root.path()),
            "ROOT/realiad_jsons/toy.json is no split of Real-IAD: copy it again from the \
             publisher's archive"
        );
        let text =
            LIST.replace("\"OK\", \"image_path\": \"OK/S1", "\"AK\", \"image_path\": \"OK/S1");
        let root = copy(&[""], "realiad_jsons/toy.json", &text);
        assert!(message(root.path()).contains("lists the defective ROOT/toy/OK/S1/1.jpg"));
        let root = tree(&["a.png"]);
        assert_eq!(
            message(root.path()),
            "ROOT has no OK and no category that has one: the layout real-iad is ROOT/CATEGORY/OK"
        );
    }
}
