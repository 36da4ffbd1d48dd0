//! Where the defect is: anomaly maps of images (paper, Section 3.3).

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use differnet_data::{ContentHash, DecodeLimits, ImageError, RgbImage, Transform};
use differnet_features::{Contributions, FEATURES, GRIDS, IMAGE_SIZE, ImageGradients};
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

/// How a map is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MapKind {
    /// The paper's: the likelihood's gradient with respect to each pixel, blurred (Eq. 7).
    Gradient,
    /// What each place of the last convolution's maps adds to the score, at all three scales.
    Contribution,
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
    /// Hash of the file.
    pub hash: ContentHash,
    /// The image as the map lies on it: upright, of its own size.
    pub image: RgbImage,
    /// τ(x) of Eq. 5, nats.
    pub score: f64,
    /// Whether the score reaches the threshold.
    pub verdict: Verdict,
    /// A value for each of the image's pixels; larger is more anomalous.
    pub map: AnomalyMap,
}

impl Detector {
    /// The localization whose maps the model's [`map_threshold`](crate::ModelInfo::map_threshold)
    /// holds for.
    pub fn localize_config(&self) -> LocalizeConfig {
        let scoring = self.score_config();
        let transforms = scoring.transforms.min(TRANSFORMS);
        LocalizeConfig {
            scoring: ScoreConfig { transforms, ..scoring },
            kind: MapKind::Contribution,
        }
    }

    /// Calls `visit` with the index and the localization of each file, in order, until it breaks.
    ///
    /// One image is in memory at a time. A file that is no usable image is passed on as its error.
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
        self.check_scoring(source, &config.scoring)?;
        for (index, path) in files.iter().enumerate() {
            let localization = match read(path, &source.limits) {
                Ok((hash, image)) => Ok(self.localize(source, hash, image, config)?),
                Err(error) => Err(error),
            };
            if visit(index, localization).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The localization of one decoded image.
    fn localize(
        &self,
        source: &FeatureSource,
        hash: ContentHash,
        image: RgbImage,
        config: &LocalizeConfig,
    ) -> Result<Localization, DetectorError> {
        let side = IMAGE_SIZE as u32;
        let square = differnet_data::resize_bilinear(&image, side, side);
        let transforms = self.transforms(&config.scoring, &hash);
        let mut average = MapAverage::new(IMAGE_SIZE);
        let mut transform_scores = Vec::with_capacity(transforms.len());
        for transforms in transforms.chunks(IMAGES) {
            let turned: Vec<RgbImage> = transforms
                .par_iter()
                .map(|transform| differnet_data::apply(&square, transform))
                .collect();
            let pixels: Vec<&[u8]> = turned.iter().map(|image| image.as_raw().as_slice()).collect();
            let (rows, maps) = self.maps(source, &pixels, config.kind)?;
            transform_scores.extend(self.row_scores(&rows));
            for (map, Transform { degrees, .. }) in maps.iter().zip(transforms) {
                average.add(map, *degrees);
            }
        }
        let score = anomaly_score(&transform_scores, config.scoring.average)
            .expect("the number of transforms was checked");
        let verdict = Verdict::of(score, self.info().threshold);
        let map = average.mean();
        let map = match config.kind {
            MapKind::Gradient => map,
            // Places that make the image likelier are as good as those that do nothing.
            MapKind::Contribution => map.map(|value| value.max(0.0)),
        };
        let map = map.resized(image.width() as usize, image.height() as usize);
        Ok(Localization { hash, image, score, verdict, map })
    }

    /// Features `[images, 768]` of transformed images, and a map of each.
    fn maps(
        &self,
        source: &FeatureSource,
        images: &[&[u8]],
        kind: MapKind,
    ) -> Result<(Vec<f32>, Vec<AnomalyMap>), DetectorError> {
        let mut gradient = |rows: &[f32]| {
            let columns = self.flow().features();
            let rows = scales::narrowed(rows, columns); // [images, columns]
            let gradient = self.flow().input_gradient(&rows).gradient;
            let mut gradient = scales::widened(gradient, columns); // [images, 768]
            // A likelihood that overflowed says nothing of where.
            gradient.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
            gradient
        };
        if kind == MapKind::Gradient {
            let ImageGradients { features, gradients } =
                source.extractor.extract_with_gradients(images, &mut gradient)?;
            let maps = gradients
                .par_chunks_exact(3 * IMAGE_SIZE * IMAGE_SIZE)
                .map(|image| AnomalyMap::of_gradient(image, IMAGE_SIZE, GRADIENT_SIGMA));
            return Ok((features, maps.collect()));
        }
        let baseline = &self.info().feature_means;
        let Contributions { features, grids } =
            source.extractor.extract_with_contributions(images, baseline, &mut gradient)?;
        let count = features.len() / FEATURES;
        let maps = (0..count).into_par_iter().map(|image| {
            let grids: Vec<Grid<'_>> = grids
                .iter()
                .zip(GRIDS)
                .map(|(values, layout)| {
                    let cells = layout.side * layout.side;
                    Grid {
                        values: &values[image * cells..(image + 1) * cells],
                        side: layout.side,
                        first: layout.first,
                        stride: layout.stride,
                    }
                })
                .collect();
            AnomalyMap::of_grids(&grids, IMAGE_SIZE, IMAGE_SIZE)
        });
        Ok((features, maps.collect()))
    }
}

/// The hash of a file and the image in it, upright.
fn read(path: &Path, limits: &DecodeLimits) -> Result<(ContentHash, RgbImage), ImageError> {
    let bytes = differnet_data::read_file(path, limits)?;
    let image = differnet_data::decode_bytes(&bytes, path, limits)?;
    Ok((ContentHash::of(&bytes), image))
}
