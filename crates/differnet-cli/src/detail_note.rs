//! Note on images with less fine detail than the model knows: compressed otherwise, or far smaller.

use differnet::ImageScore;
use differnet::input_guard::InputGuard;
use differnet_data::Compression;

use crate::output::{counted, tell};

/// Images that are stored in ways that the model does not know.
#[derive(Debug)]
pub(crate) struct DetailNote<'a> {
    guard: &'a InputGuard,
    /// Compressions that no training image has.
    unknown: Vec<Compression>,
    /// Images with far fewer pixels than any training image.
    coarse: usize,
}

impl<'a> DetailNote<'a> {
    pub(crate) fn new(guard: &'a InputGuard) -> Self {
        Self { guard, unknown: Vec::new(), coarse: 0 }
    }

    /// Images that cannot be judged have a reason already.
    pub(crate) fn add(&mut self, image: &ImageScore) {
        if image.invalid.is_some() {
            return;
        }
        let compression = image.statistics.compression;
        if !self.guard.knows(compression) {
            self.unknown.push(compression);
        }
        self.coarse += usize::from(self.guard.is_coarse(&image.statistics));
    }

    /// Says how many images are compressed otherwise or too small, if any are.
    pub(crate) fn tell(&self) {
        if !self.unknown.is_empty() {
            tell(&format!(
                "note: {} stored {}, while training images were stored {}: compression changes fine detail, so good \
                 parts may be called defects; judge files as the camera wrote them, or train on files like these or with --jpeg-augmentation",
                counted(self.unknown.len(), "image"),
                Compression::summary(&self.unknown),
                Compression::summary(self.guard.compressions()),
            ));
        }
        if self.coarse > 0 {
            tell(&format!(
                "note: {} with less than half of the pixels of any training image: fine detail is missing, so good \
                 parts may be called defects; judge files as the camera wrote them, or train on files like these",
                counted(self.coarse, "image"),
            ));
        }
    }
}
