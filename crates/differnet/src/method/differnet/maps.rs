//! Anomaly maps of the paper's method (Section 3.3): the likelihood's gradient, and local deviations.

use differnet_data::RgbImage;
use differnet_features::{IMAGE_SIZE, ImageGradients, LocalFeatures, LocalGrid};
use differnet_scoring::{AnomalyMap, Grid, MapAverage};
use rayon::prelude::*;

use super::scales;
use super::scorer::DifferNet;
use crate::adaptive::mean_of_rows;
use crate::error::Error;
use crate::localization::{DecodedImage, Localization, LocalizeConfig, Localizer, MapKind};
use crate::runtime::Runtime;
use crate::score::{ImageScore, ScoreConfig};
use crate::scorer::Scoring;

/// Transforms that a map is averaged over unless it is asked for another number.
const TRANSFORMS: usize = 8;
/// Transformed images that are in memory at once.
const IMAGES: usize = 8;
/// σ of the paper's blur, in pixels of the 448 × 448 image.
const GRADIENT_SIGMA: f64 = 3.0;
/// σ of the blur that smooths the corners of the interpolated grid: half a cell.
const DEVIATION_SIGMA: f64 = 8.0;

impl Localizer for DifferNet {
    fn config(&self, scoring: ScoreConfig) -> LocalizeConfig {
        let transforms = scoring.transforms.min(TRANSFORMS);
        LocalizeConfig { scoring: ScoreConfig { transforms, ..scoring }, kind: MapKind::Deviation }
    }

    fn localize(
        &self,
        image: DecodedImage,
        scoring: &Scoring<'_>,
        kind: MapKind,
    ) -> Result<Localization, Error> {
        let Scoring { runtime, header, config } = *scoring;
        let DecodedImage { image, masked } = image;
        let side = IMAGE_SIZE as u32;
        let square = masked.resized(side, side);
        let transforms = config.transforms_of(&masked.hash, &header.config.transform_config());
        let mut average = MapAverage::new(IMAGE_SIZE);
        let mut transform_scores = Vec::with_capacity(transforms.len());
        let width = self.backbone.features();
        let mut all_rows = Vec::with_capacity(transforms.len() * width);
        for transforms in transforms.chunks(IMAGES) {
            let turned: Vec<RgbImage> =
                transforms.par_iter().map(|transform| transform.apply(&square)).collect();
            let pixels: Vec<&[u8]> = turned.iter().map(|image| image.as_raw().as_slice()).collect();
            let degrees: Vec<f32> = transforms.iter().map(|transform| transform.degrees).collect();
            let (rows, maps) = match kind {
                MapKind::Gradient => self.gradient_maps(runtime, &pixels)?,
                MapKind::Deviation => self.deviation_maps(runtime, &pixels, &degrees)?,
            };
            transform_scores.extend(self.scores_of(&rows));
            all_rows.extend(rows);
            for (map, degrees) in maps.iter().zip(degrees) {
                average.add(map, degrees);
            }
        }
        let score =
            config.judge(masked.hash, masked.statistics, transform_scores, &header.thresholds())?;
        let score = ImageScore { mean_features: mean_of_rows(&all_rows, width), ..score };
        let map = average.mean();
        let map = match kind {
            MapKind::Gradient => map,
            MapKind::Deviation => map.blurred(DEVIATION_SIGMA),
        };
        let map = map.resized(image.width() as usize, image.height() as usize);
        let map = match masked.ignored {
            Some(ignored) => map.without(ignored),
            None => map,
        };
        Ok(Localization { image, score, map })
    }
}

impl DifferNet {
    /// Features `[images, features]` of transformed images, and the paper's map of each.
    fn gradient_maps(
        &self,
        runtime: &Runtime,
        images: &[&[u8]],
    ) -> Result<(Vec<f32>, Vec<AnomalyMap>), Error> {
        let mut gradient = |rows: &[f32]| {
            let columns = self.flows.tensors()[0].features();
            let width = self.backbone.features();
            let rows = scales::narrowed(rows, columns, width); // [images, columns]
            let mut gradient = vec![0.0; rows.len()];
            for flow in self.flows.tensors() {
                let one = flow.input_gradient(&rows).gradient;
                gradient.iter_mut().zip(one).for_each(|(sum, value)| *sum += value);
            }
            let mut gradient = scales::widened(gradient, columns, width); // [images, features]
            // A likelihood that overflowed says nothing of where.
            gradient.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
            gradient
        };
        let ImageGradients { features, gradients } =
            runtime.extractor(self.backbone)?.extract_with_gradients(images, &mut gradient)?;
        let maps = gradients
            .par_chunks_exact(3 * IMAGE_SIZE * IMAGE_SIZE)
            .map(|image| AnomalyMap::of_gradient(image, IMAGE_SIZE, GRADIENT_SIGMA));
        Ok((features, maps.collect()))
    }

    /// Features `[images, features]` of images turned by `degrees`, and a map of local deviations of each.
    fn deviation_maps(
        &self,
        runtime: &Runtime,
        images: &[&[u8]],
        degrees: &[f32],
    ) -> Result<(Vec<f32>, Vec<AnomalyMap>), Error> {
        let LocalFeatures { features, local } =
            runtime.extractor(self.backbone)?.extract_with_local_features(images)?;
        let LocalGrid { side, channels, first, stride } = self.backbone.local_grid();
        let statistics = &self.local_statistics;
        let maps =
            local.par_chunks_exact(side * side * channels).zip(degrees).map(|(local, &degrees)| {
                let values = statistics.deviation(local, degrees);
                let grid = Grid { values: &values, side, first, stride };
                AnomalyMap::of_grid(grid, IMAGE_SIZE, IMAGE_SIZE)
            });
        Ok((features, maps.collect()))
    }
}
