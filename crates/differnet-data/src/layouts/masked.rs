//! Images with their masks, as a layout pairs them by name.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// An image and the mask that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedImage {
    /// The image file.
    pub image: PathBuf,
    /// Its mask; `None` if there is none by the name that the layout asks for.
    pub mask: Option<PathBuf>,
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

/// Gives each image the first of `masks` whose stem is the one that `mask_stem` says.
pub(super) fn pair(
    images: Vec<PathBuf>,
    masks: Vec<PathBuf>,
    mask_stem: impl Fn(&OsStr) -> OsString,
) -> MaskedImages {
    let mut by_stem: BTreeMap<&OsStr, &PathBuf> = BTreeMap::new();
    for mask in &masks {
        by_stem.entry(stem(mask)).or_insert(mask);
    }
    let pair = |image: PathBuf| {
        let mask = by_stem.get(mask_stem(stem(&image)).as_os_str());
        MaskedImage { mask: mask.map(|mask| PathBuf::clone(mask)), image }
    };
    let images: Vec<MaskedImage> = images.into_iter().map(pair).collect();
    let used: BTreeSet<&PathBuf> = images.iter().filter_map(|pair| pair.mask.as_ref()).collect();
    let lone_masks = masks.iter().filter(|mask| !used.contains(mask)).cloned().collect();
    MaskedImages { images, lone_masks }
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
        let masks = paths(&["a_m.bmp", "a_m.png", "c_m.png"]);
        let pairs = pair(images, masks, |stem| {
            let mut stem = stem.to_os_string();
            stem.push("_m");
            stem
        });
        let golden = MaskedImages {
            images: vec![
                MaskedImage { image: "a.jpg".into(), mask: Some("a_m.bmp".into()) },
                MaskedImage::without_mask("b.jpg".into()),
            ],
            lone_masks: paths(&["a_m.png", "c_m.png"]),
        };
        assert_eq!(pairs, golden);
    }
}
