//! The layout of MVTec AD (Bergmann et al., CVPR 2019).

use std::ffi::OsStr;
use std::path::Path;

use crate::dataset_error::DatasetError;
use crate::layouts::category::CategoryLayout;
use crate::layouts::masked::MaskedImages;
use crate::layouts::split_folders::{MaskNames, SplitFolders};

/// The layout.
///
/// Of data arranged like it, folders may have other names that mean the same.
pub(crate) const MVTEC: CategoryLayout = CategoryLayout {
    name: "mvtec",
    marker: FOLDERS.train,
    is_category: |folder| FOLDERS.is_like_category(folder),
    read: |folder| FOLDERS.read(folder),
};

const FOLDERS: SplitFolders = SplitFolders {
    train: "train/good",
    test: "test",
    good: "good",
    ground_truth: "ground_truth",
    masks: MaskNames::Suffixed,
};

impl MaskedImages {
    /// The images in `test/KIND` of the folder `category`, each with `ground_truth/KIND/NAME_mask.*`.
    ///
    /// A folder that is not there holds nothing.
    ///
    /// # Errors
    /// [`DatasetError::Read`] if the operating system refuses.
    pub fn of_mvtec(category: &Path, kind: &OsStr) -> Result<Self, DatasetError> {
        FOLDERS.test_images(category, kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, Defect, Sample};
    use crate::mask::Mask;
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
        let dataset = MVTEC.load(root.path(), None).unwrap();
        let crack = |mask: Option<&str>| {
            let mask = mask.map(|mask| Mask::half_white(bottle.join(mask)));
            Some(Defect { kind: "crack".into(), mask })
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
    fn images_and_masks_below_a_kind_are_found_at_any_depth() {
        let root = tree(&[
            "train/good/rgb/000.png",
            "test/good/000.png",
            "test/crack/rgb/000.png",
            "test/crack/rgb/001.png",
            "test/crack/uv/001.png",
            "test/crack/uv/002.png",
            "ground_truth/crack/rgb/000_mask.png",
            // No image is in its folder; one or two have its name.
            "ground_truth/crack/002_mask.png",
            "ground_truth/crack/001_mask.png",
        ]);
        let dataset = MVTEC.load(root.path(), None).unwrap();
        let golden = [
            "train: train/good/rgb/000.png",
            "crack: test/crack/rgb/000.png, ground_truth/crack/rgb/000_mask.png",
            "crack: test/crack/rgb/001.png",
            "crack: test/crack/uv/001.png",
            "crack: test/crack/uv/002.png, ground_truth/crack/002_mask.png",
            "good: test/good/000.png",
        ];
        assert_eq!(crate::test_tree::found_in(&dataset, root.path()), golden);
        let found = MaskedImages::of_mvtec(root.path(), OsStr::new("crack")).unwrap();
        assert_eq!(found.lone_masks, [root.path().join("ground_truth/crack/001_mask.png")]);
    }

    #[test]
    fn a_category_without_tests_can_still_be_trained_on() {
        let root = tree(&["train/good/0.png"]);
        assert_eq!(MVTEC.load(root.path(), None).unwrap().test, []);
    }
}
