//! Images with their masks, as a layout pairs them by name.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::dataset_error::DatasetError;
use crate::listing::{folders_below, images_in};
use crate::mask::Mask;

/// An image and the mask that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedImage {
    /// The image file.
    pub image: PathBuf,
    /// Its mask; `None` if there is none by the name that the layout asks for.
    pub mask: Option<Mask>,
}

impl MaskedImage {
    /// An image that needs no mask.
    pub fn without_mask(image: PathBuf) -> Self {
        Self { image, mask: None }
    }
}

/// The images of one folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MaskedImages {
    /// The images, sorted by path.
    pub images: Vec<MaskedImage>,
    /// Masks that belong to none of the images, sorted by path.
    pub lone_masks: Vec<PathBuf>,
}

impl MaskedImages {
    /// Pairs the image files of `folder`, and those of each folder below it, by `pair`.
    pub(super) fn below(
        folder: &Path,
        pair: impl Fn(Vec<PathBuf>) -> Self,
    ) -> Result<Self, DatasetError> {
        let mut found = Self::default();
        for below in folders_below(folder)? {
            let Self { images, lone_masks } = pair(images_in(&folder.join(below))?);
            found.images.extend(images);
            found.lone_masks.extend(lone_masks);
        }
        found.images.sort_by(|a, b| a.image.cmp(&b.image));
        found.lone_masks.sort();
        Ok(found)
    }
}

/// A mask and what its image is found by.
pub(super) struct KeyedMask {
    pub(super) key: OsString,
    pub(super) mask: Mask,
}

impl KeyedMask {
    /// Each of `files` by its stem.
    pub(super) fn by_stem(files: Vec<PathBuf>, mask: fn(PathBuf) -> Mask) -> Vec<Self> {
        let keyed = |file: PathBuf| Self { key: stem(&file).to_os_string(), mask: mask(file) };
        files.into_iter().map(keyed).collect()
    }
}

/// Gives each image the first of `masks` whose key is the one that `key` makes of the image's stem.
pub(super) fn pair(
    images: Vec<PathBuf>,
    masks: Vec<KeyedMask>,
    key: impl Fn(&OsStr) -> OsString,
) -> MaskedImages {
    let mut by_key: BTreeMap<&OsStr, &Mask> = BTreeMap::new();
    for KeyedMask { key, mask } in &masks {
        by_key.entry(key).or_insert(mask);
    }
    let pair = |image: PathBuf| {
        let mask = by_key.get(key(stem(&image)).as_os_str());
        MaskedImage { mask: mask.map(|mask| Mask::clone(mask)), image }
    };
    let images: Vec<MaskedImage> = images.into_iter().map(pair).collect();
    let used: BTreeSet<&Path> =
        images.iter().filter_map(|pair| pair.mask.as_ref()).map(Mask::path).collect();
    let paths = masks.iter().map(|keyed| keyed.mask.path());
    let lone_masks = paths.filter(|path| !used.contains(path)).map(Path::to_path_buf).collect();
    MaskedImages { images, lone_masks }
}

/// Pairs the images of a folder with the masks beside them, `NAME` and then `suffix`.
pub(super) fn pair_beside(files: Vec<PathBuf>, suffix: &str) -> MaskedImages {
    let is_mask = |file: &PathBuf| stem(file).to_string_lossy().ends_with(suffix);
    let (masks, images): (Vec<_>, Vec<_>) = files.into_iter().partition(is_mask);
    let masks = KeyedMask::by_stem(masks, Mask::not_black);
    pair(images, masks, |stem| with_suffix(stem, suffix))
}

/// The stem followed by `suffix`.
pub(super) fn with_suffix(stem: &OsStr, suffix: &str) -> OsString {
    let mut name = stem.to_os_string();
    name.push(suffix);
    name
}

fn stem(path: &Path) -> &OsStr {
    path.file_stem().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_find_their_images_and_the_rest_is_left_alone() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let images = paths(&["a.jpg", "b.jpg"]);
        let masks = KeyedMask::by_stem(paths(&["a_m.bmp", "a_m.png", "c_m.png"]), Mask::half_white);
        let pairs = pair(images, masks, |stem| with_suffix(stem, "_m"));
        let mask = Some(Mask::half_white("a_m.bmp".into()));
        let golden = MaskedImages {
            images: vec![
                MaskedImage { image: "a.jpg".into(), mask },
                MaskedImage::without_mask("b.jpg".into()),
            ],
            lone_masks: paths(&["a_m.png", "c_m.png"]),
        };
        assert_eq!(pairs, golden);
    }
}
