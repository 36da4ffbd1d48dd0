//! Inventory of a folder's data set, taken as it is: incomplete copies, too.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use differnet_data::audit::Split;
use differnet_data::folders::{folders_in, images_in, others_in};
use differnet_data::layouts::{ListedName, MaskedImage, MaskedImages, TileClass};
use differnet_data::{Dataset, DatasetError, Sample};

use xtask_inputs::manifest::{Layout, Manifest};

/// The name of the folder of good images.
const GOOD: &str = "good";

/// The class of tiles without a defect.
const FREE: &str = "Free";

/// Place that an image belongs to; places are listed in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) split: Split,
    /// The kind of defect; `None` for good images.
    pub(super) kind: Option<String>,
}

impl Place {
    pub(super) fn train() -> Self {
        Self { split: Split::Train, kind: None }
    }

    pub(super) fn test_good() -> Self {
        Self { split: Split::Test, kind: None }
    }

    pub(super) fn test_defect(kind: &str) -> Self {
        Self { split: Split::Test, kind: Some(kind.to_owned()) }
    }

    pub(super) fn split_name(&self) -> &'static str {
        match self.split {
            Split::Train => "train",
            Split::Test => "test",
        }
    }

    pub(super) fn kind_name(&self) -> &str {
        self.kind.as_deref().unwrap_or(GOOD)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.split_name(), self.kind_name())
    }
}

/// Inventory of one category.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Inventory {
    /// Images and masks by place.
    pub(super) groups: BTreeMap<Place, MaskedImages>,
    /// Files and folders that the layout has no place for.
    pub(super) strays: Vec<PathBuf>,
    /// Names in the train list that no image has.
    pub(super) unfound: Vec<String>,
}

impl Inventory {
    /// Inventory of `category` below `root`; `None` if there is nothing.
    pub(super) fn take(
        manifest: &Manifest,
        root: &Path,
        category: &str,
    ) -> anyhow::Result<Option<Self>> {
        Ok(match manifest.layout {
            Layout::Mvtec => match category_folder(root, category) {
                Some(folder) => Some(mvtec(&folder)?),
                None => None,
            },
            Layout::Mtd if TileClass::all(root)?.is_empty() => None,
            Layout::Mtd => {
                let list = manifest.train_list.as_deref();
                Some(mtd(root, list.context("the layout mtd needs a train list")?)?)
            }
            Layout::Visa | Layout::Ksdd2 => loaded(root, manifest.layout.name(), category)?,
        })
    }

    /// Number of images.
    pub(super) fn images(&self) -> usize {
        self.groups.values().map(|group| group.images.len()).sum()
    }
}

/// Categories below `root` that the manifest does not know.
pub(super) fn unknown_categories(manifest: &Manifest, root: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = match manifest.layout {
        Layout::Mvtec => differnet_data::Layout::Mvtec { category: None }.categories(root)?,
        Layout::Mtd | Layout::Visa | Layout::Ksdd2 => Vec::new(),
    };
    let is_root = manifest.categories.keys().any(|name| is_category(root, name));
    names.retain(|name| !is_root && !manifest.categories.contains_key(name));
    Ok(names)
}

/// The folder `category` below `root`, or `root` itself if it has that name.
fn category_folder(root: &Path, category: &str) -> Option<PathBuf> {
    let below = root.join(category);
    if holds_splits(&below) {
        Some(below)
    } else {
        is_category(root, category).then(|| root.to_path_buf())
    }
}

fn is_category(folder: &Path, category: &str) -> bool {
    let named = folder.canonicalize().is_ok_and(|folder| folder.ends_with(category));
    named && holds_splits(folder)
}

fn holds_splits(folder: &Path) -> bool {
    ["train", "test"].iter().any(|split| folder.join(split).is_dir())
}

fn mvtec(folder: &Path) -> Result<Inventory, DatasetError> {
    let mut inventory = Inventory::default();
    let [train, test, truth] = ["train", "test", "ground_truth"].map(|name| folder.join(name));
    let mut good = MaskedImages::default();
    for found in if_any(&train, folders_in)? {
        if found.ends_with(GOOD) {
            good.images = images_in(&found)?.into_iter().map(MaskedImage::without_mask).collect();
            inventory.strays.extend(others_in(&found)?);
        } else {
            inventory.strays.push(found);
        }
    }
    inventory.groups.insert(Place::train(), good);
    let mut kinds = BTreeSet::new();
    for found in [if_any(&test, folders_in)?, if_any(&truth, folders_in)?].concat() {
        inventory.strays.extend(others_in(&found)?);
        kinds.extend(found.file_name().map(OsStr::to_os_string));
    }
    for kind in kinds {
        let images = MaskedImages::of_mvtec(folder, &kind)?;
        let place = if kind == GOOD {
            Place::test_good()
        } else {
            Place::test_defect(&kind.to_string_lossy())
        };
        inventory.groups.insert(place, images);
    }
    // Images and masks belong in folders one level deeper.
    for folder in [&train, &test, &truth] {
        inventory.strays.extend(if_any(folder, images_in)?);
        let others = if_any(folder, others_in)?;
        inventory.strays.extend(others.into_iter().filter(|path| !path.is_dir()));
    }
    Ok(inventory)
}

fn mtd(root: &Path, train_list: &Path) -> Result<Inventory, DatasetError> {
    let mut inventory = Inventory::default();
    let mut good = MaskedImages::default();
    for class in TileClass::all(root)? {
        inventory.strays.extend(others_in(&class.images)?);
        let tiles = class.tiles()?;
        if class.name == FREE {
            good = tiles;
        } else {
            inventory.groups.insert(Place::test_defect(&class.name), tiles);
        }
    }
    let listed = ListedName::read(train_list)?;
    let is_listed = |tile: &MaskedImage| listed.iter().any(|entry| entry.is_name_of(&tile.image));
    let unfound =
        listed.iter().filter(|entry| !good.images.iter().any(|tile| entry.is_name_of(&tile.image)));
    inventory.unfound = unfound.map(|entry| entry.name.clone()).collect();
    let (images, others) = good.images.into_iter().partition(is_listed);
    inventory.groups.insert(Place::train(), MaskedImages { images, lone_masks: Vec::new() });
    let rest = MaskedImages { images: others, lone_masks: good.lone_masks };
    inventory.groups.insert(Place::test_good(), rest);
    Ok(inventory)
}

/// Data set loaded of `category`; `None` if the tree does not have the layout or the category.
fn loaded(root: &Path, layout: &str, category: &str) -> Result<Option<Inventory>, DatasetError> {
    let Some(mut detected) =
        differnet_data::Layout::detect(root).ok().filter(|found| found.name() == layout)
    else {
        return Ok(None);
    };
    if let Some(chosen) = detected.category_mut() {
        *chosen = Some(category.to_owned());
    }
    let Dataset { train, test, .. } = match Dataset::load(root, &detected, 0) {
        Err(DatasetError::UnknownCategory { .. }) => return Ok(None),
        dataset => dataset?,
    };
    let mut inventory = Inventory::default();
    for (split, samples) in [(Split::Train, train), (Split::Test, test)] {
        for Sample { image, defect } in samples {
            let (kind, mask) = match defect {
                Some(defect) => (Some(defect.kind), defect.mask),
                None => (None, None),
            };
            let group = inventory.groups.entry(Place { split, kind }).or_default();
            group.images.push(MaskedImage { image, mask });
        }
    }
    Ok(Some(inventory))
}

/// Files that `list` finds in the folder; none if there is no such folder.
fn if_any(
    folder: &Path,
    list: fn(&Path) -> Result<Vec<PathBuf>, DatasetError>,
) -> Result<Vec<PathBuf>, DatasetError> {
    if folder.is_dir() { list(folder) } else { Ok(Vec::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_that_is_loaded_is_counted_by_place() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let mut list = "object,split,label,image,mask\n".to_owned();
        for (split, label, image, mask) in [
            ("train", "normal", "Normal/0", ""),
            ("test", "normal", "Normal/1", ""),
            ("test", "anomaly", "Anomaly/0", "nut/Data/Masks/Anomaly/0.png"),
        ] {
            let image = format!("nut/Data/Images/{image}.JPG");
            write(&image, "x");
            list += &format!("nut,{split},{label},{image},{mask}\n");
        }
        write("nut/Data/Masks/Anomaly/0.png", "x");
        write("split_csv/1cls.csv", &list);
        let found = loaded(root.path(), "visa", "nut").unwrap().unwrap();
        let places: Vec<String> = found.groups.keys().map(ToString::to_string).collect();
        assert_eq!(places, ["train/good", "test/good", "test/anomaly"]);
        assert_eq!(found.images(), 3);
        assert!(found.groups[&Place::test_defect("anomaly")].images[0].mask.is_some());
        assert_eq!(loaded(root.path(), "visa", "bolt").unwrap(), None);
        assert_eq!(loaded(root.path(), "ksdd2", "ksdd2").unwrap(), None);
    }
}
