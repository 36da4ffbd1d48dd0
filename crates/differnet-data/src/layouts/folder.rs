//! One's own photographs: a folder of good images, and perhaps folders to test with.

use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, Defect, Sample, dataset_name};
use crate::dataset_error::DatasetError;
use crate::layouts::UNNAMED_KIND;
use crate::listing::{canonical, find_images_outside, name_of, require_folder};

/// All images below `root`, except those below the test folders, to train on.
pub(crate) fn load(
    root: &Path,
    test_good: Option<&Path>,
    test_defect: Option<&Path>,
) -> Result<Dataset, DatasetError> {
    require_folder(root)?;
    let place = canonical(root)?;
    let mut excluded = Vec::new();
    for folder in [test_good, test_defect].into_iter().flatten() {
        require_folder(folder)?;
        let test_place = canonical(folder)?;
        let path = folder.to_path_buf();
        if place == test_place {
            return Err(DatasetError::TestIsTrain { path });
        }
        if excluded.contains(&test_place) {
            return Err(DatasetError::TestFoldersEqual { path });
        }
        excluded.push(test_place);
    }
    let train = find_images_outside(root, &excluded)?;
    let mut test = Vec::new();
    if let Some(folder) = test_defect {
        // Good images may lie inside the folder of defective ones, and the reverse.
        for image in find_images_outside(folder, &without(&excluded, folder)?)? {
            let kind = kind_of(&image, folder);
            test.push(Sample { image, defect: Some(Defect { kind, mask: None }) });
        }
    }
    if let Some(folder) = test_good {
        let images = find_images_outside(folder, &without(&excluded, folder)?)?;
        test.extend(images.into_iter().map(Sample::good));
    }
    Ok(Dataset {
        name: dataset_name(root),
        train: train.into_iter().map(Sample::good).collect(),
        test,
    })
}

fn without(folders: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let place = canonical(folder)?;
    Ok(folders.iter().filter(|&other| *other != place).cloned().collect())
}

/// The first folder between `folder` and the image.
fn kind_of(image: &Path, folder: &Path) -> String {
    let mut parts = image.strip_prefix(folder).unwrap_or(image).components();
    match (parts.next(), parts.next()) {
        (Some(first), Some(_)) => name_of(Path::new(first.as_os_str())),
        _ => UNNAMED_KIND.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_tree::tree;

    fn names(images: &[PathBuf]) -> Vec<String> {
        images.iter().map(|image| name_of(image)).collect()
    }

    fn train_names(dataset: &Dataset) -> Vec<String> {
        dataset.train.iter().map(|sample| name_of(&sample.image)).collect()
    }

    #[test]
    fn every_image_below_the_root_is_good() {
        let root = tree(&["b.png", "monday/a.png", "monday/late/c.jpg"]);
        let dataset = load(root.path(), None, None).unwrap();
        assert_eq!(train_names(&dataset), ["b.png", "a.png", "c.jpg"]);
        assert_eq!(dataset.test, []);
    }

    #[test]
    fn test_folders_inside_the_root_are_not_trained_on() {
        let root = tree(&["a.png", "ok/b.png", "bad/scratch/c.png", "bad/d.png"]);
        let (ok, bad) = (root.path().join("ok"), root.path().join("monday/../bad"));
        std::fs::create_dir(root.path().join("monday")).unwrap();
        let dataset = load(root.path(), Some(&ok), Some(&bad)).unwrap();
        assert_eq!(train_names(&dataset), ["a.png"]);
        let test: Vec<_> = dataset
            .test
            .iter()
            .map(|s| (name_of(&s.image), s.defect.as_ref().map(|defect| defect.kind.clone())))
            .collect();
        let golden = [
            ("d.png".to_owned(), Some("defect".to_owned())),
            ("c.png".to_owned(), Some("scratch".to_owned())),
            ("b.png".to_owned(), None),
        ];
        assert_eq!(test, golden);
    }

    #[test]
    fn one_test_folder_inside_the_other_is_counted_once() {
        let root = tree(&["train/a.png", "test/good/b.png", "test/hole/c.png"]);
        let [train, test, good] = ["train", "test", "test/good"].map(|name| root.path().join(name));
        let dataset = load(&train, Some(&good), Some(&test)).unwrap();
        let images: Vec<_> = dataset.test.into_iter().map(|sample| sample.image).collect();
        assert_eq!(names(&images), ["c.png", "b.png"]);
    }
}
