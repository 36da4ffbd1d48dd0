//! Layouts of KolektorSDD (Tabernik et al., 2020) and KolektorSDD2 (Božič et al., 2021).
//!
//! Masks lie beside all images, and one that is not black tells a defect.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::dataset::{Dataset, Defect, Sample};
use crate::dataset_error::DatasetError;
use crate::decode::DecodeLimits;
use crate::layouts::UNNAMED_KIND;
use crate::layouts::masked::{MaskedImage, MaskedImages, pair_beside};
use crate::listing::{folders_in, images_in, name_of, require_folder};

/// Suffix of KolektorSDD's masks after `NAME`.
const FIRST_SUFFIX: &str = "_label";

/// Suffix of KolektorSDD2's masks after `NAME`.
const SECOND_SUFFIX: &str = "_GT";

/// Tells whether `root` holds folders of KolektorSDD.
pub(crate) fn is_root(root: &Path) -> Result<bool, DatasetError> {
    match part_folders(root)?.first() {
        Some((_, folder)) => holds_masks(folder, FIRST_SUFFIX),
        None => Ok(false),
    }
}

/// Tells whether `root` holds the two folders of KolektorSDD2.
pub(crate) fn is_second_root(root: &Path) -> Result<bool, DatasetError> {
    let [train, test] = second_folders(root);
    Ok(train.is_dir() && test.is_dir() && holds_masks(&train, SECOND_SUFFIX)?)
}

/// KolektorSDD: the good images of parts with an odd number to train on, all others to test with.
///
/// The publishers split all images for supervised training, so this rule is ours. It keeps the eight
/// images of a part, which are alike, together as far as they are good.
pub(crate) fn load(root: &Path) -> Result<Dataset, DatasetError> {
    require_folder(root)?;
    let folders = part_folders(root)?;
    if folders.is_empty() {
        return Err(DatasetError::OtherLayout {
            path: root.to_path_buf(),
            needs: "folder kosNN",
            layout: "ksdd",
            tree: "ROOT/kosNN/NAME.jpg with the mask NAME_label.bmp beside it",
        });
    }
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (number, folder) in folders {
        let (good, mut others): (Vec<Sample>, Vec<Sample>) = labelled(&folder, FIRST_SUFFIX)?
            .into_iter()
            .partition(|sample| number % 2 == 1 && sample.defect.is_none());
        train.extend(good);
        test.append(&mut others);
    }
    let rule = "the images of folders with an odd number whose masks are black are trained on";
    dataset("ksdd", root, train, test, rule)
}

/// KolektorSDD2: the good images of `train` to train on, those of `test` to test with.
///
/// Its defective images of `train` are for supervised training and left out.
pub(crate) fn load_second(root: &Path) -> Result<Dataset, DatasetError> {
    require_folder(root)?;
    let [train, test] = second_folders(root);
    if !train.is_dir() || !test.is_dir() {
        return Err(DatasetError::OtherLayout {
            path: root.to_path_buf(),
            needs: "train and test",
            layout: "ksdd2",
            tree: "ROOT/train and ROOT/test with NAME.png and the mask NAME_GT.png beside it",
        });
    }
    let mut train = labelled(&train, SECOND_SUFFIX)?;
    train.retain(|sample| sample.defect.is_none());
    let rule = "the images of train whose masks are black are trained on";
    dataset("ksdd2", root, train, labelled(&test, SECOND_SUFFIX)?, rule)
}

fn dataset(
    name: &str,
    root: &Path,
    train: Vec<Sample>,
    test: Vec<Sample>,
    rule: &'static str,
) -> Result<Dataset, DatasetError> {
    if train.is_empty() {
        return Err(DatasetError::NothingToTrainOn { path: root.to_path_buf(), rule });
    }
    Ok(Dataset { name: name.to_owned(), train, test })
}

/// The folders `kosNN` with their numbers.
fn part_folders(root: &Path) -> Result<Vec<(u32, PathBuf)>, DatasetError> {
    let numbered = |folder: PathBuf| {
        let number = name_of(&folder).strip_prefix("kos")?.parse().ok()?;
        Some((number, folder))
    };
    Ok(folders_in(root)?.into_iter().filter_map(numbered).collect())
}

fn second_folders(root: &Path) -> [PathBuf; 2] {
    [root.join("train"), root.join("test")]
}

fn holds_masks(folder: &Path, suffix: &str) -> Result<bool, DatasetError> {
    Ok(pair_beside(images_in(folder)?, suffix).images.iter().any(|pair| pair.mask.is_some()))
}

/// The images of the folder, at any depth; those whose masks are not black are defective.
fn labelled(folder: &Path, suffix: &str) -> Result<Vec<Sample>, DatasetError> {
    let pairs = MaskedImages::below(folder, |files| pair_beside(files, suffix))?.images;
    if pairs.is_empty() {
        return Err(DatasetError::NoImages { path: folder.to_path_buf() });
    }
    let limits = DecodeLimits::default();
    let label = |MaskedImage { image, mask }: MaskedImage| {
        let Some(mask) = mask else {
            let stem = image.file_stem().unwrap_or_default().to_string_lossy();
            let mask = format!("{stem}{suffix}");
            return Err(DatasetError::NoMask { image, mask });
        };
        match mask.read(None, &limits) {
            Ok(pixels) if pixels.marked.contains(&true) => {
                let kind = UNNAMED_KIND.to_owned();
                Ok(Sample { image, defect: Some(Defect { kind, mask: Some(mask) }) })
            }
            Ok(_) => Ok(Sample::good(image)),
            Err(source) => Err(DatasetError::Mask { image, source }),
        }
    };
    // Of several errors the first, whichever thread is faster.
    let labelled: Vec<Result<Sample, DatasetError>> = pairs.into_par_iter().map(label).collect();
    labelled.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma};

    use super::*;
    use crate::dataset::Dataset;
    use crate::layout::Layout;
    use crate::test_tree::{found_in, tree};

    fn draw(root: &Path, name: &str, level: u8) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut image = GrayImage::new(3, 2);
        image.put_pixel(1, 1, Luma([level]));
        image.save(path).unwrap();
    }

    /// Images, defective where the level is not 0.
    fn drawn(images: &[(&str, u8)], extension: &str, mask: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (image, level) in images {
            draw(root.path(), &format!("{image}{extension}"), 90);
            draw(root.path(), &format!("{image}{mask}"), *level);
        }
        root
    }

    #[test]
    fn good_images_of_odd_parts_are_trained_on_and_all_others_tested() {
        let images =
            [("kos01/Part0", 0), ("kos01/Part1", 1), ("kos02/Part0", 0), ("kos11/Part7", 0)];
        let root = drawn(&images, ".jpg", "_label.bmp");
        assert_eq!(Layout::detect(root.path()).unwrap(), Layout::Ksdd);
        let golden = [
            "train: kos01/Part0.jpg",
            "train: kos11/Part7.jpg",
            "defect: kos01/Part1.jpg, kos01/Part1_label.bmp",
            "good: kos02/Part0.jpg",
        ];
        let dataset = Dataset::load(root.path(), &Layout::Auto, 0).unwrap();
        assert_eq!(found_in(&dataset, root.path()), golden);
    }

    #[test]
    fn defects_among_the_training_images_are_left_out() {
        let images = [("train/10", 0), ("train/11", 255), ("test/20", 0), ("test/21", 255)];
        let root = drawn(&images, ".png", "_GT.png");
        assert_eq!(Layout::detect(root.path()).unwrap(), Layout::Ksdd2);
        let golden =
            ["train: train/10.png", "good: test/20.png", "defect: test/21.png, test/21_GT.png"];
        let dataset = Dataset::load(root.path(), &Layout::Auto, 0).unwrap();
        assert_eq!(found_in(&dataset, root.path()), golden);
    }

    #[test]
    fn an_image_is_neither_good_nor_defective_without_a_mask_that_can_be_read() {
        let root = drawn(&[("kos01/Part0", 0)], ".jpg", "_label.bmp");
        std::fs::write(root.path().join("kos01/Part0_label.bmp"), "x").unwrap();
        let error = load(root.path()).unwrap_err().with_causes();
        assert!(error.contains("kos01/Part0.jpg is good: its mask cannot be read"), "{error}");
        std::fs::remove_file(root.path().join("kos01/Part0_label.bmp")).unwrap();
        let error = load(root.path()).unwrap_err().to_string();
        assert!(error.contains("kos01/Part0.jpg has no mask Part0_label beside it"), "{error}");
    }

    #[test]
    fn only_defects_and_other_trees_are_told_apart() {
        let root = drawn(&[("train/10", 255), ("test/20", 0)], ".png", "_GT.png");
        let error = load_second(root.path()).unwrap_err().to_string();
        assert!(error.contains("holds no good image to train on: the images of train"), "{error}");
        let error = load(root.path()).unwrap_err().to_string();
        assert!(error.contains("has no folder kosNN: the layout ksdd is ROOT/kosNN"), "{error}");
        let error = load_second(tree(&["a.png"]).path()).unwrap_err().to_string();
        assert!(error.contains("has no train and test: the layout ksdd2 is ROOT/train"), "{error}");
    }
}
