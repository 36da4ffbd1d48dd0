//! Flows for scoring on the host processor, whose weights stay in the file that they came from.

use std::borrow::Cow;
use std::path::Path;

use burn::tensor::Device;
use differnet_files::{FileError, Floats, MappedTensors, NamedTensor, TensorSpec, TensorValues};
use rayon::prelude::*;

use crate::auxiliary::AuxiliaryTensor;
use crate::coupling::CouplingBlock;
use crate::error::FlowError;
use crate::flow::{Flow, FlowConfig};
use crate::flow_file::{self, StoredFlow};
use crate::host::{HostBlockWeights, HostLayer};
use crate::input::{FlowInput, Widths};
use crate::io::{check_names, read_indices, transposed};
use crate::permutation::Permutation;
use crate::rng::{self, Purpose};
use crate::subnet::{Subnet, linear};

/// Rows that go through the flow at once: their activations stay in a core's second-level cache.
const ROWS: usize = 64;
/// Fewer rows are not worth reading all weights for on another core: cores share the layers instead.
const LEAST_ROWS: usize = 16;

/// A [`Flow`] that computes latents on the host processor without tensors.
///
/// It gives what [`Flow::forward`] gives up to rounding, several times faster, and a row has the same
/// bits alone and among others. Without a condition it reads weights where they lie, and is made for
/// a few rows; with one it is made for many: it arranges a copy of the weights.
#[derive(Debug)]
pub struct HostFlow {
    config: FlowConfig,
    blocks: Vec<HostBlockWeights>,
}

/// Latents of a [`HostFlow`].
#[derive(Debug, Clone, PartialEq)]
pub struct HostLatents {
    /// `[rows, features]`, row by row.
    pub z: Vec<f32>,
    /// `log|det ∂z/∂y|` of each row, `[rows]`
    pub log_det: Vec<f64>,
}

/// Permutation and weights of a coupling block.
#[derive(Debug, Clone)]
pub struct BlockWeights<'a> {
    /// The features in the order in which they are split into halves.
    pub permutation: &'a [usize],
    /// Layers that read the first half and move the second.
    pub net1: Vec<LayerWeights<'a>>,
    /// Layers that read the moved second half and move the first.
    pub net2: Vec<LayerWeights<'a>>,
}

/// Weights of a fully connected layer.
#[derive(Debug, Clone, Copy)]
pub struct LayerWeights<'a> {
    /// `[outputs, inputs]`; of a subnetwork's first layer the condition's inputs come last.
    pub weight: &'a [f32],
    /// `[outputs]`
    pub bias: &'a [f32],
}

impl HostLatents {
    /// Energy `‖z‖²/2` of each row, in nats: `−log p_Z(z)` without its constant (Eq. 5).
    pub fn energy(&self) -> Vec<f64> {
        let square = |z: &f32| f64::from(*z) * f64::from(*z);
        let features = self.z.len().checked_div(self.log_det.len()).unwrap_or(1);
        let rows = self.z.chunks_exact(features);
        rows.map(|z| z.iter().map(square).sum::<f64>() / 2.0).collect()
    }

    /// Negative log-likelihood of each row, in nats, as [`nll`](crate::nll) computes it (Eq. 4).
    pub fn nll(&self) -> Vec<f64> {
        let rows = self.energy().into_iter().zip(&self.log_det);
        rows.map(|(energy, log_det)| energy - log_det).collect()
    }
}

impl HostFlow {
    /// A copy of `flow`.
    pub fn of(flow: &Flow) -> Self {
        let config = flow.config();
        let mut next = flow.parameters().map(|parameter| Floats::from(parameter.into_values()));
        let mut next = || next.next().expect("a weight and a bias for every layer");
        let mut subnet = || -> Vec<HostLayer> {
            (0..=config.hidden_layers).map(|_| layer(&config, next(), next())).collect()
        };
        let blocks = flow.blocks.iter().map(|block| HostBlockWeights {
            permutation: indices(block.permutation.to_indices()),
            net1: subnet(),
            net2: subnet(),
        });
        Self { blocks: blocks.collect(), config }
    }

    /// The flows stored at `path` by [`save_flows`](crate::save_flows), and their auxiliary tensors
    /// sorted by name. Weights are not copied: the file is mapped.
    ///
    /// # Errors
    /// As [`load_flows`](crate::load_flows).
    pub fn load_all(path: &Path) -> Result<(Vec<Self>, Vec<AuxiliaryTensor>), FlowError> {
        let mut file = MappedTensors::open(path)?;
        let metadata = file.metadata();
        let stored = flow_file::read_flows(&mut file, &metadata, Self::read)?;
        file.verify()?;
        Ok((stored.flows, stored.auxiliary))
    }

    fn read(
        file: &mut MappedTensors,
        prefix: &str,
        config: &FlowConfig,
    ) -> Result<Self, FlowError> {
        config.validate()?;
        let specs = config.tensors(prefix);
        check_names(file, prefix, &specs)?;
        let (permutations, parameters) = specs.split_at(config.blocks);
        let mut parameters = parameters.iter();
        let mut subnet = |file: &MappedTensors| -> Result<Vec<HostLayer>, FileError> {
            let mut next = || file.mapped(parameters.next().expect("a weight and a bias a layer"));
            let layers = (0..=config.hidden_layers).map(|_| Ok(layer(config, next()?, next()?)));
            layers.collect()
        };
        let mut blocks = Vec::with_capacity(config.blocks);
        for spec in permutations {
            blocks.push(HostBlockWeights {
                permutation: indices(read_indices(file, spec)?),
                net1: subnet(file)?,
                net2: subnet(file)?,
            });
        }
        Ok(Self { blocks, config: config.clone() })
    }

    /// The latents of the rows of `input`, and their log-determinants.
    ///
    /// # Panics
    /// If `input` does not have the flow's widths.
    pub fn latents<'a>(&self, input: impl Into<FlowInput<'a>>) -> HostLatents {
        let input = input.into();
        let parts = self.by_chunks(input, |few| self.latents_of_few(few));
        let mut latents =
            HostLatents { z: Vec::with_capacity(input.rows.len()), log_det: Vec::new() };
        for part in parts {
            latents.z.extend(part.z);
            latents.log_det.extend(part.log_det);
        }
        latents
    }

    /// The features, `[rows, features]`, whose latents are the rows of `input`, each given its condition.
    ///
    /// # Panics
    /// If `input` does not have the flow's widths.
    pub fn inverse<'a>(&self, input: impl Into<FlowInput<'a>>) -> Vec<f32> {
        let alpha = self.config.clamp as f32;
        let features_of_few = |few: FlowInput<'_>| {
            let rows = self.widths().rows_of(few);
            let back = |z: Vec<f32>, block: &HostBlockWeights| {
                block.inverse(&z, few.condition, rows, alpha) //
            };
            self.blocks.iter().rev().fold(few.rows.to_vec(), back)
        };
        self.by_chunks(input.into(), features_of_few).concat()
    }

    /// `rows` draws from the learned density, `[rows, features]`, the `condition` of each given row by
    /// row; empty where the flow has none.
    ///
    /// The latents drawn from `seed` are those of [`Flow::sample`].
    ///
    /// # Panics
    /// If `condition` does not have the flow's width and a row for each draw.
    pub fn sample(&self, rows: usize, condition: &[f32], seed: u64) -> Vec<f32> {
        let z = rng::stream(seed, Purpose::Sample, 0).normal(rows * self.features());
        self.inverse(FlowInput { rows: &z, condition })
    }

    /// `work` on the rows of `input`, as many at a time as go through the flow at once.
    fn by_chunks<T: Send>(
        &self,
        input: FlowInput<'_>,
        work: impl Fn(FlowInput<'_>) -> T + Sync + Send,
    ) -> Vec<T> {
        let widths = self.widths();
        let share = widths.rows_of(input).div_ceil(rayon::current_num_threads());
        let chunks: Vec<_> = widths.chunks(input, share.clamp(LEAST_ROWS, ROWS)).collect();
        chunks.into_par_iter().map(work).collect()
    }

    /// [`Self::latents`] of rows that go through the flow at once.
    fn latents_of_few(&self, input: FlowInput<'_>) -> HostLatents {
        let mut z = input.rows.to_vec(); // [rows, features]
        let mut log_det = vec![0.0; self.widths().rows_of(input)];
        for block in &self.blocks {
            z = block.forward(&z, input.condition, &mut log_det, self.config.clamp as f32);
        }
        HostLatents { z, log_det }
    }

    /// The same flow as tensors on `device`, for everything else that a flow can do.
    pub fn to_flow(&self, device: &Device) -> Flow {
        let subnet = |layers: &[HostLayer]| {
            let layers = layers.iter().map(|layer| {
                let (weight, bias) = (layer.weight(), layer.bias());
                let inputs = weight.len() / bias.len();
                linear(transposed(weight, inputs), bias.to_vec(), device)
            });
            Subnet { layers: layers.collect() }
        };
        let blocks = self.blocks.iter().map(|block| CouplingBlock {
            permutation: Permutation::from_indices(block.indices(), device),
            net1: subnet(&block.net1),
            net2: subnet(&block.net2),
            clamp: self.config.clamp,
        });
        Flow::from_blocks(blocks.collect(), &self.config)
    }

    /// The permutation and the weights of each block, from the features on.
    pub fn blocks(&self) -> impl Iterator<Item = BlockWeights<'_>> {
        self.blocks.iter().map(|block| BlockWeights {
            permutation: &block.permutation,
            net1: weights_of(&block.net1),
            net2: weights_of(&block.net2),
        })
    }

    /// Width of the feature vector.
    pub fn features(&self) -> usize {
        self.config.features
    }

    fn widths(&self) -> Widths {
        self.config.widths()
    }

    /// The hyperparameters that describe this flow.
    pub fn config(&self) -> FlowConfig {
        self.config.clone()
    }
}

impl StoredFlow for HostFlow {
    fn config(&self) -> FlowConfig {
        self.config.clone()
    }

    fn tensors(&self, prefix: &str) -> Box<dyn Iterator<Item = NamedTensor<'_>> + '_> {
        let permutations =
            self.blocks.iter().map(|block| TensorValues::I64(Cow::Owned(block.indices())));
        let layers = self.blocks.iter().flat_map(|block| block.net1.iter().chain(&block.net2));
        let parameters = layers.flat_map(|layer| [layer.weight(), layer.bias()]);
        let parameters = parameters.map(|values| TensorValues::F32(Cow::Borrowed(&**values)));
        let specs = self.config.tensors(prefix).into_iter();
        Box::new(
            specs.zip(permutations.chain(parameters)).map(
                |(TensorSpec { name, shape, .. }, values)| NamedTensor { name, shape, values },
            ),
        )
    }
}

fn weights_of(net: &[HostLayer]) -> Vec<LayerWeights<'_>> {
    net.iter().map(|layer| LayerWeights { weight: layer.weight(), bias: layer.bias() }).collect()
}

/// A layer of a flow with this configuration.
fn layer(config: &FlowConfig, weight: Floats, bias: Floats) -> HostLayer {
    // The rows of a flow with a condition are many: every place of an image. Those of one without
    // are few, and its weights may not fit into memory twice.
    match config.condition {
        0 => HostLayer::in_place(weight, bias),
        _ => HostLayer::packed(weight, bias),
    }
}

fn indices(indices: Vec<i64>) -> Vec<usize> {
    indices.into_iter().map(|index| index as usize).collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Tensor, TensorData, Tolerance};

    use super::*;

    /// A flow with weights large enough for the clamp to matter, and rows.
    fn flow_and_rows(features: usize, hidden: usize, rows: usize) -> (Flow, Vec<f32>) {
        let config = FlowConfig::new(features).with_blocks(3).with_hidden(hidden);
        let rows = (0..rows * features).map(|index| 2.0 * (index as f32 * 0.7).sin()).collect();
        (config.init(1, &Device::flex()), rows)
    }

    #[test]
    fn latents_are_those_of_the_tensors() {
        // Widths that no block of the kernel divides; more rows than go through at once.
        for (features, hidden, rows) in [(7, 33, 70), (2, 1, 1), (300, 64, 5)] {
            let (flow, values) = flow_and_rows(features, hidden, rows);
            let found = HostFlow::of(&flow).latents(&values);
            let y = Tensor::from_data(TensorData::new(values, [rows, features]), &Device::flex());
            let expected = flow.forward(y);
            let z = TensorData::new(found.z, [rows, features]);
            z.assert_approx_eq::<f32>(&expected.z.into_data(), Tolerance::absolute(1e-5));
            let log_det: Vec<f32> = found.log_det.iter().map(|value| *value as f32).collect();
            let log_det = TensorData::new(log_det, [rows]);
            log_det
                .assert_approx_eq::<f32>(&expected.log_det.into_data(), Tolerance::absolute(1e-4));
        }
    }

    #[test]
    fn a_row_has_the_same_bits_alone_and_in_the_file() {
        let (flow, rows) = flow_and_rows(9, 20, 67);
        let host = HostFlow::of(&flow);
        let together = host.latents(&rows);
        for (index, row) in rows.chunks(9).enumerate() {
            let alone = host.latents(row);
            assert_eq!(alone.z, together.z[index * 9..][..9]);
            assert_eq!(alone.log_det, together.log_det[index..][..1]);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flow.safetensors");
        flow.save(&path, &Default::default(), &[]).unwrap();
        let (loaded, _) = HostFlow::load_all(&path).unwrap();
        assert!(loaded[0].blocks[0].net1[0].weight().are_mapped());
        assert_eq!(loaded[0].latents(&rows), together);
        // Back to tensors and to a file of its own: the same bytes.
        let bytes = |path: &Path| std::fs::read(path).unwrap();
        let other = folder.path().join("other.safetensors");
        loaded[0].to_flow(&Device::flex()).save(&other, &Default::default(), &[]).unwrap();
        assert_eq!(bytes(&other), bytes(&path));
        flow_file::save_host_flows(&loaded, &other, &Default::default(), &[]).unwrap();
        assert_eq!(bytes(&other), bytes(&path));
    }
}
