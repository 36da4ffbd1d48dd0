//! Where the defect is: anomaly maps of images (paper, Section 3.3).

use std::ops::ControlFlow;
use std::path::PathBuf;

use differnet_data::{
    ContentHash, DecodeLimits, ImageError, ImageInput, Regions, RgbImage, SeenImage, paint_neutral,
};
use differnet_features::{IMAGE_SIZE, ImageGradients, LOCAL_GRID, LocalFeatures};
use differnet_scoring::{AnomalyMap, Grid, MapAverage, Verdict, anomaly_score};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::detector::{Detector, ScoreConfig};
use crate::error::DetectorError;
use crate::feature_source::FeatureSource;
use crate::scales;

/// Transforms that a map is averaged over unless it is asked for another number.
const TRANSFORMS: usize = 8;
/// Transformed images that are in memory at once.
const IMAGES: usize = 8;
/// σ of the paper's blur, in pixels of the 448 × 448 image.
const GRADIENT_SIGMA: f64 = 3.0;
/// σ of the blur that smooths the corners of the interpolated grid: half a cell.
const DEVIATION_SIGMA: f64 = 8.0;

/// How a map is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MapKind {
    /// The paper's: the likelihood's gradient with respect to each pixel, blurred (Eq. 7).
    Gradient,
    /// How far each place's features are from what training images showed there
    /// ([`LocalStatistics`](differnet_scoring::LocalStatistics)).
    Deviation,
}

/// How images are localized.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalizeConfig {
    /// Transforms and averaging, as for scoring.
    pub scoring: ScoreConfig,
    /// How maps are made.
    pub kind: MapKind,
}

/// Where in an image the flow sees something unlikely.
#[derive(Debug, Clone, PartialEq)]
pub struct Localization {
    /// Names the image by what counts in it.
    pub hash: ContentHash,
    /// The image as the map lies on it: upright, of its own size, with all its pixels.
    pub image: RgbImage,
    /// τ(x) of Eq. 5, nats.
    pub score: f64,
    /// Whether the score reaches the threshold.
    pub verdict: Verdict,
    /// A value for each of the image's pixels; larger is more anomalous, 0 where the model's
    /// regions have the pixel ignored.
    pub map: AnomalyMap,
}

impl Localization {
    /// The image as the detector saw it: ignored pixels are grey.
    pub fn seen_image(&self) -> RgbImage {
        let mut image = self.image.clone();
        if let Some(ignored) = self.map.ignored() {
            paint_neutral(&mut image, ignored);
        }
        image
    }
}

impl Detector {
    /// The localization whose maps the model's [`map_threshold`](crate::ModelInfo::map_threshold)
    /// holds for.
    pub fn localize_config(&self) -> LocalizeConfig {
        let scoring = self.score_config();
        let transforms = scoring.transforms.min(TRANSFORMS);
        LocalizeConfig { scoring: ScoreConfig { transforms, ..scoring }, kind: MapKind::Deviation }
    }

    /// Calls `visit` with the index and the localization of each file, in order, until it breaks.
    ///
    /// One image is in memory at a time. A file that is no usable image, or does not fit the
    /// model's regions, is passed on as its error.
    ///
    /// # Errors
    /// [`DetectorError`] if no transforms are asked for or if the model was trained with another
    /// extractor.
    pub fn localize_files(
        &self,
        source: &FeatureSource,
        files: &[PathBuf],
        config: &LocalizeConfig,
        visit: &mut dyn FnMut(usize, Result<Localization, ImageError>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, DetectorError> {
        self.localize_images(source, &ImageInput::files(files), config, visit)
    }

    /// As [`Self::localize_files`], of images wherever they are: equal bytes give the same map.
    ///
    /// # Errors
    /// As [`Self::localize_files`].
    pub fn localize_images(
        &self,
        source: &FeatureSource,
        images: &[ImageInput<'_>],
        config: &LocalizeConfig,
        visit: &mut dyn FnMut(usize, Result<Localization, ImageError>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, DetectorError> {
        self.check_scoring(source, &config.scoring)?;
        for (index, &input) in images.iter().enumerate() {
            let localization = match read(input, self.info().regions.as_ref(), &source.limits) {
                Ok((image, seen)) => Ok(self.localize(source, image, seen, config)?),
                Err(error) => Err(error),
            };
            if visit(index, localization).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The localization of one decoded image, of which the detector looks at `seen`.
    fn localize(
        &self,
        source: &FeatureSource,
        image: RgbImage,
        seen: SeenImage,
        config: &LocalizeConfig,
    ) -> Result<Localization, DetectorError> {
        let SeenImage { hash, image: seen, ignored } = seen;
        let side = IMAGE_SIZE as u32;
        let square = differnet_data::resize_bilinear(&seen, side, side);
        let transforms = self.transforms(&config.scoring, &hash);
        let mut average = MapAverage::new(IMAGE_SIZE);
        let mut transform_scores = Vec::with_capacity(transforms.len());
        for transforms in transforms.chunks(IMAGES) {
            let turned: Vec<RgbImage> = transforms
                .par_iter()
                .map(|transform| differnet_data::apply(&square, transform))
                .collect();
            let pixels: Vec<&[u8]> = turned.iter().map(|image| image.as_raw().as_slice()).collect();
            let degrees: Vec<f32> = transforms.iter().map(|transform| transform.degrees).collect();
            let (rows, maps) = match config.kind {
                MapKind::Gradient => self.gradient_maps(source, &pixels)?,
                MapKind::Deviation => self.deviation_maps(source, &pixels, &degrees)?,
            };
            transform_scores.extend(self.row_scores(&rows));
            for (map, degrees) in maps.iter().zip(degrees) {
                average.add(map, degrees);
            }
        }
        let score = anomaly_score(&transform_scores, config.scoring.average)
            .expect("the number of transforms was checked");
        let verdict = self.info().thresholds().verdict(score);
        let map = average.mean();
        let map = match config.kind {
            MapKind::Gradient => map,
            MapKind::Deviation => map.blurred(DEVIATION_SIGMA),
        };
        let map = map.resized(image.width() as usize, image.height() as usize);
        let map = match ignored {
            Some(ignored) => map.without(ignored),
            None => map,
        };
        Ok(Localization { hash, image, score, verdict, map })
    }

    /// Features `[images, 768]` of transformed images, and the paper's map of each.
    fn gradient_maps(
        &self,
        source: &FeatureSource,
        images: &[&[u8]],
    ) -> Result<(Vec<f32>, Vec<AnomalyMap>), DetectorError> {
        let mut gradient = |rows: &[f32]| {
            let columns = self.flows()[0].features();
            let rows = scales::narrowed(rows, columns); // [images, columns]
            let mut gradient = vec![0.0; rows.len()];
            for flow in self.flows() {
                let one = flow.input_gradient(&rows).gradient;
                gradient.iter_mut().zip(one).for_each(|(sum, value)| *sum += value);
            }
            let mut gradient = scales::widened(gradient, columns); // [images, 768]
            // A likelihood that overflowed says nothing of where.
            gradient.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
            gradient
        };
        let ImageGradients { features, gradients } =
            source.extractor.extract_with_gradients(images, &mut gradient)?;
        let maps = gradients
            .par_chunks_exact(3 * IMAGE_SIZE * IMAGE_SIZE)
            .map(|image| AnomalyMap::of_gradient(image, IMAGE_SIZE, GRADIENT_SIGMA));
        Ok((features, maps.collect()))
    }

    /// Features `[images, 768]` of images turned by `degrees`, and a map of local deviations of each.
    fn deviation_maps(
        &self,
        source: &FeatureSource,
        images: &[&[u8]],
        degrees: &[f32],
    ) -> Result<(Vec<f32>, Vec<AnomalyMap>), DetectorError> {
        let LocalFeatures { features, local } =
            source.extractor.extract_with_local_features(images)?;
        let (side, statistics) = (LOCAL_GRID.side, self.local_statistics());
        let maps = local.par_chunks_exact(side * side * LOCAL_GRID.channels).zip(degrees).map(
            |(local, &degrees)| {
                let values = statistics.deviation(local, degrees);
                let (first, stride) = (LOCAL_GRID.first, LOCAL_GRID.stride);
                let grid = Grid { values: &values, side, first, stride };
                AnomalyMap::of_grid(grid, IMAGE_SIZE, IMAGE_SIZE)
            },
        );
        Ok((features, maps.collect()))
    }
}

/// The image in `input`, upright, and what is seen of it.
fn read(
    input: ImageInput<'_>,
    regions: Option<&Regions>,
    limits: &DecodeLimits,
) -> Result<(RgbImage, SeenImage), ImageError> {
    let (bytes, name) = (input.read(limits)?, input.name());
    let image = differnet_data::decode_bytes(&bytes, name, limits)?;
    let seen = SeenImage::new(&bytes, image.clone(), name, regions)?;
    Ok((image, seen))
}
