//! Comparison of a copy with its manifest: counts, and which files make the difference.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use differnet_data::audit::Split;
use differnet_data::layouts::{MaskedImage, MaskedImages};
use serde::Serialize;

use super::inventory::{Inventory, Place};
use super::report::{Fault, Problem, names_of, relative};
use xtask_inputs::manifest::{Category, Manifest, Masks};

/// Numbers of one split and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) split: &'static str,
    pub(super) kind: String,
    pub(super) images: Count,
    pub(super) masks: Count,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Count {
    pub(super) expected: usize,
    pub(super) found: usize,
}

/// One category against its manifest.
pub(super) struct Comparison<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) root: &'a Path,
    pub(super) name: &'a str,
    pub(super) category: &'a Category,
    pub(super) inventory: &'a Inventory,
}

impl Comparison<'_> {
    /// A row for every place that the manifest or the folder knows.
    pub(super) fn rows(&self) -> Vec<Row> {
        let places = self.places().into_iter();
        let row = |place: Place| {
            let expected = self.expected(&place);
            let group = self.group(&place);
            let masked = self.needs_masks(&place);
            Row {
                split: place.split_name(),
                kind: place.kind_name().to_owned(),
                images: Count { expected, found: group.images.len() },
                masks: Count {
                    expected: if masked { expected } else { 0 },
                    found: group.images.iter().filter(|image| image.mask.is_some()).count(),
                },
            }
        };
        places.map(row).collect()
    }

    /// Missing and extra images, masks that are missing or alone, and stray files.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> =
            self.places().iter().flat_map(|place| self.problems_at(place)).collect();
        for stray in &self.inventory.strays {
            let stray = relative(self.root, stray);
            let message = format!("{stray} is not part of the data set");
            problems.push(self.problem(Fault::Extra, message, vec![stray]));
        }
        problems
    }

    fn places(&self) -> BTreeSet<Place> {
        let defects = self.category.defects.keys().map(|kind| Place::test_defect(kind));
        let found = self.inventory.groups.keys().cloned();
        [Place::train(), Place::test_good()].into_iter().chain(defects).chain(found).collect()
    }

    fn expected(&self, place: &Place) -> usize {
        match (&place.kind, place.split) {
            (None, Split::Train) => self.category.train,
            (None, Split::Test) => self.category.good,
            (Some(kind), _) => self.category.defects.get(kind).copied().unwrap_or(0),
        }
    }

    fn group(&self, place: &Place) -> MaskedImages {
        self.inventory.groups.get(place).cloned().unwrap_or_default()
    }

    fn needs_masks(&self, place: &Place) -> bool {
        place.kind.is_some() || self.manifest.masks == Masks::All
    }

    fn problem(&self, fault: Fault, message: String, files: Vec<String>) -> Problem {
        Problem { category: self.name.to_owned(), fault, message, files }
    }

    fn problems_at(&self, place: &Place) -> Vec<Problem> {
        let MaskedImages { images, lone_masks } = self.group(place);
        let (expected, found) = (self.expected(place), images.len());
        let needs_masks = self.needs_masks(place);
        let mut problems = Vec::new();
        let mut add = |count: usize, fault, what: String, files: Vec<String>| {
            if count > 0 {
                let message = format!("{} {place}: {what}{}", self.name, names_of(&files));
                problems.push(self.problem(fault, message, files));
            }
        };

        let files: Vec<PathBuf> = images.iter().map(|image| image.image.clone()).collect();
        let Difference { missing, missing_names, extra, extra_files } =
            self.difference(place, &files);
        let what = format!("{missing} of {expected} images");
        add(missing, Fault::Missing, what, missing_names);
        let what = format!("{extra} besides the {expected} published images");
        add(extra, Fault::Extra, what, self.relatives(&extra_files));

        let (masked, unmasked): (Vec<MaskedImage>, Vec<MaskedImage>) =
            images.into_iter().partition(|image| image.mask.is_some());
        if needs_masks {
            let files: Vec<PathBuf> = unmasked.into_iter().map(|image| image.image).collect();
            let what = format!("no mask for {} of {found} images", files.len());
            add(files.len(), Fault::Mask, what, self.relatives(&files));
        } else {
            let masks = masked.iter().filter_map(|image| image.mask.as_ref());
            let masks: Vec<PathBuf> = masks.map(|mask| mask.path().to_path_buf()).collect();
            let what = format!("masks of good images ({})", masks.len());
            add(masks.len(), Fault::Extra, what, self.relatives(&masks));
        }
        let what = format!("masks without an image ({})", lone_masks.len());
        add(lone_masks.len(), Fault::Mask, what, self.relatives(&lone_masks));
        problems
    }

    fn relatives(&self, files: &[PathBuf]) -> Vec<String> {
        files.iter().map(|file| relative(self.root, file)).collect()
    }

    fn difference(&self, place: &Place, files: &[PathBuf]) -> Difference {
        let expected = self.expected(place);
        if self.manifest.numbered {
            return Difference::of_numbered(files, expected);
        }
        let missing_names =
            if place.split == Split::Train { self.inventory.unfound.clone() } else { Vec::new() };
        Difference {
            missing: expected.saturating_sub(files.len()).max(missing_names.len()),
            missing_names,
            extra: files.len().saturating_sub(expected),
            extra_files: Vec::new(),
        }
    }
}

/// Difference of one folder's files from the published ones; names where they are known.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    missing: usize,
    missing_names: Vec<String>,
    extra: usize,
    extra_files: Vec<PathBuf>,
}

impl Difference {
    /// The files should be `000` to `expected - 1`.
    fn of_numbered(files: &[PathBuf], expected: usize) -> Self {
        let mut numbers = BTreeSet::new();
        let mut beyond = Vec::new();
        let mut extra_files = Vec::new();
        for file in files {
            match number_of(file) {
                Some(number) if number >= expected => beyond.push(file.clone()),
                Some(number) if numbers.insert(number) => {}
                _ => extra_files.push(file.clone()),
            }
        }
        let mut missing_names = Vec::new();
        // As many as published is complete, even if one was published under a later number.
        if numbers.len() + beyond.len() != expected {
            let missing = (0..expected).filter(|number| !numbers.contains(number));
            missing_names = missing.map(|number| format!("{number:03}")).collect();
            extra_files.append(&mut beyond);
            extra_files.sort();
        }
        Self { missing: missing_names.len(), missing_names, extra: extra_files.len(), extra_files }
    }
}

/// The number that is the file's name.
fn number_of(file: &Path) -> Option<usize> {
    let stem = file.file_stem()?.to_str()?;
    if stem.bytes().all(|byte| byte.is_ascii_digit()) { stem.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(names: &[&str], expected: usize) -> (Vec<String>, Vec<String>) {
        let files: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        let difference = Difference::of_numbered(&files, expected);
        assert_eq!(difference.missing, difference.missing_names.len());
        assert_eq!(difference.extra, difference.extra_files.len());
        let extra = difference.extra_files.iter().map(|file| file.display().to_string());
        (difference.missing_names, extra.collect())
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn gaps_in_the_numbers_are_missing_and_other_names_are_extra() {
        assert_eq!(difference(&["000.png", "001.jpg"], 2), (vec![], vec![]));
        assert_eq!(difference(&["001.png"], 3), (names(&["000", "002"]), vec![]));
        let copies = difference(&["000.jpg", "000.png", "001 (copy).png", "001.png"], 2);
        assert_eq!(copies, (vec![], names(&["000.png", "001 (copy).png"])));
        let replaced = difference(&["000.png", "new.png"], 2);
        assert_eq!(replaced, (names(&["001"]), names(&["new.png"])));
        assert_eq!(difference(&["000.png", "001.png"], 1), (vec![], names(&["001.png"])));
    }

    #[test]
    fn as_many_numbers_as_published_are_complete() {
        assert_eq!(difference(&["000.png", "007.png"], 2), (vec![], vec![]));
    }
}
