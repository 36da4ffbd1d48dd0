//! Note on images whose files are compressed as no training image was.

use differnet::ImageScore;
use differnet::input_guard::InputGuard;
use differnet_data::Compression;

use crate::output::{counted, tell};

/// Images that are compressed in ways that the model does not know.
#[derive(Debug)]
pub(crate) struct CompressionNote<'a> {
    guard: &'a InputGuard,
    unknown: Vec<Compression>,
}

impl<'a> CompressionNote<'a> {
    pub(crate) fn new(guard: &'a InputGuard) -> Self {
        Self { guard, unknown: Vec::new() }
    }

    /// Images that cannot be judged have a reason already.
    pub(crate) fn add(&mut self, image: &ImageScore) {
        let compression = image.statistics.compression;
        if image.invalid.is_none() && !self.guard.knows(compression) {
            self.unknown.push(compression);
        }
    }

    /// Says how many images are compressed otherwise, if any are.
    pub(crate) fn tell(&self) {
        if self.unknown.is_empty() {
            return;
        }
        tell(&format!(
            "note: {} stored {}, while training images were stored {}: compression changes fine detail, so good \
             parts may be called defects; judge files as the camera wrote them, or train on files like these or with --jpeg-augmentation",
            counted(self.unknown.len(), "image"),
            Compression::summary(&self.unknown),
            Compression::summary(self.guard.compressions()),
        ));
    }
}
