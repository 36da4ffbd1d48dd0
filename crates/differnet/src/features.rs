//! Images to rows of features: decoding, transforming and extracting, with a cache in between.

use differnet_data::{
    ContentHash, ImageError, ImageInput, InputStatistics, MaskedInput, Preprocessing, ReadImage,
    RgbImage, Transform,
};
use differnet_features::{Backbone, FeatureError, IMAGE_SIZE, TransformKey};
use rayon::prelude::*;

use crate::batched::Batched;
use crate::error::Error;
use crate::runtime::Runtime;

/// Images read at once: enough to keep all cores decoding, few enough to keep memory flat.
pub(crate) const BATCH: usize = 8;
/// Transformed images extracted at once.
const EXTRACTED: usize = 16;

/// The features of one image.
#[derive(Debug)]
pub struct ImageFeatures {
    /// Names the image: [`MaskedInput::hash`].
    pub hash: ContentHash,
    /// The transforms that the rows belong to.
    pub transforms: Vec<Transform>,
    /// Row-major `[transforms, features]`.
    pub rows: Vec<f32>,
}

/// One image on its way from its bytes to rows; asked for rows by [`want`](Self::want).
pub(crate) struct OpenImage {
    pub(crate) hash: ContentHash,
    transforms: Vec<Transform>,
    known: Vec<Option<Vec<f32>>>,
    /// Number of transforms that are wanted, from the first.
    wanted: usize,
    /// Decoded and resized; only if rows are missing.
    image: Option<RgbImage>,
    /// Of the pixels that count; `None` if they were not asked for.
    pub(crate) statistics: Option<InputStatistics>,
}

/// Data to read from an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Rows: an image whose rows are in the cache is not decoded.
    Rows,
    /// Rows, and statistics of the pixels.
    RowsAndStatistics,
}

impl OpenImage {
    /// Asks for the rows of the first `count` transforms, or of all if there are fewer; `false` if no
    /// more are wanted than before.
    pub(crate) fn want(&mut self, count: usize) -> bool {
        let count = count.min(self.transforms.len());
        let more = count > self.wanted;
        self.wanted = self.wanted.max(count);
        more
    }

    /// Tells whether every transform is wanted.
    pub(crate) fn is_complete(&self) -> bool {
        self.wanted == self.transforms.len()
    }

    /// The rows of the wanted transforms from number `first` on, `[wanted - first, features]`.
    pub(crate) fn rows(&self, first: usize) -> Vec<f32> {
        self.known[first..self.wanted].iter().flatten().flatten().copied().collect()
    }
}

impl Runtime {
    /// The features by a network of each image under the transforms that `choice` names for its
    /// [`MaskedInput::hash`], in order.
    ///
    /// A few images are in memory at a time, however many there are. An image that cannot be used is
    /// [`Error::Image`], and the others follow; after any other error nothing follows. An image of
    /// which the regions ignore some pixels, or with deep samples, is found in the cache by what counts in
    /// it.
    pub fn features<'a>(
        &'a self,
        backbone: Backbone,
        preprocessing: Preprocessing<'a>,
        images: impl IntoIterator<Item: Into<ImageInput<'a>>>,
        choice: impl Fn(&ContentHash) -> Vec<Transform> + Sync,
    ) -> impl Iterator<Item = Result<ImageFeatures, Error>> {
        let images = images.into_iter().map(Into::into);
        let batches = Batched::new(images, BATCH, move |images| {
            let mut open =
                self.open_images(backbone, images, preprocessing, Reading::Rows, &choice)?;
            for image in open.iter_mut().flatten() {
                let _ = image.want(usize::MAX);
            }
            self.extract_missing(backbone, &mut open)?;
            let features = |image: OpenImage| {
                let rows = image.rows(0);
                ImageFeatures { hash: image.hash, transforms: image.transforms, rows }
            };
            Ok(open.into_iter().map(|image| image.map(features)).collect())
        });
        batches.map(|image| image.and_then(|image| image.map_err(Error::Image)))
    }

    /// The features of images that were usable before.
    ///
    /// [`Error::ImageChanged`] if one no longer is.
    pub(crate) fn features_of_usable<'a>(
        &'a self,
        backbone: Backbone,
        preprocessing: Preprocessing<'a>,
        images: impl IntoIterator<Item: Into<ImageInput<'a>>>,
        choice: impl Fn(&ContentHash) -> Vec<Transform> + Sync,
    ) -> impl Iterator<Item = Result<ImageFeatures, Error>> {
        self.features(backbone, preprocessing, images, choice)
            .map(|features| features.map_err(Error::changed))
    }

    /// Opens a batch of images: reads each, looks its rows up, and decodes it if some are missing.
    pub(crate) fn open_images(
        &self,
        backbone: Backbone,
        images: &[ImageInput<'_>],
        preprocessing: Preprocessing<'_>,
        reading: Reading,
        choice: &(impl Fn(&ContentHash) -> Vec<Transform> + Sync),
    ) -> Result<Vec<Result<OpenImage, ImageError>>, FeatureError> {
        let opened: Vec<_> = images
            .par_iter()
            .map(|&input| self.open_one(backbone, input, preprocessing, reading, choice))
            .collect();
        opened.into_iter().collect()
    }

    fn open_one(
        &self,
        backbone: Backbone,
        input: ImageInput<'_>,
        preprocessing: Preprocessing<'_>,
        reading: Reading,
        choice: &impl Fn(&ContentHash) -> Vec<Transform>,
    ) -> Result<Result<OpenImage, ImageError>, FeatureError> {
        let name = input.name();
        let see = |read: &ReadImage<'_>| {
            MaskedInput::new(read, read.decode(name, &self.limits)?, name, preprocessing)
        };
        let read = match input.read(&self.limits) {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        // What counts in the image is its name in the cache: of 8-bit ones without regions the file.
        let statistics = reading == Reading::RowsAndStatistics;
        let by_pixels = || {
            if statistics || preprocessing.regions.is_some() || preprocessing.depth.is_some() {
                return Ok(true);
            }
            read.has_deep_samples(name, &self.limits)
        };
        let seen = match by_pixels().and_then(|by| by.then(|| see(&read)).transpose()) {
            Ok(seen) => seen,
            Err(error) => return Ok(Err(error)),
        };
        let hash = seen.as_ref().map_or_else(|| read.hash(), |seen| seen.hash);
        let transforms = choice(&hash);
        let known = match &self.cache {
            None => vec![None; transforms.len()],
            Some(cache) => {
                let extractor = self.extractor(backbone)?.id();
                cache.read(extractor, backbone.features(), &hash.0, &keys(&transforms))
            }
        };
        let statistics = seen.as_ref().filter(|_| statistics).map(|seen| seen.statistics);
        let image = if known.iter().any(Option::is_none) {
            match seen.map_or_else(|| see(&read), Ok) {
                Ok(seen) => {
                    let side = IMAGE_SIZE as u32;
                    Some(seen.resized(side, side))
                }
                Err(error) => return Ok(Err(error)),
            }
        } else {
            None
        };
        Ok(Ok(OpenImage { hash, transforms, known, wanted: 0, image, statistics }))
    }

    /// Extracts and caches every wanted row that is missing.
    pub(crate) fn extract_missing(
        &self,
        backbone: Backbone,
        images: &mut [Result<OpenImage, ImageError>],
    ) -> Result<(), FeatureError> {
        let mut images: Vec<&mut OpenImage> = images.iter_mut().flatten().collect();
        let mut jobs = Vec::new();
        for (index, image) in images.iter().enumerate() {
            let wanted = image.known[..image.wanted].iter().enumerate();
            let missing = wanted.filter(|(_, row)| row.is_none());
            jobs.extend(missing.map(|(position, _)| (index, position)));
        }
        let extractor = self.extractor(backbone)?;
        for batch in jobs.chunks(EXTRACTED) {
            let turned: Vec<RgbImage> = batch
                .par_iter()
                .map(|&(index, position)| {
                    let image = images[index].image.as_ref();
                    let image = image.expect("images with missing rows are decoded");
                    images[index].transforms[position].apply(image)
                })
                .collect();
            let pixels: Vec<&[u8]> = turned.iter().map(|image| image.as_raw().as_slice()).collect();
            let rows = extractor.extract(&pixels)?;
            for (&(index, position), row) in
                batch.iter().zip(rows.chunks_exact(backbone.features()))
            {
                images[index].known[position] = Some(row.to_vec());
            }
        }
        let Some(cache) = &self.cache else { return Ok(()) };
        for new in jobs.chunk_by(|a, b| a.0 == b.0) {
            let image = &images[new[0].0];
            let transforms: Vec<Transform> =
                new.iter().map(|job| image.transforms[job.1]).collect();
            let rows: Vec<f32> =
                new.iter().flat_map(|job| image.known[job.1].iter().flatten()).copied().collect();
            cache.write(extractor.id(), &image.hash.0, &keys(&transforms), &rows);
        }
        Ok(())
    }
}

fn keys(transforms: &[Transform]) -> Vec<TransformKey> {
    transforms.iter().map(|t| TransformKey([t.degrees, t.brightness, t.contrast])).collect()
}
