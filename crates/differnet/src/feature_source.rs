//! Images to rows of features: decoding, transforming and extracting, with a cache in between.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use differnet_data::{
    ContentHash, DecodeLimits, ImageError, ImageInput, Regions, RgbImage, SeenImage, Transform,
};
use differnet_features::{
    Extractor, FEATURES, FeatureCache, FeatureError, IMAGE_SIZE, TransformKey,
};
use rayon::prelude::*;

use crate::error::DetectorError;

/// Images read at once: enough to keep all cores decoding, few enough to keep memory flat.
const INPUTS: usize = 8;
/// Transformed images extracted at once.
const IMAGES: usize = 16;

/// Which transforms of an image are wanted, given its [`SeenImage::hash`].
pub type ChooseTransforms<'a> = dyn Fn(&ContentHash) -> Vec<Transform> + Sync + 'a;

/// How many of an image's transforms are wanted in all, given its index and the rows of the first ones,
/// `[transforms, 768]`, none to begin with; no more than there are if they are enough.
pub(crate) type WantTransforms<'a> = dyn FnMut(usize, &[f32]) -> usize + 'a;

/// Where features come from: an extractor, and a cache if there is one.
#[derive(Debug)]
pub struct FeatureSource {
    /// Turns pixels into features.
    pub extractor: Extractor,
    /// Remembers rows between runs; `None` extracts everything anew.
    pub cache: Option<FeatureCache>,
    /// What a decoder may use.
    pub limits: DecodeLimits,
}

/// The features of one image.
#[derive(Debug)]
pub struct ImageFeatures {
    /// Names the image: [`SeenImage::hash`].
    pub hash: ContentHash,
    /// The transforms that the rows belong to.
    pub transforms: Vec<Transform>,
    /// Row-major `[transforms, 768]`.
    pub rows: Vec<f32>,
    /// How many rows were extracted rather than read from the cache.
    pub extracted: usize,
}

/// One image on its way from its bytes to rows.
struct Work<'a> {
    name: &'a Path,
    hash: ContentHash,
    transforms: Vec<Transform>,
    known: Vec<Option<Vec<f32>>>,
    /// How many of the first transforms are wanted.
    wanted: usize,
    /// Whether no more will be.
    enough: bool,
    /// How many rows were extracted.
    extracted: usize,
    /// Decoded and resized; only if rows are missing.
    image: Option<RgbImage>,
}

impl FeatureSource {
    /// A source that extracts on the host processor.
    pub fn on_host(cache: Option<FeatureCache>) -> Self {
        Self { extractor: Extractor::on_host(), cache, limits: DecodeLimits::default() }
    }

    /// A source like this one that remembers nothing and has remembered nothing.
    #[must_use]
    pub fn without_cache(&self) -> Self {
        Self { extractor: self.extractor.another(), cache: None, limits: self.limits.clone() }
    }

    /// Calls `visit` with the index and the features of each file, in order, until it breaks.
    ///
    /// A few images are in memory at a time, however many there are. A file that is no usable
    /// image is passed to `visit` as its error; the others go on.
    ///
    /// # Errors
    /// [`FeatureError`] if the cache cannot be used.
    pub fn for_each(
        &self,
        files: &[PathBuf],
        choice: &ChooseTransforms<'_>,
        visit: &mut dyn FnMut(usize, Result<ImageFeatures, ImageError>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, FeatureError> {
        self.for_each_within(None, &ImageInput::files(files), choice, visit)
    }

    /// As [`Self::for_each`], of images wherever they are, with the features of what counts in each.
    ///
    /// An image of which some pixels are ignored is decoded even if its features are in the cache:
    /// they are found by what counts in it.
    ///
    /// # Errors
    /// As [`Self::for_each`].
    pub fn for_each_within(
        &self,
        regions: Option<&Regions>,
        images: &[ImageInput<'_>],
        choice: &ChooseTransforms<'_>,
        visit: &mut dyn FnMut(usize, Result<ImageFeatures, ImageError>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, FeatureError> {
        self.for_each_as_wanted(regions, images, choice, &mut |_, _| usize::MAX, visit)
    }

    /// As [`Self::for_each_within`], with no more rows of an image than `want` asks for: the first of its
    /// transforms, and further ones as long as it wants more.
    ///
    /// # Errors
    /// As [`Self::for_each`].
    pub(crate) fn for_each_as_wanted(
        &self,
        regions: Option<&Regions>,
        images: &[ImageInput<'_>],
        choice: &ChooseTransforms<'_>,
        want: &mut WantTransforms<'_>,
        visit: &mut dyn FnMut(usize, Result<ImageFeatures, ImageError>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, FeatureError> {
        for (group, inputs) in images.chunks(INPUTS).enumerate() {
            let first = group * INPUTS;
            let opened: Vec<_> =
                inputs.par_iter().map(|&input| self.open(input, regions, choice)).collect();
            let mut work = Vec::with_capacity(opened.len());
            for opened in opened {
                work.push(opened?);
            }
            while ask(&mut work, |index, rows| want(first + index, rows)) {
                self.extract_missing(&mut work)?;
            }
            for (index, work) in work.into_iter().enumerate() {
                if visit(first + index, work.map(Work::finish)).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Local features `[transforms, 27, 27, 256]` of one file's transforms; never cached.
    pub(crate) fn local_features(
        &self,
        path: &Path,
        regions: Option<&Regions>,
        transforms: &[Transform],
    ) -> Result<Vec<f32>, DetectorError> {
        let side = IMAGE_SIZE as u32;
        let seen = SeenImage::read(ImageInput::File(path), regions, &self.limits)
            .map_err(|source| DetectorError::Image { source })?;
        let square = differnet_data::resize_bilinear(&seen.image, side, side);
        let images: Vec<RgbImage> = transforms
            .par_iter()
            .map(|transform| differnet_data::apply(&square, transform))
            .collect();
        let pixels: Vec<&[u8]> = images.iter().map(|image| image.as_raw().as_slice()).collect();
        Ok(self.extractor.extract_with_local_features(&pixels)?.local)
    }

    /// As [`Self::for_each_within`] of files that were usable before.
    ///
    /// # Errors
    /// [`DetectorError::Image`] if one no longer is, besides those of [`Self::for_each_within`].
    pub(crate) fn for_each_usable(
        &self,
        regions: Option<&Regions>,
        files: &[PathBuf],
        choice: &ChooseTransforms<'_>,
        visit: &mut dyn FnMut(usize, ImageFeatures) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, DetectorError> {
        let mut failure = None;
        let mut visit = |index, features| match features {
            Ok(features) => visit(index, features),
            Err(source) => {
                failure = Some(source);
                ControlFlow::Break(())
            }
        };
        let flow = self.for_each_within(regions, &ImageInput::files(files), choice, &mut visit)?;
        match failure {
            Some(source) => Err(DetectorError::Image { source }),
            None => Ok(flow),
        }
    }

    /// Nothing, if this source gives the features that a model was trained with.
    ///
    /// # Errors
    /// [`DetectorError::NotAModel`] names both extractors if not.
    pub(crate) fn require_extractor(&self, needed: &str) -> Result<(), DetectorError> {
        let found = self.extractor.id();
        if found == needed {
            return Ok(());
        }
        let reason = format!("it was trained with the extractor {needed}, this is {found}");
        Err(DetectorError::NotAModel { path: "the model".into(), reason })
    }

    /// Reads an image, looks its rows up, and decodes it if some are missing.
    fn open<'a>(
        &self,
        input: ImageInput<'a>,
        regions: Option<&Regions>,
        choice: &ChooseTransforms<'_>,
    ) -> Result<Result<Work<'a>, ImageError>, FeatureError> {
        let name = input.name();
        let see = |bytes: &[u8]| {
            let image = differnet_data::decode_bytes(bytes, name, &self.limits)?;
            SeenImage::new(bytes, image, name, regions)
        };
        let bytes = match input.read(&self.limits) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(error)),
        };
        // What counts in the image is its name in the cache; without regions that is the file.
        let seen = match regions.map(|_| see(&bytes)).transpose() {
            Ok(seen) => seen,
            Err(error) => return Ok(Err(error)),
        };
        let hash = seen.as_ref().map_or_else(|| ContentHash::of(&bytes), |seen| seen.hash);
        let transforms = choice(&hash);
        let known = match &self.cache {
            None => vec![None; transforms.len()],
            Some(cache) => cache.read(self.extractor.id(), &hash.0, &keys(&transforms))?,
        };
        let image = if known.iter().any(Option::is_none) {
            match seen.map_or_else(|| see(&bytes), Ok) {
                Ok(seen) => {
                    let side = IMAGE_SIZE as u32;
                    Some(differnet_data::resize_bilinear(&seen.image, side, side))
                }
                Err(error) => return Ok(Err(error)),
            }
        } else {
            None
        };
        Ok(Ok(Work {
            name,
            hash,
            transforms,
            known,
            wanted: 0,
            enough: false,
            extracted: 0,
            image,
        }))
    }

    /// Extracts and caches every wanted row that is missing.
    fn extract_missing(
        &self,
        work: &mut [Result<Work<'_>, ImageError>],
    ) -> Result<(), FeatureError> {
        let mut jobs = Vec::new();
        for (index, work) in work.iter_mut().enumerate() {
            let Ok(work) = work else { continue };
            let wanted = work.known[..work.wanted].iter().enumerate();
            let missing: Vec<usize> =
                wanted.filter(|(_, row)| row.is_none()).map(|(position, _)| position).collect();
            work.extracted += missing.len();
            jobs.extend(missing.into_iter().map(|position| (index, position)));
        }
        for batch in jobs.chunks(IMAGES) {
            let images: Vec<RgbImage> = batch
                .par_iter()
                .map(|&(index, position)| {
                    let work = work[index].as_ref().expect("only readable images have jobs");
                    let image = work.image.as_ref().expect("images with missing rows are decoded");
                    differnet_data::apply(image, &work.transforms[position])
                })
                .collect();
            let pixels: Vec<&[u8]> = images.iter().map(|image| image.as_raw().as_slice()).collect();
            let rows = self.extractor.extract(&pixels)?;
            for (&(index, position), row) in batch.iter().zip(rows.chunks_exact(FEATURES)) {
                let work = work[index].as_mut().expect("only readable images have jobs");
                work.known[position] = Some(row.to_vec());
            }
        }
        if let Some(cache) = &self.cache {
            for (index, work) in work.iter().enumerate() {
                let Ok(work) = work else { continue };
                let new = jobs.iter().filter(|job| job.0 == index).map(|job| job.1);
                let new: Vec<usize> = new.collect();
                let transforms: Vec<Transform> =
                    new.iter().map(|&at| work.transforms[at]).collect();
                let rows: Vec<f32> =
                    new.iter().flat_map(|&at| work.known[at].iter().flatten()).copied().collect();
                cache.write(self.extractor.id(), &work.hash.0, &keys(&transforms), &rows)?;
            }
        }
        Ok(())
    }
}

/// Asks how many transforms of each image are wanted now; `false` if no image wants more.
fn ask(
    work: &mut [Result<Work<'_>, ImageError>],
    mut want: impl FnMut(usize, &[f32]) -> usize,
) -> bool {
    let mut more = false;
    for (index, work) in work.iter_mut().enumerate() {
        let Ok(work) = work else { continue };
        if !work.enough {
            let wanted = want(index, &work.rows()).min(work.transforms.len());
            work.enough = wanted <= work.wanted || wanted == work.transforms.len();
            more |= wanted > work.wanted;
            work.wanted = work.wanted.max(wanted);
        }
    }
    more
}

impl Work<'_> {
    /// The rows of the wanted transforms, `[wanted, 768]`.
    fn rows(&self) -> Vec<f32> {
        self.known[..self.wanted].iter().flatten().flatten().copied().collect()
    }

    fn finish(mut self) -> ImageFeatures {
        let rows = self.rows();
        debug_assert_eq!(rows.len(), self.wanted * FEATURES, "{}", self.name.display());
        self.transforms.truncate(self.wanted);
        let (hash, transforms, extracted) = (self.hash, self.transforms, self.extracted);
        ImageFeatures { hash, transforms, rows, extracted }
    }
}

fn keys(transforms: &[Transform]) -> Vec<TransformKey> {
    transforms.iter().map(|t| TransformKey([t.degrees, t.brightness, t.contrast])).collect()
}
