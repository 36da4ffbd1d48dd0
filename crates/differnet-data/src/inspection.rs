//! Inspection of a data set's files without a model: findings that speak against training on it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::appearance::Appearance;
use crate::audit::{Audit, AuditImage, audit_and_note};
use crate::compression::Compression;
use crate::copies::{Copies, Likeness, Split};
use crate::decode::{DecodeLimits, decode_picture};
use crate::image_error::ImageError;
use crate::load::BadImage;
use crate::outlier::{Outlier, outliers};
use crate::picture::Picture;
use crate::sample_depth::FileDepth;
use crate::thumbnail::near_copies;

/// Findings that speak against training on a data set; all empty if there are none.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Damage, masks that do not fit, copies and leaks.
    pub audit: Audit,
    /// Images that are nearly the same as one to train on, without exact copies.
    pub near_copies: Vec<Copies>,
    /// Images that look unlike the others, in the order given, with what is unusual about them.
    pub outliers: Vec<(PathBuf, Outlier)>,
    /// Sizes that images have, smallest first; width and height, pixels.
    pub sizes: Vec<(u32, u32)>,
    /// Significant bits of a 16-bit sample in the training images, as
    /// [`FileDepth::common`] has them.
    pub depth: Option<u8>,
    /// Compression of each image file that can be read, in the order given.
    pub compressions: Vec<StoredImage>,
}

/// An image and how its file is compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    /// The file.
    pub path: PathBuf,
    /// Split that it belongs to.
    pub split: Split,
    /// Compression.
    pub compression: Compression,
}

impl Inspection {
    /// Reads every image and mask once, in parallel, and says what speaks against training on them.
    ///
    /// - `seen`: called after each image, from any thread
    pub fn of(images: &[AuditImage], limits: &DecodeLimits, seen: &(dyn Fn() + Sync)) -> Self {
        let note = |bytes: &[u8], picture: &Picture| {
            let depth = picture.storage().depth;
            (Compression::of(bytes), (depth, appearance(picture, FileDepth::common(&[depth]))))
        };
        let (mut audit, notes) = audit_and_note(images, limits, &note, seen);
        let (compressions, notes): (Vec<_>, Vec<_>) = notes.into_iter().map(Option::unzip).unzip();
        let stored = |(image, compression): (&AuditImage, Option<Compression>)| {
            let path = image.files.image.clone();
            compression.map(|compression| StoredImage { path, split: image.split, compression })
        };
        let compressions = images.iter().zip(compressions).filter_map(stored).collect();
        let train = |(image, note): (&AuditImage, &Option<(FileDepth, _)>)| {
            note.as_ref().filter(|_| image.split == Split::Train).map(|(depth, _)| *depth)
        };
        let train: Vec<FileDepth> = images.iter().zip(&notes).filter_map(train).collect();
        let depth = FileDepth::common(&train);
        let at_common_depth = |(image, note): (&AuditImage, Option<(FileDepth, Appearance)>)| {
            let (found, seen) = note?;
            let path = &image.files.image;
            if found.scaled_by(depth).is_none() {
                let error = ImageError::Depth { path: path.clone(), found, expected: depth };
                audit.damaged.push(BadImage { path: path.clone(), error });
                None
            } else if FileDepth::common(&[found]) == depth {
                Some(seen)
            } else {
                // One of few so dark that it seemed to have fewer bits.
                let bytes = limits.read_file(path).ok()?;
                Some(appearance(&decode_picture(&bytes, path, limits).ok()?, depth))
            }
        };
        let appearances: Vec<Option<Appearance>> =
            images.iter().zip(notes).map(at_common_depth).collect();
        let known: Vec<(&AuditImage, &Appearance)> = images
            .iter()
            .zip(&appearances)
            .filter_map(|(image, appearance)| Some((image, appearance.as_ref()?)))
            .collect();
        let appearances: Vec<(Split, &Appearance)> =
            known.iter().map(|(image, seen)| (image.split, *seen)).collect();
        let sizes: BTreeSet<(u32, u32)> =
            known.iter().map(|(_, seen)| seen.statistics.size).collect();
        Self {
            near_copies: find_near_copies(&known, &audit),
            outliers: outliers(&appearances)
                .into_iter()
                .map(|(at, outlier)| (known[at].0.files.image.clone(), outlier))
                .collect(),
            sizes: sizes.into_iter().collect(),
            depth,
            compressions,
            audit,
        }
    }
}

/// Returns the appearance of `picture` with samples of `depth` bits.
fn appearance(picture: &Picture, depth: Option<u8>) -> Appearance {
    let mode = picture.storage().mode;
    match depth {
        Some(bits) if bits < 16 && picture.samples().is_some() => {
            // Of another depth it is not looked at; its own is always right.
            let scaled = picture.clone().at_depth(depth, Path::new(""));
            Appearance::of(scaled.as_ref().unwrap_or(picture).image(), mode)
        }
        _ => Appearance::of(picture.image(), mode),
    }
}

/// Near copies among `images`, each exact copy but the first left out.
fn find_near_copies(images: &[(&AuditImage, &Appearance)], audit: &Audit) -> Vec<Copies> {
    let copies = audit.copies.iter().flat_map(|copies| copies.files().split_off(1));
    let leaks = audit.leaks.iter().flat_map(|leak| leak.test.clone());
    let known: BTreeSet<PathBuf> = copies.chain(leaks).collect();
    let images: Vec<_> =
        images.iter().filter(|(image, _)| !known.contains(&image.files.image)).collect();
    let thumbnails: Vec<_> = images.iter().map(|(_, seen)| &seen.thumbnail).collect();
    let groups = near_copies(&thumbnails).into_iter().map(|group| {
        let of = |split| {
            let members = group.iter().map(|&at| images[at].0);
            let mut paths: Vec<PathBuf> = members
                .filter(|image| image.split == split)
                .map(|image| image.files.image.clone())
                .collect();
            paths.sort();
            paths
        };
        Copies { train: of(Split::Train), test: of(Split::Test), likeness: Likeness::Near }
    });
    // Test images that resemble each other harm nothing.
    let mut groups: Vec<Copies> = groups.filter(|group| !group.train.is_empty()).collect();
    groups.sort_by(|a, b| a.train.cmp(&b.train));
    groups
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::layouts::masked::MaskedImage;
    use crate::resize::resize_bilinear;
    use crate::test_tree::tree;

    #[test]
    fn near_copies_are_told_apart_from_copies_and_odd_images_are_named() {
        let root = tree::<&str>(&[]);
        let part = |number: u32| {
            RgbImage::from_fn(64, 64, |x, y| {
                Rgb([(40 + 20 * ((x / (3 + number) + y / (4 + number)) % 8)) as u8; 3])
            })
        };
        let mut images = Vec::new();
        let mut add = |name: &str, split, image: &RgbImage| {
            let path = root.path().join(name);
            image.save(&path).unwrap();
            images.push(AuditImage { files: MaskedImage::without_mask(path), split, good: true });
        };
        for number in 0..10 {
            add(&format!("{number}.png"), Split::Train, &part(number));
        }
        add("copy.bmp", Split::Train, &part(2));
        add("near.png", Split::Train, &resize_bilinear(&part(3), 128, 128));
        add("leak.png", Split::Test, &resize_bilinear(&part(4), 160, 160));
        add("blank.png", Split::Train, &RgbImage::from_pixel(64, 64, Rgb([9; 3])));
        let found = Inspection::of(&images, &DecodeLimits::default(), &|| {});
        let at = |names: &[&str]| names.iter().map(|name| root.path().join(name)).collect();
        let near = |train, test| Copies { train, test, likeness: Likeness::Near };
        let golden =
            [near(at(&["3.png", "near.png"]), Vec::new()), near(at(&["4.png"]), at(&["leak.png"]))];
        assert_eq!(found.near_copies, golden);
        assert_eq!(found.audit.copies.len(), 1);
        let odd: Vec<&PathBuf> = found.outliers.iter().map(|(path, _)| path).collect();
        assert_eq!(odd, [&root.path().join("blank.png")]);
        assert_eq!(found.sizes, [(64, 64), (128, 128), (160, 160)]);
    }
}
