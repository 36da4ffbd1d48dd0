//! Finds images that are there twice: within the training or the test images, and in both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::content_hash::ContentHash;
use crate::examine::ImageFacts;

/// Split of a data set that an image belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// Training.
    Train,
    /// Testing.
    Test,
}

/// Likeness of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// Every byte.
    Bytes,
    /// Every pixel: the files differ in format, compression or remarks.
    Pixels,
    /// Nearly every pixel: one photograph saved twice, or two of one part that did not move.
    Near,
}

/// Files that hold the same image.
///
/// With files of both splits it is a leak: an image that is trained on and tested with has a test score that
/// means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copies {
    /// Those among the training images, sorted.
    pub train: Vec<PathBuf>,
    /// Those among the test images, sorted.
    pub test: Vec<PathBuf>,
    /// Their likeness.
    pub likeness: Likeness,
}

impl Copies {
    /// All files, those among the training images first.
    pub fn files(&self) -> Vec<PathBuf> {
        [&self.train[..], &self.test].concat()
    }
}

/// Copies and leaks, each sorted by their first file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Found {
    pub(crate) copies: Vec<Copies>,
    pub(crate) leaks: Vec<Copies>,
}

/// A file, where it belongs and what it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) split: Split,
    pub(crate) path: &'a Path,
    pub(crate) facts: ImageFacts,
}

/// The images that several of `files` hold.
pub(crate) fn find_copies(files: &[Known]) -> Found {
    let mut by_pixels: BTreeMap<ContentHash, Vec<&Known>> = BTreeMap::new();
    for file in files {
        by_pixels.entry(file.facts.pixels).or_default().push(file);
    }
    let mut found = Found::default();
    for group in by_pixels.into_values() {
        let of = |split| -> Vec<&Known> {
            group.iter().copied().filter(|file| file.split == split).collect()
        };
        let (train, test) = (of(Split::Train), of(Split::Test));
        let copies = |train: &[&Known], test: &[&Known]| Copies {
            train: paths(train),
            test: paths(test),
            likeness: likeness(&[train, test].concat()),
        };
        if train.len() > 1 {
            found.copies.push(copies(&train, &[]));
        }
        if test.len() > 1 {
            found.copies.push(copies(&[], &test));
        }
        if !train.is_empty() && !test.is_empty() {
            found.leaks.push(copies(&train, &test));
        }
    }
    found.copies.sort_by_key(Copies::files);
    found.leaks.sort_by(|left, right| left.train.cmp(&right.train));
    found
}

fn likeness(files: &[&Known]) -> Likeness {
    let first = files[0].facts.bytes;
    if files.iter().all(|file| file.facts.bytes == first) {
        Likeness::Bytes
    } else {
        Likeness::Pixels
    }
}

fn paths(files: &[&Known]) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = files.iter().map(|file| file.path.to_path_buf()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known<'a>(split: Split, path: &'a str, bytes: u8, pixels: u8) -> Known<'a> {
        let hash = |byte| ContentHash([byte; 32]);
        let facts = ImageFacts { bytes: hash(bytes), pixels: hash(pixels), size: (1, 1) };
        Known { split, path: Path::new(path), facts }
    }

    #[test]
    fn copies_within_a_split_and_leaks_across_are_told_apart() {
        use Split::{Test, Train};
        let files = [
            known(Train, "b", 1, 1),
            known(Train, "a", 1, 1),
            known(Test, "c", 2, 1),
            known(Test, "d", 3, 2),
            known(Test, "e", 4, 2),
            known(Train, "f", 5, 3),
            known(Test, "g", 6, 4),
        ];
        let found = find_copies(&files);
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let copies = |train: &[&str], test: &[&str], likeness| Copies {
            train: paths(train),
            test: paths(test),
            likeness,
        };
        let within =
            [copies(&["a", "b"], &[], Likeness::Bytes), copies(&[], &["d", "e"], Likeness::Pixels)];
        assert_eq!(found.copies, within);
        let leak = copies(&["a", "b"], &["c"], Likeness::Pixels);
        assert_eq!(found.leaks, [leak]);
    }
}
