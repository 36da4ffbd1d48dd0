//! A flow of local features as a model scores with it: score and map from the same pass.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use differnet_baselines::Whitening;
use differnet_data::{ImageError, ImageInput, SeenImage};
use differnet_features::{PlaceExtractor, efficientnet_lite_id};
use differnet_flow::{
    AuxiliaryTensor, Flow, FlowInput, HostFlow, load_flows, save_flows, save_host_flows,
};
use differnet_matmul::{PackedMatrix, Strided, Sums, multiply};
use differnet_scoring::AnomalyMap;
use rayon::prelude::*;

use super::LocalFlowConfig;
use super::config::POSITION;
use super::input::{STRIDE, SeenPlaces, positions, seen_places};
use super::top::{smoothed, top_mean};
use crate::error::Error;
use crate::header::Header;
use crate::localization::{DecodedImage, Localization, LocalizeConfig, Localizer, MapKind};
use crate::runtime::Runtime;
use crate::score::{ImageScore, ScoreConfig};
use crate::scorer::{Scorer, Scoring};

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
    flow: FlowOn,
}

/// A flow in the form in which its device computes fastest.
#[derive(Debug)]
enum FlowOn {
    Host(Box<HostFlow>),
    Device(Box<Flow>, burn::tensor::Device),
}

/// What is said of the places of one image.
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
        let flow = if HostFlow::serves(&runtime.device) {
            FlowOn::Host(Box::new(HostFlow::of(&flow)))
        } else {
            FlowOn::Device(Box::new(flow), runtime.device.clone())
        };
        Self { pixels: own.pixels, stages: own.stages.clone(), whitener, flow }
    }

    /// Name of the network and of what is looked at of it.
    pub(super) fn extractor_id(&self) -> String {
        efficientnet_lite_id()
    }

    /// What the model says of the places of an image.
    pub(super) fn judge(&self, extractor: &PlaceExtractor, seen: &SeenImage) -> Judged {
        let SeenPlaces { places, counts } = seen_places(extractor, seen, self.pixels, &self.stages);
        let rows = self.whitener.apply(&places.values);
        let condition = positions(places.height, places.width);
        let energy = self.energy(&rows, &condition);
        let values = smoothed(&energy, &counts, places.width);
        let score = top_mean(&values, &counts);
        let mean = mean_of(&rows, &counts, self.whitener.components());
        Judged { score, values, width: places.width, mean }
    }

    /// ‖z‖²/2 of each place, nats.
    fn energy(&self, rows: &[f32], condition: &[f32]) -> Vec<f64> {
        match &self.flow {
            FlowOn::Host(flow) => flow.latents(FlowInput { rows, condition }).energy(),
            FlowOn::Device(flow, device) => {
                let count = condition.len() / POSITION;
                let tensor = |values: &[f32]| {
                    let shape = [count, values.len() / count];
                    Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), device)
                };
                let latents = flow.given(tensor(condition)).forward(tensor(rows));
                let energy = latents.z.square().sum_dim(1).div_scalar(2.0); // [places, 1]
                energy.into_data().iter::<f64>().collect()
            }
        }
    }
}

/// The mean of the rows `[rows, components]` that count.
fn mean_of(rows: &[f32], counts: &[bool], components: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; components];
    let mut count = 0_usize;
    for (row, _) in rows.chunks_exact(components).zip(counts).filter(|(_, counts)| **counts) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        count += 1;
    }
    sums.iter().map(|sum| (sum / count.max(1) as f64) as f32).collect()
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
        let score = |seen: Result<SeenImage, ImageError>| {
            let seen = match seen {
                Ok(seen) => seen,
                Err(error) => return Ok(Err(error)),
            };
            let Judged { score, mean, .. } = self.judge(runtime.place_extractor(), &seen);
            let judged = config.judge(seen.hash, vec![score], &header.thresholds())?;
            Ok(Ok(ImageScore { mean_features: mean, ..judged }))
        };
        seen.into_iter().map(score).collect()
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
        let saved = match &self.flow {
            FlowOn::Host(flow) => {
                save_host_flows(std::slice::from_ref(&**flow), path, metadata, &auxiliary)
            }
            FlowOn::Device(flow, _) => {
                save_flows(std::slice::from_ref(&**flow), path, metadata, &auxiliary)
            }
        };
        saved.map_err(Error::model(path))
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
        let judged = self.judge(scoring.runtime.place_extractor(), &seen);
        let values: Vec<f32> = judged.values.iter().map(|value| *value as f32).collect();
        let grid = AnomalyMap::new(judged.width, values);
        let (width, height) = (grid.width() * STRIDE, grid.height() * STRIDE);
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
    let (flow, config, auxiliary) = if HostFlow::serves(&runtime.device) {
        let (mut flows, auxiliary) = HostFlow::load_all(path).map_err(Error::model(path))?;
        let flow = flows.pop().filter(|_| flows.is_empty());
        let flow = flow.ok_or_else(|| not_a_model("it holds more than one flow".into()))?;
        let config = flow.config();
        (FlowOn::Host(Box::new(flow)), config, auxiliary)
    } else {
        let device = runtime.device.clone();
        let (mut flows, auxiliary) = load_flows(path, &device).map_err(Error::model(path))?;
        let flow = flows.pop().filter(|_| flows.is_empty());
        let flow = flow.ok_or_else(|| not_a_model("it holds more than one flow".into()))?;
        let config = flow.config();
        (FlowOn::Device(Box::new(flow), device), config, auxiliary)
    };
    let components = config.features;
    let channels = differnet_features::place_channels(&own.stages);
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
    Ok(Box::new(LocalFlow { pixels: own.pixels, stages: own.stages.clone(), whitener, flow }))
}
