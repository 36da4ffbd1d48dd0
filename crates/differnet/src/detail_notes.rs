//! Notes on images with less fine detail than a model knows: compressed otherwise, or far smaller.

use differnet_data::Compression;

use crate::evaluation::counted;
use crate::input_guard::InputGuard;
use crate::score::ImageScore;

/// Images with less fine detail than a model knows, counted; good parts among them may be called defects.
#[derive(Debug)]
pub struct DetailNotes<'a> {
    guard: &'a InputGuard,
    /// Compressions that no training image has.
    unknown: Vec<Compression>,
    /// Images with far fewer pixels than any training image.
    coarse: usize,
}

impl<'a> DetailNotes<'a> {
    /// Nothing yet, for images that the model of `guard` scores.
    pub fn new(guard: &'a InputGuard) -> Self {
        Self { guard, unknown: Vec::new(), coarse: 0 }
    }

    /// Adds an image, unless it is invalid: then it has a reason already.
    pub fn add(&mut self, image: &ImageScore) {
        if image.invalid.is_some() {
            return;
        }
        let compression = image.statistics.compression;
        if !self.guard.knows(compression) {
            self.unknown.push(compression);
        }
        self.coarse += usize::from(self.guard.is_coarse(&image.statistics));
    }

    /// A sentence for images that are compressed otherwise, and one for those that are too small, if there are any.
    pub fn sentences(&self) -> Vec<String> {
        let compressed = (!self.unknown.is_empty()).then(|| {
            format!(
                "{} stored {}, while training images were stored {}: compression changes fine detail, so good parts \
                 may be called defects; judge files as the camera wrote them, or train on files like these or with \
                 --jpeg-augmentation",
                counted(self.unknown.len()),
                Compression::summary(&self.unknown),
                Compression::summary(self.guard.compressions()),
            )
        });
        let coarse = (self.coarse > 0).then(|| {
            format!(
                "{} with less than half of the pixels of any training image: fine detail is missing, so good parts \
                 may be called defects; judge files as the camera wrote them, or train on files like these",
                counted(self.coarse),
            )
        });
        compressed.into_iter().chain(coarse).collect()
    }
}
