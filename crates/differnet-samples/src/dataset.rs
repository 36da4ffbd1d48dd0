//! The folders and files of the sample data set.

use std::fs;
use std::path::Path;

use rayon::prelude::*;

use crate::error::SampleError;
use crate::shot::{Category, shots};

/// Name of the file that says what wrote a category, and from which settings.
const NOTE: &str = "generated.txt";

/// Numbers and size of sample images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleConfig {
    /// Decides every pixel.
    pub seed: u64,
    /// Width and height in pixels, 64 to 4096.
    pub size: u32,
    /// Good training images per category.
    pub train: usize,
    /// Good test images per category.
    pub test_good: usize,
    /// Test images per kind of defect.
    pub test_defect_per_kind: usize,
}

impl SampleConfig {
    /// Smallest [`size`](Self::size): below it the threads of the fabric melt together.
    pub const MIN_SIZE: u32 = 64;
    /// Largest [`size`](Self::size).
    pub const MAX_SIZE: u32 = 4096;
}

impl Default for SampleConfig {
    /// 256 × 256 pixels; 40 good images to train on, 12 good and 4 · 5 defective ones to test with.
    fn default() -> Self {
        Self { seed: 0, size: 256, train: 40, test_good: 12, test_defect_per_kind: 5 }
    }
}

/// The categories written below `out`, sorted, in the layout of MVTec AD.
///
/// More images per folder never change those that fewer would give. A category that is there
/// already, from the same settings, is kept. Files appear under their category's name only when
/// all of them are written.
///
/// # Errors
/// [`SampleError::Occupied`] if a category's folder holds anything else,
/// [`SampleError::Size`] if the size is out of range, [`SampleError::Write`] or
/// [`SampleError::Encode`] if a file cannot be written.
pub fn write_sample_dataset(out: &Path, config: &SampleConfig) -> Result<Vec<String>, SampleError> {
    let (min, max) = (SampleConfig::MIN_SIZE, SampleConfig::MAX_SIZE);
    if !(min..=max).contains(&config.size) {
        return Err(SampleError::Size { size: config.size, min, max });
    }
    fs::create_dir_all(out).map_err(write_error(out))?;
    let categories = [Category::BrushedMetal, Category::Fabric, Category::HexNut];
    for category in categories {
        write_category(out, category, config)?;
    }
    Ok(categories.map(|category| category.name().to_owned()).to_vec())
}

fn write_category(
    out: &Path,
    category: Category,
    config: &SampleConfig,
) -> Result<(), SampleError> {
    let target = out.join(category.name());
    let note = note(category, config);
    if fs::read_to_string(target.join(NOTE)).is_ok_and(|found| found == note) {
        return Ok(());
    }
    if target.is_file() || fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(SampleError::Occupied { path: target });
    }
    // Written aside and renamed, so that an interrupted run leaves no half category.
    let aside =
        tempfile::Builder::new().prefix(".sample-").tempdir_in(out).map_err(write_error(out))?;
    let root = aside.path().join(category.name());
    let shots = shots(category, config);
    let mut folders = vec![root.join("train/good"), root.join("test/good")];
    for kind in category.kinds() {
        folders.push(root.join("test").join(kind));
        folders.push(root.join("ground_truth").join(kind));
    }
    for folder in folders {
        fs::create_dir_all(&folder).map_err(write_error(&folder))?;
    }
    shots.par_iter().try_for_each(|shot| shot.write(&root, config))?;
    let note_path = root.join(NOTE);
    fs::write(&note_path, note).map_err(write_error(&note_path))?;
    if target.is_dir() {
        fs::remove_dir(&target).map_err(write_error(&target))?;
    }
    fs::rename(&root, &target).map_err(write_error(&target))
}

fn note(category: Category, config: &SampleConfig) -> String {
    let SampleConfig { seed, size, train, test_good, test_defect_per_kind } = config;
    format!(
        "Generated images of {}, no photographs.\nversion 1, seed {seed}, {size}x{size} pixels, \
         {train} train, {test_good} test good, {test_defect_per_kind} test per kind of defect\n",
        category.name()
    )
}

fn write_error(path: &Path) -> impl FnOnce(std::io::Error) -> SampleError {
    let path = path.to_path_buf();
    |source| SampleError::Write { path, source }
}

#[cfg(test)]
mod tests {
    use differnet_data::{Dataset, Layout, find_images};

    use super::*;

    fn small(train: usize) -> SampleConfig {
        SampleConfig { seed: 5, size: 64, train, test_good: 1, test_defect_per_kind: 1 }
    }

    fn root() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn every_category_loads_as_mvtec_with_a_mask_for_each_defect() {
        let root = root();
        let categories = write_sample_dataset(root.path(), &small(2)).unwrap();
        assert_eq!(categories, ["brushed_metal", "fabric", "hex_nut"]);
        assert_eq!(Layout::Mvtec { category: None }.categories(root.path()).unwrap(), categories);
        for category in categories {
            let layout = Layout::Mvtec { category: Some(category) };
            let dataset = Dataset::load(root.path(), &layout, 0).unwrap();
            assert_eq!(dataset.train.len(), 2);
            assert_eq!(dataset.test.len(), 5);
            let defects: Vec<_> = dataset.test.iter().filter_map(|s| s.defect.as_ref()).collect();
            assert_eq!(defects.len(), 4);
            assert!(defects.iter().all(|defect| defect.mask.is_some()));
        }
    }

    #[test]
    fn more_images_leave_the_others_as_they_were() {
        let (few, many) = (root(), root());
        write_sample_dataset(few.path(), &small(1)).unwrap();
        write_sample_dataset(many.path(), &small(3)).unwrap();
        for image in find_images(few.path()).unwrap() {
            let same = many.path().join(image.strip_prefix(few.path()).unwrap());
            assert_eq!(fs::read(&image).unwrap(), fs::read(same).unwrap(), "{image:?}");
        }
    }

    #[test]
    fn a_second_run_keeps_the_files_and_other_settings_are_refused() {
        let root = root();
        write_sample_dataset(root.path(), &small(1)).unwrap();
        let image = root.path().join("fabric/train/good/000.png");
        let written = fs::metadata(&image).unwrap().modified().unwrap();
        write_sample_dataset(root.path(), &small(1)).unwrap();
        assert_eq!(fs::metadata(&image).unwrap().modified().unwrap(), written);
        let message = write_sample_dataset(root.path(), &small(2)).unwrap_err().to_string();
        assert!(message.ends_with("choose another folder or delete it"), "{message}");
    }

    #[test]
    fn nothing_but_the_categories_is_left_behind() {
        let root = root();
        write_sample_dataset(root.path(), &small(1)).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["brushed_metal", "fabric", "hex_nut"]);
    }

    #[test]
    fn sizes_that_show_nothing_are_refused() {
        for size in [0, 63, 4097] {
            let config = SampleConfig { size, ..small(1) };
            let message = write_sample_dataset(root().path(), &config).unwrap_err().to_string();
            let golden =
                format!("sample images of {size} pixels are not possible: choose 64 to 4096");
            assert_eq!(message, golden);
        }
    }
}
