//! The images of a cell: where they lie, which are trained on, and a digest of what they hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use differnet::Config;
use differnet_data::{ContentHash, Dataset, DecodeLimits, Layout, Sample};
use differnet_samples::{SampleConfig, write_sample_dataset};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::args::for_tiles;
use super::subset::random_subset;

/// One data set, or one category of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataPart {
    /// Its name in tables.
    pub(crate) category: String,
    /// The folder.
    pub(crate) root: PathBuf,
    /// Layout.
    pub(crate) layout: PartLayout,
}

/// Layout of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PartLayout {
    /// MVTec AD, the category of the part's name or the folder itself.
    Mvtec {
        /// The category below the folder; `None` if the folder is one.
        category: Option<String>,
    },
    /// Magnetic tiles.
    Mtd {
        /// File with the names of the training images; without one the seed draws 80 %.
        train_list: Option<PathBuf>,
    },
}

impl DataPart {
    /// The category `name` of the MVTec AD in `root`.
    pub(crate) fn mvtec(root: &Path, name: &str) -> Self {
        let layout = PartLayout::Mvtec { category: Some(name.to_owned()) };
        Self { category: name.to_owned(), root: root.to_path_buf(), layout }
    }

    /// Magnetic Tile Defects.
    pub(crate) fn mtd(root: &Path, train_list: Option<&PathBuf>) -> Self {
        let layout = PartLayout::Mtd { train_list: train_list.cloned() };
        Self { category: "mtd".to_owned(), root: root.to_path_buf(), layout }
    }

    /// Tells whether the images are magnetic tiles, which the paper changes in brightness and contrast.
    pub(crate) fn is_tiles(&self) -> bool {
        matches!(self.layout, PartLayout::Mtd { .. })
    }

    /// `config` with the paper's changes of the images, if it has any for them.
    pub(crate) fn adapted(&self, config: Config) -> Config {
        if self.is_tiles() { for_tiles(config) } else { config }
    }

    /// The part's images; `seed` draws a split that no list gives.
    ///
    /// # Errors
    /// If the tree does not have the layout, or if there are not both kinds of test images.
    pub(crate) fn load(&self, seed: u64) -> anyhow::Result<Dataset> {
        let layout = match &self.layout {
            PartLayout::Mvtec { category } => Layout::Mvtec { category: category.clone() },
            PartLayout::Mtd { train_list } => Layout::Mtd { train_list: train_list.clone() },
        };
        let data = Dataset::load(&self.root, &layout, seed)?;
        let defects = data.test.iter().filter(|sample| sample.defect.is_some()).count();
        anyhow::ensure!(
            defects > 0 && defects < data.test.len(),
            "{}: {} good and {defects} defective test images: both kinds are needed",
            self.root.join(&self.category).display(),
            data.test.len() - defects
        );
        Ok(data)
    }
}

/// The categories below `root`, or the only one if `root` is itself a category.
///
/// # Errors
/// If `root` is no folder in the layout of MVTec AD.
pub(crate) fn categories(root: &Path) -> anyhow::Result<Vec<DataPart>> {
    let names = Layout::Mvtec { category: None }.categories(root)?;
    if !names.is_empty() {
        return Ok(names.iter().map(|name| DataPart::mvtec(root, name)).collect());
    }
    let layout = Layout::Mvtec { category: None };
    let data = Dataset::load(root, &layout, 0)
        .with_context(|| format!("{} holds no category of MVTec AD", root.display()))?;
    let (root, layout) = (root.to_path_buf(), PartLayout::Mvtec { category: None });
    Ok(vec![DataPart { category: data.name, root, layout }])
}

/// The generated sample data set's categories, written below `out` unless they are there.
///
/// # Errors
/// If they cannot be written.
pub(crate) fn sample(out: &Path) -> anyhow::Result<Vec<DataPart>> {
    let root = out.join("sample-data");
    write_sample_dataset(&root, &SampleConfig::default())?;
    categories(&root)
}

/// Subset of `files` that a training on `count` images sees.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn draw(files: Vec<PathBuf>, count: usize, seed: u64) -> anyhow::Result<Vec<PathBuf>> {
    let hashes = hash_files(&files)?;
    let chosen = random_subset(&hashes, count, seed);
    Ok(chosen.into_iter().map(|index| files[index].clone()).collect())
}

/// Digests of data sets; every file is read once.
#[derive(Debug, Default)]
pub(crate) struct Fingerprints {
    known: BTreeMap<PathBuf, ContentHash>,
}

impl Fingerprints {
    /// Digest of what `data` holds: contents, labels and split, not names.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(crate) fn of(&mut self, data: &[Dataset]) -> anyhow::Result<String> {
        let mut lines = Vec::new();
        for (part, data) in data.iter().enumerate() {
            for (role, samples) in [("train", &data.train), ("test", &data.test)] {
                self.read(samples)?;
                lines.extend(samples.iter().map(|sample| {
                    let kind = sample.defect.as_ref().map_or("good", |defect| &defect.kind);
                    format!("{part} {role} {kind} {}\n", self.known[&sample.image])
                }));
            }
        }
        lines.sort();
        Ok(ContentHash::of(lines.concat().as_bytes()).to_string())
    }

    fn read(&mut self, samples: &[Sample]) -> anyhow::Result<()> {
        let files: Vec<PathBuf> = samples
            .iter()
            .map(|sample| sample.image.clone())
            .filter(|file| !self.known.contains_key(file))
            .collect();
        let hashes = hash_files(&files)?;
        self.known.extend(files.into_iter().zip(hashes));
        Ok(())
    }
}

fn hash_files(files: &[PathBuf]) -> anyhow::Result<Vec<ContentHash>> {
    let limits = DecodeLimits::default();
    let hashes = files.par_iter().map(|file| {
        let bytes = limits.read_file(file).map_err(|error| anyhow::anyhow!(error.with_causes()));
        Ok(ContentHash::of(&bytes?))
    });
    hashes.collect()
}

#[cfg(test)]
mod tests {
    use differnet_data::Defect;

    use super::*;

    fn data(folder: &Path, train: &[&str], test: &[&str]) -> Dataset {
        let sample = |name: &&str| Sample::good(folder.join(name));
        let defect = |name: &&str| Sample {
            image: folder.join(name),
            defect: Some(Defect { kind: "dent".into(), mask: None }),
        };
        let (train, test) = (train.iter().map(sample), test.iter().map(defect));
        Dataset { name: "parts".into(), train: train.collect(), test: test.collect() }
    }

    #[test]
    fn a_fingerprint_follows_contents_labels_and_split_but_not_names() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let folder = folder.path();
        for (name, text) in [("a", "one"), ("b", "two"), ("c", "two"), ("d", "three")] {
            std::fs::write(folder.join(name), text)?;
        }
        let fingerprint = |train: &[&str], test: &[&str]| {
            Fingerprints::default().of(&[data(folder, train, test)])
        };
        let golden = fingerprint(&["a"], &["b", "d"])?;
        assert_eq!(fingerprint(&["a"], &["d", "c"])?, golden);
        assert_ne!(fingerprint(&["b"], &["a", "d"])?, golden);
        assert_ne!(fingerprint(&["a"], &["b", "c"])?, golden);
        let message = fingerprint(&["a"], &["x"]).map_err(|error| error.to_string());
        assert!(message.is_err_and(|message| message.contains("x")));
        Ok(())
    }

    #[test]
    fn a_draw_takes_as_many_as_asked_for() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let files: Vec<PathBuf> =
            (0..6).map(|index| folder.path().join(index.to_string())).collect();
        for (index, file) in files.iter().enumerate() {
            std::fs::write(file, index.to_string())?;
        }
        let drawn = draw(files.clone(), 4, 1)?;
        assert_eq!(drawn.len(), 4);
        assert!(drawn.iter().all(|file| files.contains(file)));
        assert_eq!(draw(files.clone(), 9, 1)?, files);
        Ok(())
    }
}
