//! Masks that belong to no image: a name that the layout does not expect leaves a defect unmarked.

use std::collections::BTreeSet;
use std::path::Path;

use crate::dataset::Dataset;
use crate::listing::{find_images, folders_in, name_of};
use crate::mask::{Mask, MaskError};

/// The name of the folder of masks in the layouts that have one.
const MASKS: &str = "ground_truth";
/// Folders above a test image among which it is looked for: kind, test, category and one more.
const LEVELS: usize = 4;

impl Dataset {
    /// Masks below a folder `ground_truth` near the test images that mark none of them, sorted.
    ///
    /// What cannot be listed is left out: whoever lists images complains of it.
    pub fn lone_masks(&self) -> Vec<MaskError> {
        let above: BTreeSet<&Path> = self
            .test
            .iter()
            .flat_map(|sample| sample.image.ancestors().skip(1).take(LEVELS))
            .collect();
        let masks = self.test.iter().filter_map(|sample| sample.defect.as_ref()?.mask.as_ref());
        let used: BTreeSet<&Path> = masks.flat_map(Mask::files).collect();
        let mut lone = BTreeSet::new();
        for folder in above {
            let folders = folders_in(folder).unwrap_or_default().into_iter();
            for folder in folders.filter(|folder| name_of(folder).eq_ignore_ascii_case(MASKS)) {
                let masks = find_images(&folder).unwrap_or_default().into_iter();
                lone.extend(masks.filter(|mask| !used.contains(mask.as_path())));
            }
        }
        lone.into_iter().map(|path| MaskError::NoImage { path }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use crate::test_tree::tree;

    #[test]
    fn masks_with_other_names_than_the_layout_expects_are_found() {
        let root = tree(&[
            "nut/train/good/000.png",
            "nut/test/good/000.png",
            "nut/test/scratch/000.png",
            "nut/test/scratch/001.png",
            "nut/ground_truth/scratch/000_mask.png",
            "nut/ground_truth/scratch/001.png",
            "nut/ground_truth/dent/002_mask.png",
            "nut/ground_truth/readme.txt",
        ]);
        let dataset = Dataset::load(root.path(), &Layout::Auto, 0).unwrap();
        let lone = dataset.lone_masks();
        let paths: Vec<_> = lone.iter().map(MaskError::path).collect();
        let masks = root.path().join("nut/ground_truth");
        assert_eq!(paths, [masks.join("dent/002_mask.png"), masks.join("scratch/001.png")]);
        assert!(lone.iter().all(MaskError::is_doubt));
        let message = lone[1].to_string();
        assert!(message.contains("belongs to no image: name it after its image"), "{message}");
    }
}
