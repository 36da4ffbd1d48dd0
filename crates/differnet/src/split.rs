//! Split of the good images into training and validation set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use differnet_data::{
    BadImage, ContentHash, DecodeLimits, HashedImage, ImageInput, InputStatistics, MaskedInput,
    PerceptualHash, Preprocessing,
};
use differnet_files::FileStamp;
use differnet_progress::{Cancelled, Monitor, Progress, Stage};
use sha2::{Digest, Sha256};

use crate::calibration::digest;
use crate::config::Config;
use crate::error::Error;

/// Files looked at together, before somebody may stop.
pub(crate) const FILES: usize = 64;

/// Usable training images, divided.
#[derive(Debug)]
pub(crate) struct ValidationSplit {
    /// Trained on.
    pub(crate) training: Vec<PathBuf>,
    /// Held back to set the threshold, and to stop training where a method can stop early.
    pub(crate) validation: Vec<PathBuf>,
    /// Digest of all usable images.
    pub(crate) fingerprint: String,
    /// All of them, those trained on first.
    images: Vec<HashedImage>,
}

/// Signs by which files that were written to are known.
pub(crate) struct Stamps<'a>(BTreeMap<&'a Path, FileStamp>);

impl<'a> Stamps<'a> {
    /// Those of `files`, as far as the system tells them.
    pub(crate) fn of(files: &'a [PathBuf]) -> Self {
        let stamp = |file: &'a PathBuf| Some((file.as_path(), FileStamp::of(file).ok()?));
        Self(files.iter().filter_map(stamp).collect())
    }
}

impl ValidationSplit {
    /// Nothing, if the images that are still there have the contents that were divided.
    ///
    /// - `stamps`: from before; only files with other ones are read again
    ///
    /// # Errors
    /// [`Error::ImageReplaced`], [`Error::ImageChanged`]
    pub(crate) fn require_unchanged(
        &self,
        stamps: &Stamps<'_>,
        preprocessing: Preprocessing<'_>,
        limits: &DecodeLimits,
    ) -> Result<(), Error> {
        for HashedImage { path, content, .. } in &self.images {
            let Ok(now) = FileStamp::of(path) else { continue };
            if stamps.0.get(path.as_path()) == Some(&now) {
                continue;
            }
            require_content(path, *content, preprocessing, limits)?;
        }
        Ok(())
    }

    /// Sorted digests, and perceptual hashes, of the images trained on; of all if those held back are `seen`, too.
    pub(crate) fn known(&self, seen: bool) -> (Vec<String>, Vec<PerceptualHash>) {
        let count = if seen { self.images.len() } else { self.training.len() };
        let known = &self.images[..count];
        let mut digests: Vec<String> = known.iter().map(|image| digest(&image.content)).collect();
        digests.sort();
        (digests, known.iter().map(|image| image.perceptual.clone()).collect())
    }

    /// Pixels of each usable image.
    pub(crate) fn areas(&self) -> Vec<usize> {
        let area = |image: &HashedImage| {
            let (width, height) = image.statistics.size;
            width as usize * height as usize
        };
        self.images.iter().map(area).collect()
    }

    /// Statistics of all usable images.
    pub(crate) fn statistics(&self) -> Vec<InputStatistics> {
        self.images.iter().map(|image| image.statistics).collect()
    }
}

/// Nothing, if the file has this content.
///
/// # Errors
/// [`Error::ImageReplaced`], [`Error::ImageChanged`]
pub(crate) fn require_content(
    path: &Path,
    content: ContentHash,
    preprocessing: Preprocessing<'_>,
    limits: &DecodeLimits,
) -> Result<(), Error> {
    let seen = MaskedInput::read(ImageInput::File(path), preprocessing, limits)
        .map_err(|source| Error::ImageChanged { source })?;
    if seen.hash != content {
        return Err(Error::ImageReplaced { path: path.to_path_buf() });
    }
    Ok(())
}

/// Checks every file: the usable ones, and those that are not.
pub(crate) fn check_files(
    files: &[PathBuf],
    preprocessing: Preprocessing<'_>,
    limits: &DecodeLimits,
    monitor: &Monitor<'_>,
) -> Result<(Vec<HashedImage>, Vec<BadImage>), Cancelled> {
    let (mut usable, mut bad) = (Vec::with_capacity(files.len()), Vec::new());
    for group in files.chunks(FILES) {
        for hashed in HashedImage::of_files(group, preprocessing, limits) {
            match hashed {
                Ok(image) => usable.push(image),
                Err(error) => bad.push(error),
            }
        }
        let (done, total) = (usable.len() + bad.len(), files.len());
        monitor.report(Progress::new(Stage::Checking, done, total))?;
    }
    Ok((usable, bad))
}

/// Divides the images.
///
/// Whether an image is held back depends on the seed and on contents, not on names or order. With
/// fewer than ten images at least one is held back, with two or three none is; none either where the
/// method cross-validates.
pub(crate) fn split_files(mut usable: Vec<HashedImage>, config: &Config) -> ValidationSplit {
    // By content, so that renaming files changes nothing.
    usable.sort_by(|a, b| (a.content, &a.path).cmp(&(b.content, &b.path)));
    let hashes: Vec<ContentHash> = usable.iter().map(|image| image.content).collect();
    let held_back = held_back(&hashes, config);
    let numbered = usable.into_iter().zip(held_back);
    let (validation, training): (Vec<_>, Vec<_>) = numbered.partition(|(_, held_back)| *held_back);
    let paths =
        |part: &[(HashedImage, bool)]| part.iter().map(|(image, _)| image.path.clone()).collect();
    ValidationSplit {
        training: paths(&training),
        validation: paths(&validation),
        fingerprint: ContentHash::digest_of(&hashes),
        images: training.into_iter().chain(validation).map(|(image, _)| image).collect(),
    }
}

/// Tells whether each image is held back: those whose keyed digests are smallest.
fn held_back(hashes: &[ContentHash], config: &Config) -> Vec<bool> {
    let count = match hashes.len() {
        0..4 => 0,
        n if config.method.method().cross_validates(n) => 0,
        n if config.validation > 0.0 => ((n as f64 * config.validation).round() as usize).max(1),
        _ => 0,
    };
    let keyed = |index: usize| {
        let mut digest = Sha256::new();
        digest.update(b"held back");
        digest.update(config.seed.to_le_bytes());
        digest.update(hashes[index].0);
        digest.finalize()
    };
    let mut order: Vec<usize> = (0..hashes.len()).collect();
    order.sort_by_cached_key(|&index| (keyed(index), index));
    let mut chosen = vec![false; hashes.len()];
    for &index in &order[..count] {
        chosen[index] = true;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::Method;
    use crate::preset::Preset;

    fn config(method: Method, seed: u64) -> Config {
        Config { seed, ..Config::preset(method, Preset::Quick) }
    }

    fn hashes(count: u8) -> Vec<ContentHash> {
        (0..count).map(|index| ContentHash::of(&[index])).collect()
    }

    #[test]
    fn the_share_held_back_is_a_tenth_and_depends_on_seed_and_content_only() {
        let config = config(Method::DifferNet, 3);
        let hashes = hashes(50);
        let chosen = held_back(&hashes, &config);
        assert_eq!(chosen.iter().filter(|&&held| held).count(), 5);
        let reversed: Vec<_> = hashes.iter().rev().copied().collect();
        let mut mirrored = held_back(&reversed, &config);
        mirrored.reverse();
        assert_eq!(mirrored, chosen);
        let other = Config { seed: 4, ..config.clone() };
        assert_ne!(held_back(&hashes, &other), chosen);
    }

    #[test]
    fn few_images_hold_back_one_and_very_few_none() {
        let held_back = |method: Method, images: u8| {
            let chosen = held_back(&hashes(images), &config(method, 0));
            chosen.iter().filter(|&&held| held).count()
        };
        for (images, expected) in [(2, 0), (3, 0), (4, 1), (9, 1), (16, 2)] {
            assert_eq!(held_back(Method::DifferNet, images), expected, "{images}");
        }
        // Methods on local features cross-validate instead.
        for (images, expected) in [(4, 0), (63, 0), (64, 6)] {
            assert_eq!(held_back(Method::LocalFlow, images), expected, "{images}");
        }
    }
}
