//! Manifests: what a complete copy of a public data set holds, and where it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::Deserialize;

/// Manifest of a data set, `datasets/ID.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The file's stem, by which the command line calls the data set.
    #[serde(skip)]
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Layout.
    pub layout: Layout,
    /// Publisher.
    pub publisher: String,
    /// The terms.
    pub licence: String,
    /// Publications to cite.
    pub citation: Vec<String>,
    /// Address where the publisher offers it.
    pub obtain_from: String,
    /// Instructions to lay it out.
    pub unpack: String,
    /// Images that have a mask.
    pub masks: Masks,
    /// Whether the files of a folder are `000`, `001` and so on.
    #[serde(default)]
    pub numbered: bool,
    /// The good images to train on, where folders do not tell; a path from here on.
    #[serde(default)]
    pub train_list: Option<PathBuf>,
    /// Masks of defective images that are published black, as paths below the root.
    #[serde(default)]
    pub empty_masks: BTreeSet<String>,
    /// Numbers of images over all categories.
    pub totals: Totals,
    /// Contents of each category, by its name.
    pub categories: BTreeMap<String, Category>,
}

/// Layout of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Folders as in MVTec AD.
    Mvtec,
    /// Folders as in Magnetic Tile Defects.
    Mtd,
    /// Folders and list as in VisA.
    Visa,
    /// Folders as in KolektorSDD2.
    Ksdd2,
}

impl Layout {
    /// Its name, as on the command line of `differnet`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mvtec => "mvtec",
            Self::Mtd => "mtd",
            Self::Visa => "visa",
            Self::Ksdd2 => "ksdd2",
        }
    }
}

/// Images that have a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Masks {
    /// Defective ones.
    Defects,
    /// Good ones too.
    All,
}

/// Numbers of images over all categories, as published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Good images to train on.
    pub train: usize,
    /// Good images to test with.
    pub good: usize,
    /// Defective images to test with.
    pub defective: usize,
}

/// Numbers of images of one category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Good images to train on.
    pub train: usize,
    /// Good images to test with.
    pub good: usize,
    /// Defective images to test with, by kind of defect.
    pub defects: BTreeMap<String, usize>,
}

impl Manifest {
    /// Every manifest of the folder, sorted by id.
    ///
    /// # Errors
    /// If a manifest cannot be read, is not understood or contradicts itself.
    pub fn read_all(folder: &Path) -> anyhow::Result<Vec<Self>> {
        let place = || format!("cannot read {}", folder.display());
        let entries = fs::read_dir(folder).with_context(place)?;
        let paths: Result<Vec<PathBuf>, _> =
            entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut paths = paths.with_context(place)?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// The manifest `path`.
    ///
    /// # Errors
    /// If it cannot be read, is not understood or contradicts itself.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        let id = path.file_stem().unwrap_or_default().to_string_lossy();
        let manifest = Self::parse(&id, &text);
        let mut manifest =
            manifest.with_context(|| format!("{} is not a manifest", path.display()))?;
        if let (Some(list), Some(folder)) = (&mut manifest.train_list, path.parent()) {
            *list = folder.join(&list);
        }
        Ok(manifest)
    }

    /// The manifest in `text`; its train list stays relative.
    ///
    /// # Errors
    /// If it is not understood or contradicts itself.
    pub fn parse(id: &str, text: &str) -> anyhow::Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        let (sum, totals) = (manifest.sum(), manifest.totals);
        ensure!(sum == totals, "its categories add up to {sum:?}, its totals say {totals:?}");
        Ok(Self { id: id.to_owned(), ..manifest })
    }

    fn sum(&self) -> Totals {
        let sum = |count: fn(&Category) -> usize| add(self.categories.values().map(count));
        Totals {
            train: sum(|category| category.train),
            good: sum(|category| category.good),
            defective: sum(Category::defective),
        }
    }
}

impl Category {
    /// Defective images of all kinds.
    pub fn defective(&self) -> usize {
        add(self.defects.values().copied())
    }
}

/// The sum of `counts`, the largest number there is where it is larger: no total is.
fn add(counts: impl Iterator<Item = usize>) -> usize {
    counts.fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifests() -> Vec<Manifest> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
        Manifest::read_all(&folder).unwrap()
    }

    fn manifest(id: &str) -> Manifest {
        manifests().into_iter().find(|manifest| manifest.id == id).unwrap()
    }

    #[test]
    fn the_published_numbers_are_held() {
        let mvtec = manifest("mvtec_ad");
        assert_eq!(mvtec.sum(), Totals { train: 3629, good: 467, defective: 1258 });
        let mtd = Totals { train: 761, good: 191, defective: 392 };
        assert_eq!(manifest("mtd").sum(), mtd);
        let visa = manifest("visa").sum();
        assert_eq!((visa.train + visa.good, visa.defective), (9621, 1200));
        let ksdd2 = Totals { train: 2085, good: 894, defective: 110 };
        assert_eq!(manifest("ksdd2").sum(), ksdd2);
        // Train, good and defective, from the overview table of the CVPR paper.
        let table = [
            ("bottle", 209, 20, 63),
            ("cable", 224, 58, 92),
            ("capsule", 219, 23, 109),
            ("carpet", 280, 28, 89),
            ("grid", 264, 21, 57),
            ("hazelnut", 391, 40, 70),
            ("leather", 245, 32, 92),
            ("metal_nut", 220, 22, 93),
            ("pill", 267, 26, 141),
            ("screw", 320, 41, 119),
            ("tile", 230, 33, 84),
            ("toothbrush", 60, 12, 30),
            ("transistor", 213, 60, 40),
            ("wood", 247, 19, 60),
            ("zipper", 240, 32, 119),
        ];
        let found: Vec<_> = mvtec
            .categories
            .iter()
            .map(|(name, category)| {
                (name.as_str(), category.train, category.good, category.defective())
            })
            .collect();
        assert_eq!(found, table);
        let kinds: usize = mvtec.categories.values().map(|category| category.defects.len()).sum();
        assert_eq!(kinds, 73);
    }

    #[test]
    fn every_manifest_says_where_the_data_comes_from_and_on_which_terms() {
        for manifest in manifests() {
            assert!(manifest.obtain_from.starts_with("https://"), "{}", manifest.id);
            assert!(!manifest.citation.is_empty(), "{}", manifest.id);
            for text in [&manifest.licence, &manifest.publisher, &manifest.unpack] {
                assert!(!text.is_empty(), "{}", manifest.id);
            }
        }
    }

    #[test]
    fn sums_that_contradict_the_totals_and_unknown_fields_are_refused() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/mtd.toml");
        let text = fs::read_to_string(path).unwrap();
        assert!(Manifest::parse("mtd", &text).is_ok());
        let error = Manifest::parse("mtd", &text.replace("Crack = 57", "Crack = 58")).unwrap_err();
        assert!(error.to_string().contains("add up to"), "{error}");
        assert!(Manifest::parse("mtd", &format!("shape = 1\n{text}")).is_err());
        // Three numbers whose sum is 0 in 64 bits.
        let text = text.replace("train = 761", "train = 0").replace("good = 191", "good = 0");
        let text = text.replace("defective = 392", "defective = 0");
        let (most, defects) = (i64::MAX, text.find("defects = ").unwrap());
        let wrapping =
            format!("{}defects = {{ a = {most}, b = {most}, c = 2 }}\n", &text[..defects]);
        assert!(Manifest::parse("mtd", &wrapping).unwrap_err().to_string().contains("add up to"));
    }
}
