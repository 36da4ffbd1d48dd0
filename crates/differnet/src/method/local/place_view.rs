//! Features of places as rows of numbers: stages of a network as they are, or as a model sees them.

use std::path::PathBuf;
use std::sync::Arc;

use differnet_data::{ContentHash, ImageError, ImageInput, MaskedInput, Preprocessing, Regions};
use differnet_features::{Backbone, Places};
use rayon::prelude::*;

use super::PatchCoreConfig;
use super::input::{layout, seen_maps};
use super::plan::Plan;
use super::view::View;
use crate::batched::Batched;
use crate::error::Error;
use crate::features::BATCH;
use crate::runtime::Runtime;

/// Describes the places of images in numbers.
#[derive(Debug, Clone)]
pub struct PlaceView {
    plan: Plan,
    /// A model's; without it numbers are the stages' own.
    views: Option<Arc<[View]>>,
    regions: Option<Regions>,
    /// Bits of a sample that count: see [`Preprocessing::depth`].
    depth: Option<u8>,
}

/// Features of the places of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceFeatures {
    /// Names the image: [`MaskedInput::hash`].
    pub hash: ContentHash,
    /// Rows of the grid of places.
    pub height: usize,
    /// Columns of the grid.
    pub width: usize,
    /// Numbers of a place.
    pub channels: usize,
    /// Mask of the places that count, `[height, width]`: at most half of the pixels of each are ignored.
    pub counts: Vec<bool>,
    /// Row-major `[height, width, channels]`.
    pub values: Vec<f32>,
}

impl PlaceView {
    /// The places of images as PatchCore sees them by `config`, before z-scoring: stages of a network,
    /// averaged over 3 × 3 neighbours and joined on one grid.
    ///
    /// # Errors
    /// [`Error::Config`] if the network has no such stages, or a setting is out of range.
    pub fn of_network(backbone: Backbone, config: &PatchCoreConfig) -> Result<Self, Error> {
        config.validate(backbone)?;
        Ok(Self { plan: config.plan(backbone), views: None, regions: None, depth: None })
    }

    /// The places as the first view of a model sees them.
    pub(super) fn of_model(plan: Plan, views: Arc<[View]>) -> Self {
        Self { plan, views: Some(views), regions: None, depth: None }
    }

    /// The same of images that are preprocessed so.
    #[must_use]
    pub(crate) fn with_preprocessing(self, preprocessing: Preprocessing<'_>) -> Self {
        let Preprocessing { regions, depth } = preprocessing;
        Self { regions: regions.cloned(), depth, ..self }
    }

    /// The network.
    pub fn backbone(&self) -> Backbone {
        self.plan.backbone
    }

    /// Name of the network with the weights that the places come from.
    ///
    /// # Errors
    /// [`Error::Features`] if the network has no weights in `runtime`.
    pub fn extractor(&self, runtime: &Runtime) -> Result<String, Error> {
        Ok(runtime.place_extractor(self.plan.backbone)?.id(self.plan.last_stage()))
    }

    /// Numbers of a place.
    pub fn channels(&self) -> usize {
        match &self.views {
            Some(views) => views[0].components(),
            None => self.plan.views[0].channels(self.plan.backbone),
        }
    }

    /// Rows and columns of the grid of places of each image, or why it cannot be used.
    pub fn grids(
        &self,
        runtime: &Runtime,
        images: &[PathBuf],
    ) -> Vec<Result<(usize, usize), ImageError>> {
        let grid = |image: &PathBuf| {
            let seen = self.read(runtime, ImageInput::File(image))?;
            Ok(layout(&self.plan, seen.image().dimensions()).grid())
        };
        images.par_iter().map(grid).collect()
    }

    /// The features of each image's places, in order.
    ///
    /// A few images are in memory at a time, however many there are. An image that cannot be used is
    /// [`Error::Image`], and the others follow.
    pub fn features<'a>(
        &'a self,
        runtime: &'a Runtime,
        images: impl IntoIterator<Item: Into<ImageInput<'a>>>,
    ) -> impl Iterator<Item = Result<PlaceFeatures, Error>> {
        let images = images.into_iter().map(Into::into);
        let batches = Batched::new(images, BATCH, move |images: &[ImageInput<'_>]| {
            let read = |&input: &ImageInput<'_>| self.read(runtime, input);
            let seen: Vec<_> = images.par_iter().map(read).collect();
            let features = |seen: Result<MaskedInput, ImageError>| match seen {
                Ok(seen) => Ok(Ok(self.of(runtime, &seen)?)),
                Err(error) => Ok(Err(error)),
            };
            seen.into_iter().map(features).collect()
        });
        batches.map(|image| image.and_then(|image| image.map_err(Error::Image)))
    }

    fn read(&self, runtime: &Runtime, input: ImageInput<'_>) -> Result<MaskedInput, ImageError> {
        let preprocessing = Preprocessing { regions: self.regions.as_ref(), depth: self.depth };
        MaskedInput::read(input, preprocessing, &runtime.limits)
    }

    fn of(&self, runtime: &Runtime, image: &MaskedInput) -> Result<PlaceFeatures, Error> {
        let seen = seen_maps(&self.plan, runtime, image)?;
        let stages = self.plan.stages();
        let values = match &self.views {
            Some(views) => views[0].rows(&stages, &seen),
            None => {
                let Places { values, .. } = self.plan.views[0].places(&stages, &seen);
                values
            }
        };
        let (height, width) = seen.grid.shape();
        let (hash, channels) = (image.hash, self.channels());
        let counts = seen.grid.counts;
        Ok(PlaceFeatures { hash, height, width, channels, counts, values })
    }
}
