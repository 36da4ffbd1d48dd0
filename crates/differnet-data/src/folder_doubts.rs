//! Folders below a folder of good images whose names say that they hold something else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::folder_names::{FolderRole, role_of};
use crate::listing::name_of;

/// Endings of the names of masks that lie beside their images.
const MASK_SUFFIXES: [&str; 8] =
    ["_mask", "-mask", ".mask", "_gt", "_label", "_labels", "_seg", "_segmentation"];

/// A folder of images that may not be what they are taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubtfulFolder {
    /// The folder, from the one that was searched on; empty for that one.
    pub folder: PathBuf,
    /// Images in it at any depth that are in doubt.
    pub images: usize,
    /// Reason for the doubt.
    pub(crate) doubt: FolderDoubt,
}

impl DoubtfulFolder {
    /// Folders of `images`, all of them below `root`, that may not hold good ones, by their names; sorted.
    ///
    /// Names are understood in any case and at any depth, in English and some other languages: `bad`, `NG`,
    /// `ko`, `defect`, `reject`, `schlecht`, `mask`, `ground_truth`, `Test` and the like. Where one folder
    /// says that it holds good images, one beside it that does not is in doubt.
    pub fn among(root: &Path, images: &[PathBuf]) -> Vec<Self> {
        let good = parents_of_good(root, images);
        folders_in_doubt(root, images, |image| doubt_of(image, &good))
    }

    /// As [`among`](Self::among), of images of defects: those that may be good ones or masks.
    pub fn among_defects(root: &Path, images: &[PathBuf]) -> Vec<Self> {
        folders_in_doubt(root, images, |image| {
            let way = way_to(image).into_iter();
            way.filter_map(|folder| match role_of(&name_of(folder)) {
                FolderRole::Good => Some((folder.to_path_buf(), FolderDoubt::Good)),
                FolderRole::Masks => Some((folder.to_path_buf(), FolderDoubt::Masks)),
                _ => None,
            })
            .next()
        })
    }
}

/// Reason to doubt that images are what they are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FolderDoubt {
    /// The folder is named like good images.
    Good,
    /// The folder is named like defects.
    Defects,
    /// The folder is named like masks.
    Masks,
    /// The folder is named like images to test with.
    Test,
    /// A folder beside it is named like good images.
    BesideGood,
    /// Other images in the folder have the same names without `_mask` or the like.
    MaskNames,
}

impl fmt::Display for DoubtfulFolder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, images, doubt } = self;
        let images = if *images == 1 { "1 image".into() } else { format!("{images} images") };
        if folder.as_os_str().is_empty() {
            write!(formatter, "itself ({images}) ")?;
        } else {
            write!(formatter, "{} ({images}) ", folder.display())?;
        }
        formatter.write_str(match doubt {
            FolderDoubt::Good => "looks like good images",
            FolderDoubt::Defects => "looks like defects",
            FolderDoubt::Masks => "looks like masks",
            FolderDoubt::Test => "looks like test images",
            FolderDoubt::BesideGood => "lies beside a folder of good images",
            FolderDoubt::MaskNames => "has files named like masks of others",
        })
    }
}

/// Folders of images that `doubt_of` names, given an image's path from the root on, and of images that are
/// named like masks.
fn folders_in_doubt(
    root: &Path,
    images: &[PathBuf],
    doubt_of: impl Fn(&Path) -> Option<(PathBuf, FolderDoubt)>,
) -> Vec<DoubtfulFolder> {
    let mut found: BTreeMap<(PathBuf, FolderDoubt), usize> = BTreeMap::new();
    let mut clear = Vec::new();
    for image in images {
        match doubt_of(&below(root, image)) {
            Some(doubt) => *found.entry(doubt).or_default() += 1,
            None => clear.push(image),
        }
    }
    for folder in named_like_masks(&clear) {
        *found.entry((below(root, &folder), FolderDoubt::MaskNames)).or_default() += 1;
    }
    let doubtful = |((folder, doubt), images)| DoubtfulFolder { folder, images, doubt };
    found.into_iter().map(doubtful).collect()
}

/// Returns the remedy for folders in doubt.
pub(crate) fn remedy(root: &Path, folders: &[DoubtfulFolder]) -> String {
    let defects: Vec<&DoubtfulFolder> =
        folders.iter().filter(|folder| folder.doubt == FolderDoubt::Defects).collect();
    let test = match defects[..] {
        [only] => format!("--test-defect {}", root.join(&only.folder).display()),
        _ => "--test-good and --test-defect".to_owned(),
    };
    format!(
        "name the folder of good images alone with --data, and those to test with by {test}, or add \
         --all-good if every image shows a good part"
    )
}

/// The first folder on the way to an image that is in doubt; `image` is its path from the root on.
fn doubt_of(image: &Path, good: &BTreeSet<PathBuf>) -> Option<(PathBuf, FolderDoubt)> {
    let folder = image.parent().unwrap_or(Path::new(""));
    let way = way_to(image);
    let named = way.iter().find_map(|folder| {
        let doubt = match role_of(&name_of(folder)) {
            FolderRole::Defects => FolderDoubt::Defects,
            FolderRole::Masks => FolderDoubt::Masks,
            FolderRole::Test | FolderRole::Validation => FolderDoubt::Test,
            FolderRole::Good | FolderRole::Train | FolderRole::Other => return None,
        };
        Some((folder.to_path_buf(), doubt))
    });
    let beside = || {
        let is_beside = |folder: &&&Path| {
            folder.parent().is_some_and(|parent| good.contains(parent))
                && role_of(&name_of(folder)) != FolderRole::Good
        };
        let found = way.iter().find(is_beside).copied();
        let found = found.or_else(|| good.contains(folder).then_some(folder));
        found.map(|folder| (folder.to_path_buf(), FolderDoubt::BesideGood))
    };
    named.or_else(beside)
}

/// The folders that an image lies in, from the root's child down.
fn way_to(image: &Path) -> Vec<&Path> {
    let folder = image.parent().unwrap_or(Path::new(""));
    let mut way: Vec<&Path> = folder.ancestors().filter(|f| f.parent().is_some()).collect();
    way.reverse();
    way
}

/// Folders that have a child named like good images, from the root on.
fn parents_of_good(root: &Path, images: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut parents = BTreeSet::new();
    for image in images {
        let image = below(root, image);
        for folder in image.ancestors().skip(1) {
            if let Some(parent) = folder.parent()
                && role_of(&name_of(folder)) == FolderRole::Good
            {
                parents.insert(parent.to_path_buf());
            }
        }
    }
    parents
}

/// The folder of each image that has another's name followed by a word for masks.
fn named_like_masks(images: &[&PathBuf]) -> Vec<PathBuf> {
    let stem = |image: &Path| image.with_extension("").to_string_lossy().to_lowercase();
    let stems: BTreeSet<String> = images.iter().map(|image| stem(image)).collect();
    let is_mask = |image: &Path| {
        let stem = stem(image);
        MASK_SUFFIXES
            .iter()
            .any(|suffix| stem.strip_suffix(suffix).is_some_and(|of| stems.contains(of)))
    };
    let masks = images.iter().filter(|image| is_mask(image));
    masks.filter_map(|image| image.parent()).map(Path::to_path_buf).collect()
}

/// The path from `root` on.
fn below(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubts(files: &[&str]) -> Vec<String> {
        let root = Path::new("root");
        let files: Vec<PathBuf> = files.iter().map(|file| root.join(file)).collect();
        DoubtfulFolder::among(root, &files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn defects_masks_and_tests_are_found_at_any_depth_and_in_any_case() {
        let found = doubts(&[
            "good/0.png",
            "BAD/a/0.png",
            "BAD/b/1.png",
            "Mask/0.png",
            "2024/line 1/n.i.O./0.png",
            "2024/line 1/Test/0.png",
        ]);
        let golden = [
            "2024/line 1/Test (1 image) looks like test images",
            "2024/line 1/n.i.O. (1 image) looks like defects",
            "BAD (2 images) looks like defects",
            "Mask (1 image) looks like masks",
        ];
        assert_eq!(found, golden);
    }

    #[test]
    fn what_lies_beside_good_images_is_in_doubt() {
        assert_eq!(
            doubts(&["ok/0.png", "gutteile/0.png", "monday/0.png", "1.png"]),
            [
                "itself (1 image) lies beside a folder of good images",
                "monday (1 image) lies beside a folder of good images"
            ]
        );
    }

    #[test]
    fn masks_beside_their_images_are_found_by_their_names() {
        let files = ["a/0.jpg", "a/0_mask.png", "a/1.jpg", "a/1_GT.png", "b/2_mask.png"];
        assert_eq!(doubts(&files), ["a (2 images) has files named like masks of others"]);
    }

    #[test]
    fn good_images_and_masks_among_defects_are_in_doubt() {
        let files = ["scratch/0.png", "OK/0.png", "ng/mask/0.png", "ng/0.png"].map(PathBuf::from);
        let found = DoubtfulFolder::among_defects(Path::new(""), &files);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let golden = ["OK (1 image) looks like good images", "ng/mask (1 image) looks like masks"];
        assert_eq!(found, golden);
    }

    #[test]
    fn days_cameras_and_good_folders_are_in_no_doubt() {
        assert_eq!(doubts(&["0.png", "monday/0.png", "camera 1/late/0.png"]), [""; 0]);
        assert_eq!(doubts(&["good/0.png", "OK/monday/0.png"]), [""; 0]);
        assert_eq!(doubts(&["train/0.png"]), [""; 0]);
    }
}
