//! Good images that are new to a model, and copies of those that it knows.

use std::collections::BTreeMap;
use std::path::PathBuf;

use differnet_data::{BadImage, ContentHash, HashedImage, KnownHashes};
use differnet_progress::{Monitor, Progress, Stage};

use crate::calibration::GoodImages;
use crate::error::Error;
use crate::input_guard::InvalidInput;
use crate::model::Model;
use crate::split::check_files;

/// Images that a model might learn from, by what they add.
#[derive(Debug, Default)]
pub struct NewImages {
    /// Images unlike those that the model knows and unlike each other, in the order of their contents.
    pub new: Vec<HashedImage>,
    /// Images that the model was trained on, in whatever format, sorted.
    pub trained: Vec<PathBuf>,
    /// Images that are there already, sorted.
    pub copies: Vec<CopyOf>,
    /// Files that are no usable images, in the order given.
    pub unusable: Vec<BadImage>,
}

/// An image that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOf {
    /// The image.
    pub path: PathBuf,
    /// The image among those given that it is a copy of; `None` for one that was added before.
    pub of: Option<PathBuf>,
}

/// Good images to set a threshold by.
#[derive(Debug, Default)]
pub struct NewGoodImages {
    /// Those added before and the new ones, with their scores.
    pub good: GoodImages,
    /// Images that the model was trained on, in whatever format, sorted.
    pub trained: Vec<PathBuf>,
    /// Images that are there already, sorted.
    pub copies: Vec<CopyOf>,
    /// Files that are no usable images.
    pub unusable: Vec<BadImage>,
    /// Images that the model does not judge, and why: they say nothing about a threshold.
    pub invalid: Vec<(PathBuf, InvalidInput)>,
}

impl Model {
    /// The good images `added` and those among `files` that are [new](Self::new_images), with their scores.
    ///
    /// # Errors
    /// [`Error`]: a file that cannot be scored for another reason than its image, [`Error::Cancelled`].
    pub fn new_good_images(
        &self,
        files: &[PathBuf],
        added: GoodImages,
        monitor: &Monitor<'_>,
    ) -> Result<NewGoodImages, Error> {
        let NewImages { new, trained, copies, unusable } =
            self.new_images(files, &added, monitor)?;
        let mut found =
            NewGoodImages { good: added, trained, copies, unusable, invalid: Vec::new() };
        let total = new.len();
        let scores = self.scores(new.iter().map(|image| &image.path));
        for ((done, image), score) in (1..).zip(&new).zip(scores) {
            let path = image.path.clone();
            match Error::per_image(score)? {
                Ok(score) => match score.invalid {
                    Some(reason) => found.invalid.push((path, reason)),
                    None => _ = found.good.add(&score, Some(&image.perceptual)),
                },
                Err(error) => found.unusable.push(BadImage { path, error }),
            }
            monitor.report(Progress::new(Stage::Validation, done, total))?;
        }
        Ok(found)
    }

    /// Finds the images among `files` that are new, as far as their pixels tell.
    ///
    /// An image is a copy if its file is the same, or if its [`PerceptualHash`] is: a photograph saved in
    /// another format, size or quality counts once.
    ///
    /// - `added`: images that count already
    ///
    /// # Errors
    /// [`Error::Cancelled`]
    ///
    /// [`PerceptualHash`]: differnet_data::PerceptualHash
    pub fn new_images(
        &self,
        files: &[PathBuf],
        added: &GoodImages,
        monitor: &Monitor<'_>,
    ) -> Result<NewImages, Error> {
        let (header, limits) = (self.header(), &self.runtime().limits);
        let (mut images, unusable) = check_files(files, header.preprocessing(), limits, monitor)?;
        let mut found = NewImages { unusable, ..NewImages::default() };
        // By content: which of several copies counts does not depend on names.
        images.sort_by(|a, b| (a.content, &a.path).cmp(&(b.content, &b.path)));
        let trained = KnownHashes::new(&header.training_hashes);
        let mut known = Known::of(trained.clone(), added);
        for image in images {
            if header.has_seen(&image.content) || trained.find(&image.perceptual).is_some() {
                found.trained.push(image.path);
            } else if let Some(of) = known.find(&image) {
                found.copies.push(CopyOf { path: image.path, of });
            } else {
                known.add(&image);
                found.new.push(image);
            }
        }
        found.trained.sort();
        found.copies.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }
}

/// Images that count already, and where they are: `None` for those added before.
struct Known<'a> {
    added: &'a GoodImages,
    files: BTreeMap<ContentHash, PathBuf>,
    hashes: KnownHashes,
    /// By the numbers that the hashes have.
    origins: BTreeMap<usize, Option<PathBuf>>,
}

impl<'a> Known<'a> {
    /// Images as far apart as those of `hashes` usually are.
    fn of(mut hashes: KnownHashes, added: &'a GoodImages) -> Self {
        let numbers = added.perceptual_hashes().map(|hash| (hashes.add(hash), None)).collect();
        Self { added, files: BTreeMap::new(), hashes, origins: numbers }
    }

    /// Finds the image that `image` is a copy of, if it is one.
    fn find(&self, image: &HashedImage) -> Option<Option<PathBuf>> {
        if let Some(file) = self.files.get(&image.content) {
            return Some(Some(file.clone()));
        }
        if self.added.contains(&image.content) {
            return Some(None);
        }
        self.origins.get(&self.hashes.find(&image.perceptual)?).cloned()
    }

    fn add(&mut self, image: &HashedImage) {
        self.files.insert(image.content, image.path.clone());
        self.origins.insert(self.hashes.add(&image.perceptual), Some(image.path.clone()));
    }
}
