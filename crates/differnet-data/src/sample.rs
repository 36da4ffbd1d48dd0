//! A small generated data set in the layout of MVTec AD: two textures and an object, each with four
//! kinds of defects and masks, for a first try without any photographs.
//!
//! Images vary the way real ones do: light, exposure, noise, pose, colour and the material itself.
//! Every pixel follows from the seed, whatever the machine.

mod brushed_metal;
mod camera;
mod fabric;
mod hex_nut;
mod noise;
mod shape;

use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat};
use rayon::prelude::*;

use crate::error::DatasetError;
use crate::random::Random;
use crate::sample::brushed_metal::BrushedMetal;
use crate::sample::camera::{Part, Photograph, photograph};
use crate::sample::fabric::Fabric;
use crate::sample::hex_nut::HexNut;

/// Name of the file that says what wrote a category, and from which settings.
const NOTE: &str = "generated.txt";

/// How many sample images are drawn.
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
/// [`DatasetError::Occupied`] if a category's folder holds anything else,
/// [`DatasetError::SampleSize`] if the size is out of range, [`DatasetError::Write`] or
/// [`DatasetError::Encode`] if a file cannot be written.
pub fn write_sample_dataset(
    out: &Path,
    config: &SampleConfig,
) -> Result<Vec<String>, DatasetError> {
    let (min, max) = (SampleConfig::MIN_SIZE, SampleConfig::MAX_SIZE);
    if !(min..=max).contains(&config.size) {
        return Err(DatasetError::SampleSize { size: config.size, min, max });
    }
    fs::create_dir_all(out).map_err(write_error(out))?;
    let categories = [Category::BrushedMetal, Category::Fabric, Category::HexNut];
    for category in categories {
        write_category(out, category, config)?;
    }
    Ok(categories.map(|category| category.name().to_owned()).to_vec())
}

/// What the sample images show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Category {
    BrushedMetal,
    Fabric,
    HexNut,
}

impl Category {
    fn name(self) -> &'static str {
        match self {
            Self::BrushedMetal => "brushed_metal",
            Self::Fabric => "fabric",
            Self::HexNut => "hex_nut",
        }
    }

    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::BrushedMetal => &brushed_metal::KINDS,
            Self::Fabric => &fabric::KINDS,
            Self::HexNut => &hex_nut::KINDS,
        }
    }

    /// A part of its own, drawn from `random`; the defect from `flaw`, so that it changes no more.
    fn part(self, kind: Option<usize>, random: &mut Random, flaw: &mut Random) -> Box<dyn Part> {
        match (self, kind) {
            (Self::BrushedMetal, None) => Box::new(BrushedMetal::draw(random)),
            (Self::BrushedMetal, Some(kind)) => {
                Box::new(BrushedMetal::draw(random).damaged(kind, flaw))
            }
            (Self::Fabric, None) => Box::new(Fabric::draw(random)),
            (Self::Fabric, Some(kind)) => Box::new(Fabric::draw(random).damaged(kind, flaw)),
            (Self::HexNut, None) => Box::new(HexNut::draw(random)),
            (Self::HexNut, Some(kind)) => Box::new(HexNut::draw(random).damaged(kind, flaw)),
        }
    }
}

/// One image to be written.
#[derive(Debug, Clone)]
struct Shot {
    category: Category,
    /// Where it goes below the category: `train/good` or `test/KIND`.
    folder: String,
    /// Index among the category's kinds of defects; `None` for a good part.
    kind: Option<usize>,
    index: usize,
}

impl Shot {
    fn take(&self, config: &SampleConfig) -> Photograph {
        let item = format!("{}/{}/{}", self.category.name(), self.folder, self.index);
        let mut random = Random::new(config.seed, "sample/part", item.as_bytes());
        let mut flaw = Random::new(config.seed, "sample/flaw", item.as_bytes());
        let part = self.category.part(self.kind, &mut random, &mut flaw);
        photograph(part.as_ref(), config.size, &mut random)
    }

    fn write(&self, root: &Path, config: &SampleConfig) -> Result<(), DatasetError> {
        let Photograph { image, mask } = self.take(config);
        let path = root.join(&self.folder).join(format!("{:03}.png", self.index));
        save(&DynamicImage::ImageRgb8(image), path)?;
        if let Some(kind) = self.kind {
            let folder = root.join("ground_truth").join(self.category.kinds()[kind]);
            save(
                &DynamicImage::ImageLuma8(mask),
                folder.join(format!("{:03}_mask.png", self.index)),
            )?;
        }
        Ok(())
    }
}

fn shots(category: Category, config: &SampleConfig) -> Vec<Shot> {
    let mut shots = Vec::new();
    let mut add = |folder: String, kind, count| {
        shots.extend((0..count).map(|index| Shot {
            category,
            folder: folder.clone(),
            kind,
            index,
        }));
    };
    add("train/good".to_owned(), None, config.train);
    add("test/good".to_owned(), None, config.test_good);
    for (kind, name) in category.kinds().iter().enumerate() {
        add(format!("test/{name}"), Some(kind), config.test_defect_per_kind);
    }
    shots
}

fn write_category(
    out: &Path,
    category: Category,
    config: &SampleConfig,
) -> Result<(), DatasetError> {
    let target = out.join(category.name());
    let note = note(category, config);
    if fs::read_to_string(target.join(NOTE)).is_ok_and(|found| found == note) {
        return Ok(());
    }
    if target.is_file() || fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(DatasetError::Occupied { path: target });
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

fn save(image: &DynamicImage, path: PathBuf) -> Result<(), DatasetError> {
    image
        .save_with_format(&path, ImageFormat::Png)
        .map_err(|source| DatasetError::Encode { path, source })
}

fn write_error(path: &Path) -> impl FnOnce(std::io::Error) -> DatasetError {
    let path = path.to_path_buf();
    |source| DatasetError::Write { path, source }
}
