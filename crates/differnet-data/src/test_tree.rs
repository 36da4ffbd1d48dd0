//! Folder trees for tests.

use std::fs;
use std::path::Path;

use crate::dataset::Dataset;
use crate::mask::Mask;

/// A temporary folder holding the named files, each of one byte.
pub(crate) fn tree<Name: AsRef<str>>(files: &[Name]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file.as_ref());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    root
}

/// Contents of a data set, an image a line: its split or kind, the image, its mask, relative to `root`.
pub(crate) fn found_in(dataset: &Dataset, root: &Path) -> Vec<String> {
    let name = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
    let train = dataset.train.iter().map(|sample| {
        assert_eq!(sample.defect, None);
        format!("train: {}", name(&sample.image))
    });
    let test = dataset.test.iter().map(|sample| {
        let image = name(&sample.image);
        let Some(defect) = &sample.defect else { return format!("good: {image}") };
        let mask = defect.mask.as_ref().map(|mask| format!(", {}", name(Mask::path(mask))));
        format!("{}: {image}{}", defect.kind, mask.unwrap_or_default())
    });
    train.chain(test).collect()
}
