//! Layouts with the folders of MVTec AD under other names: MVTec LOCO AD (Bergmann et al., IJCV 2022),
//! MVTec AD 2 (Heckler-Kram et al., 2025) and BTAD (Mishra et al., "VT-ADL", ISIE 2021).
//!
//! Good images of `validation` are neither trained on nor tested with: they are there to set the
//! threshold by.

use std::path::Path;

use crate::layouts::category::CategoryLayout;
use crate::layouts::split_folders::{MaskNames, SplitFolders};

/// MVTec LOCO AD.
pub(crate) const MVTEC_LOCO: CategoryLayout = CategoryLayout {
    name: "mvtec-loco",
    marker: LOCO.train,
    is_category: |folder| LOCO.is_category(folder),
    read: |folder| LOCO.read(folder),
};

/// MVTec AD 2; its images without labels, `test_private` and `test_private_mixed`, are left out.
pub(crate) const MVTEC_AD2: CategoryLayout = CategoryLayout {
    name: "mvtec-ad2",
    marker: AD2.train,
    is_category: |folder| AD2.is_category(folder),
    read: |folder| AD2.read(folder),
};

/// BTAD, also called BTech.
pub(crate) const BTAD: CategoryLayout = CategoryLayout {
    name: "btad",
    marker: BTAD_FOLDERS.train,
    is_category: |folder| BTAD_FOLDERS.is_category(folder),
    read: |folder| BTAD_FOLDERS.read(folder),
};

const LOCO: SplitFolders = SplitFolders {
    train: "train/good",
    test: "test",
    good: "good",
    ground_truth: "ground_truth",
    masks: MaskNames::FolderEach,
};

const AD2: SplitFolders = SplitFolders {
    train: "train/good",
    test: "test_public",
    good: "good",
    ground_truth: "test_public/ground_truth",
    masks: MaskNames::Suffixed,
};

const BTAD_FOLDERS: SplitFolders = SplitFolders {
    train: "train/ok",
    test: "test",
    good: "ok",
    ground_truth: "ground_truth",
    masks: MaskNames::SameStem,
};

/// Tells whether `folder` has what a category of MVTec LOCO AD has beyond MVTec AD.
pub(crate) fn is_loco_category(folder: &Path) -> bool {
    let kinds = ["test/logical_anomalies", "test/structural_anomalies"];
    LOCO.is_category(folder) && kinds.iter().any(|kind| folder.join(kind).is_dir())
}

/// Tells whether `folder` has what a category of MVTec AD 2 has beyond MVTec AD.
pub(crate) fn is_ad2_category(folder: &Path) -> bool {
    AD2.is_category(folder) && folder.join(AD2.test).is_dir()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crate::dataset::Dataset;
    use crate::layout::Layout;
    use crate::mask::Mask;
    use crate::test_tree::{found_in, tree};

    fn loaded(files: &[&str], name: &str) -> (tempfile::TempDir, Dataset) {
        let root = tree(files);
        assert_eq!(Layout::detect(root.path()).unwrap().name(), name);
        let dataset = Dataset::load(root.path(), &Layout::Auto, 0).unwrap();
        (root, dataset)
    }

    #[test]
    fn the_masks_of_an_image_of_loco_are_one() {
        let (root, dataset) = loaded(
            &[
                "box/train/good/000.png",
                "box/validation/good/000.png",
                "box/test/good/000.png",
                "box/test/logical_anomalies/000.png",
                "box/test/logical_anomalies/001.png",
                "box/test/structural_anomalies/000.png",
                "box/ground_truth/logical_anomalies/000/000.png",
                "box/ground_truth/logical_anomalies/000/001.png",
                "box/ground_truth/structural_anomalies/000/000.png",
            ],
            "mvtec-loco",
        );
        let folder = root.path().join("box");
        let golden = [
            "train: train/good/000.png",
            "good: test/good/000.png",
            "logical_anomalies: test/logical_anomalies/000.png, ground_truth/logical_anomalies/000",
            "logical_anomalies: test/logical_anomalies/001.png",
            "structural_anomalies: test/structural_anomalies/000.png, \
             ground_truth/structural_anomalies/000/000.png",
        ];
        assert_eq!(found_in(&dataset, &folder), golden);
        let files = ["000.png", "001.png"];
        let files = files.map(|file| folder.join("ground_truth/logical_anomalies/000").join(file));
        let mask = &dataset.test[1].defect.as_ref().unwrap().mask;
        assert_eq!(*mask, Mask::union(files.to_vec()));
    }

    #[test]
    fn only_the_public_tests_of_ad_2_are_taken() {
        let (root, dataset) = loaded(
            &[
                "can/train/good/000_regular.png",
                "can/validation/good/000_regular.png",
                "can/test_public/good/000_regular.png",
                "can/test_public/bad/000_regular.png",
                "can/test_public/ground_truth/bad/000_regular_mask.png",
                "can/test_private/000_regular.png",
                "can/test_private_mixed/000_mixed.png",
            ],
            "mvtec-ad2",
        );
        let golden = [
            "train: train/good/000_regular.png",
            "bad: test_public/bad/000_regular.png, \
             test_public/ground_truth/bad/000_regular_mask.png",
            "good: test_public/good/000_regular.png",
        ];
        assert_eq!(found_in(&dataset, &root.path().join("can")), golden);
    }

    #[test]
    fn masks_of_btad_have_the_name_of_the_image_and_any_extension() {
        let (root, dataset) = loaded(
            &[
                "03/train/ok/0000.bmp",
                "03/test/ok/0001.bmp",
                "03/test/ko/0002.bmp",
                "03/test/ko/0003.bmp",
                "03/ground_truth/ko/0002.png",
                "03/ground_truth/ko/0003.bmp",
            ],
            "btad",
        );
        let golden = [
            "train: train/ok/0000.bmp",
            "ko: test/ko/0002.bmp, ground_truth/ko/0002.png",
            "ko: test/ko/0003.bmp, ground_truth/ko/0003.bmp",
            "good: test/ok/0001.bmp",
        ];
        assert_eq!(found_in(&dataset, &root.path().join("03")), golden);
        let mask = &dataset.test[0].defect.as_ref().unwrap().mask;
        let file: PathBuf = root.path().join("03/ground_truth/ko/0002.png");
        assert_eq!(*mask, Some(Mask::not_black(file)));
    }
}
