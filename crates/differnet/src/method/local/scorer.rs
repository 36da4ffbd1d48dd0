//! A flow of local features as a model scores with it: score and map from the same pass.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use differnet_baselines::Whitening;
use differnet_data::{ImageError, ImageInput, SeenImage};
use differnet_features::{PLACE, place_channels};
use differnet_flow::{AuxiliaryTensor, Flow, FlowInput};
use differnet_matmul::{PackedMatrix, Strided, Sums, multiply};
use differnet_scoring::{AnomalyMap, transform_scores};
use rayon::prelude::*;

use super::LocalFlowConfig;
use super::config::POSITION;
use super::input::{SeenPlaces, positions, seen_places};
use super::top::{smoothed, top_mean};
use crate::error::Error;
use crate::header::Header;
use crate::localization::{DecodedImage, Localization, LocalizeConfig, Localizer, MapKind};
use crate::method::flows::{Flows, tensor_scores};
use crate::runtime::Runtime;
use crate::score::{ImageScore, ScoreConfig};
use crate::scorer::{Scorer, Scoring, score_each};

/// Names of the whitening's tables in a model file.
const MATRIX: &str = "whitening.matrix";
const OFFSET: &str = "whitening.offset";
/// Rows that are whitened by one task.
const BLOCK: usize = 64;
/// σ of the blur that smooths the corners of the interpolated map, pixels as the network sees them.
const SIGMA: f64 = 8.0;

/// Whitening of a place's features, packed for products.
#[derive(Debug)]
pub(super) struct Whitener {
    /// `[channels, components]`
    packed: PackedMatrix,
    whitening: Whitening,
    channels: usize,
}

/// A flow trained on the places of good images.
#[derive(Debug)]
pub(super) struct LocalFlow {
    pixels: usize,
    stages: Vec<usize>,
    whitener: Whitener,
    /// A single flow.
    flows: Flows,
}

/// Score, map and features of one image.
pub(super) struct Judged {
    /// The image's score: the mean of the largest values.
    pub(super) score: f64,
    /// A value for each place, smoothed, `[height, width]`.
    values: Vec<f64>,
    width: usize,
    /// The mean of the whitened places, `[components]`.
    mean: Vec<f32>,
}

impl Whitener {
    pub(super) fn new(whitening: &Whitening, channels: usize) -> Self {
        let take = |count| vec![0.0; count];
        let packed = PackedMatrix::pack_transposed(&whitening.matrix, channels, take);
        Self { packed, whitening: whitening.clone(), channels }
    }

    pub(super) fn components(&self) -> usize {
        self.whitening.offset.len()
    }

    /// Whitened rows `[rows, components]` of rows `[rows, channels]`.
    pub(super) fn apply(&self, rows: &[f32]) -> Vec<f32> {
        let (channels, components) = (self.channels, self.components());
        let mut whitened = vec![0.0; rows.len() / channels * components];
        let blocks = rows.par_chunks(BLOCK * channels);
        blocks.zip(whitened.par_chunks_mut(BLOCK * components)).for_each(|(rows, to)| {
            let left = Strided { values: rows, stride: channels };
            multiply(left, rows.len() / channels, &self.packed, Sums::Replace, to);
            for row in to.chunks_exact_mut(components) {
                row.iter_mut().zip(&self.whitening.offset).for_each(|(x, offset)| *x += offset);
            }
        });
        whitened
    }
}

impl LocalFlow {
    pub(super) fn new(
        own: &LocalFlowConfig,
        whitener: Whitener,
        flow: Flow,
        runtime: &Runtime,
    ) -> Self {
        let flows = Flows::of(vec![flow], &runtime.device);
        Self { pixels: own.pixels, stages: own.stages.clone(), whitener, flows }
    }

    /// Score and map of an image.
    fn judge_image(&self, runtime: &Runtime, seen: &SeenImage) -> Judged {
        self.judge(&seen_places(runtime.place_extractor(), seen, self.pixels, &self.stages))
    }

    /// Score and map of an image's places.
    pub(super) fn judge(&self, SeenPlaces { places, counts }: &SeenPlaces) -> Judged {
        let rows = self.whitener.apply(&places.values);
        let condition = positions(places.height, places.width);
        let energy = self.energy(&rows, &condition);
        let values = smoothed(&energy, counts, places.width);
        let score = top_mean(&values, counts);
        let mean = mean_of(&rows, counts, self.whitener.components());
        let mean = mean.into_iter().map(|mean| mean as f32).collect();
        Judged { score, values, width: places.width, mean }
    }

    /// ‖z‖²/2 of each place, nats; infinite where a latent overflowed.
    fn energy(&self, rows: &[f32], condition: &[f32]) -> Vec<f64> {
        if let Some(flow) = self.flows.on_host().first() {
            let latents = flow.latents(FlowInput { rows, condition });
            return transform_scores(&latents.z, self.whitener.components());
        }
        let count = condition.len() / POSITION;
        let tensor = |values: &[f32]| {
            let data = TensorData::new(values.to_vec(), [count, values.len() / count]);
            Tensor::<2>::from_data(data, self.flows.device())
        };
        let flow = self.flows.tensors()[0].given(tensor(condition));
        tensor_scores(flow.forward(tensor(rows)).z)
    }
}

/// The mean of the rows `[rows, components]` that count.
pub(super) fn mean_of(rows: &[f32], counts: &[bool], components: usize) -> Vec<f64> {
    let mut sums = vec![0.0_f64; components];
    let mut count = 0_usize;
    for (row, _) in rows.chunks_exact(components).zip(counts).filter(|(_, counts)| **counts) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        count += 1;
    }
    sums.iter().map(|sum| sum / count.max(1) as f64).collect()
}

impl Scorer for LocalFlow {
    fn score(
        &self,
        images: &[ImageInput<'_>],
        scoring: &Scoring<'_>,
    ) -> Result<Vec<Result<ImageScore, ImageError>>, Error> {
        let Scoring { runtime, header, config } = *scoring;
        let read = |&input: &ImageInput<'_>| {
            SeenImage::read(input, header.regions.as_ref(), &runtime.limits)
        };
        let seen: Vec<_> = images.par_iter().map(read).collect();
        score_each(seen, |seen: SeenImage| {
            let Judged { score, mean, .. } = self.judge_image(runtime, &seen);
            let judged = config.judge(seen.hash, vec![score], &header.thresholds())?;
            Ok(ImageScore { mean_features: mean, ..judged })
        })
    }

    fn localizer(&self) -> Option<&dyn Localizer> {
        Some(self)
    }

    fn save(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), Error> {
        let Whitening { matrix, offset } = &self.whitener.whitening;
        let table = |name: &str, shape: &[usize], values: &[f32]| AuxiliaryTensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            values: values.to_vec(),
        };
        let auxiliary = [
            table(MATRIX, &[offset.len(), self.whitener.channels], matrix),
            table(OFFSET, &[offset.len()], offset),
        ];
        self.flows.save(path, metadata, &auxiliary).map_err(Error::model(path))
    }
}

impl Localizer for LocalFlow {
    fn config(&self, scoring: ScoreConfig) -> LocalizeConfig {
        LocalizeConfig { scoring, kind: MapKind::Deviation }
    }

    fn localize(
        &self,
        image: DecodedImage,
        scoring: &Scoring<'_>,
        kind: MapKind,
    ) -> Result<Localization, Error> {
        if kind != MapKind::Deviation {
            let (name, expected) = ("map", "deviation for this method");
            return Err(Error::Config { name, expected, found: "gradient".to_owned() });
        }
        let DecodedImage { image, seen } = image;
        let judged = self.judge_image(scoring.runtime, &seen);
        let values: Vec<f32> = judged.values.iter().map(|value| *value as f32).collect();
        let grid = AnomalyMap::new(judged.width, values);
        let (width, height) = (grid.width() * PLACE, grid.height() * PLACE);
        let map = grid.resized(width, height).blurred(SIGMA);
        let map = map.resized(image.width() as usize, image.height() as usize);
        let map = match seen.ignored {
            Some(ignored) => map.without(ignored),
            None => map,
        };
        let (hash, score) = (seen.hash, judged.score);
        let verdict = scoring.header.thresholds().verdict(score);
        Ok(Localization { hash, image, score, verdict, map })
    }
}

/// The flow in the model file `path`, which `header` describes.
pub(crate) fn load(
    path: &Path,
    header: &Header,
    own: &LocalFlowConfig,
    runtime: &Runtime,
) -> Result<Box<dyn Scorer>, Error> {
    let not_a_model = |reason: String| Error::NotAModel { path: path.to_path_buf(), reason };
    let (flows, auxiliary) = Flows::load(path, &runtime.device).map_err(Error::model(path))?;
    if flows.count() != 1 {
        return Err(not_a_model("it holds more than one flow".into()));
    }
    let config = flows.config();
    let components = config.features;
    let channels = place_channels(&own.stages);
    let described = own.flow_config(components) == config && components <= own.components;
    if !described || header.feature_means.len() != components {
        return Err(not_a_model("its settings do not describe its flow".into()));
    }
    let table = |name: &str, shape: &[usize]| {
        let found = auxiliary.iter().find(|table| table.name == name && table.shape == shape);
        let missing = || not_a_model(format!("it lacks the table {name}"));
        found.map(|table| table.values.clone()).ok_or_else(missing)
    };
    let whitening = Whitening {
        matrix: table(MATRIX, &[components, channels])?,
        offset: table(OFFSET, &[components])?,
    };
    let whitener = Whitener::new(&whitening, channels);
    Ok(Box::new(LocalFlow { pixels: own.pixels, stages: own.stages.clone(), whitener, flows }))
}
