//! Flows as tensors by name, and the model's safetensors file.
//!
//! Names and layout are those of a PyTorch module: `blocks.{k}.permutation` (`i64`),
//! `blocks.{k}.net1.{layer}.weight` (`f32`, `[outputs, inputs]`) and `….bias`; `net1` reads the
//! first half of the features and moves the second, `net2` the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use safetensors::{Dtype, SafeTensors};

use crate::companion::{self, Companion};
use crate::coupling::CouplingBlock;
use crate::error::FlowError;
use crate::flow::{Flow, FlowConfig};
use crate::flow_file::{FURTHER, load_flows, write_all};
use crate::permutation::{Permutation, first_fault};
use crate::subnet::{Subnet, linear};
use crate::tensor_file::{self, TensorFile, TensorSource, TensorSpec};

/// Metadata key under which a flow's file keeps its [`FlowConfig`], as JSON.
pub(crate) const CONFIG_KEY: &str = "differnet_flow.config";

/// One tensor of a flow, on the host.
#[derive(Debug, Clone, Copy)]
pub struct FlowTensor<'a> {
    /// Its name in a file, prefix included.
    pub name: &'a str,
    /// Its shape; weights are `[outputs, inputs]`.
    pub shape: &'a [usize],
    /// Its values, row by row.
    pub values: FlowValues<'a>,
}

/// The values of a [`FlowTensor`].
#[derive(Debug, Clone, Copy)]
pub enum FlowValues<'a> {
    /// A weight or bias.
    Floats(&'a [f32]),
    /// A permutation.
    Integers(&'a [i64]),
}

impl FlowConfig {
    /// `metadata` with this configuration.
    pub(crate) fn added_to(&self, metadata: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut metadata = metadata.clone();
        let config = serde_json::to_string(self).expect("numbers serialise");
        metadata.insert(CONFIG_KEY.into(), config);
        metadata
    }

    /// Every tensor of such a flow, in file order: permutations first, so that all stay aligned.
    pub(crate) fn tensors(&self, prefix: &str) -> Vec<TensorSpec> {
        let mut specs: Vec<TensorSpec> = (0..self.blocks)
            .map(|block| TensorSpec {
                name: format!("{prefix}blocks.{block}.permutation"),
                shape: vec![self.features],
                dtype: Dtype::I64,
            })
            .collect();
        for block in 0..self.blocks {
            for (net, widths) in [("net1", self.net1_widths()), ("net2", self.net2_widths())] {
                for (layer, width) in widths.windows(2).enumerate() {
                    let layer = format!("{prefix}blocks.{block}.{net}.{layer}");
                    specs.push(TensorSpec {
                        name: format!("{layer}.weight"),
                        shape: vec![width[1], width[0]],
                        dtype: Dtype::F32,
                    });
                    specs.push(TensorSpec {
                        name: format!("{layer}.bias"),
                        shape: vec![width[1]],
                        dtype: Dtype::F32,
                    });
                }
            }
        }
        specs
    }
}

impl Flow {
    /// Passes every tensor of the flow to `visit`, one at a time, in the order of its file.
    ///
    /// Names start with `prefix`. Each tensor is copied to the host, and freed after the visit.
    ///
    /// # Errors
    /// The first error that `visit` returns.
    pub fn to_tensors<E>(
        &self,
        prefix: &str,
        mut visit: impl FnMut(FlowTensor<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let specs = self.config().tensors(prefix);
        let (permutations, parameters) = specs.split_at(self.blocks.len());
        for (block, TensorSpec { name, shape, .. }) in self.blocks.iter().zip(permutations) {
            let indices = block.permutation.to_indices();
            visit(FlowTensor { name, shape, values: FlowValues::Integers(&indices) })?;
        }
        for (spec, parameter) in parameters.iter().zip(self.parameters()) {
            let values = parameter.into_values();
            let TensorSpec { name, shape, .. } = spec;
            visit(FlowTensor { name, shape, values: FlowValues::Floats(&values) })?;
        }
        Ok(())
    }

    /// The flow stored in `tensors` under names that start with `prefix`.
    ///
    /// # Errors
    /// A [`FlowError`] that names the tensor: missing, of the wrong shape or element type, with a
    /// value that is not finite, not a permutation, or with `prefix` but no part of the flow.
    pub fn from_safetensors(
        tensors: &SafeTensors<'_>,
        prefix: &str,
        config: &FlowConfig,
        device: &Device,
    ) -> Result<Self, FlowError> {
        Self::from_source(&mut &*tensors, prefix, config, device)
    }

    /// Writes the flow and `companions` as a safetensors file; the flow's configuration and a
    /// checksum join `metadata`.
    ///
    /// # Errors
    /// [`FlowError::Write`] if `out` refuses.
    pub fn write(
        &self,
        metadata: &BTreeMap<String, String>,
        companions: &[Companion],
        out: &mut impl Write,
    ) -> Result<(), FlowError> {
        write_all(std::slice::from_ref(self), metadata, companions, out)
    }

    /// Writes the flow to `path` as [`write`](Self::write) does; a complete file or none.
    ///
    /// # Errors
    /// [`FlowError::Io`] if the file cannot be written.
    pub fn save(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
        companions: &[Companion],
    ) -> Result<(), FlowError> {
        tensor_file::replace(path, |out| self.write(metadata, companions, out))
    }

    /// The flow stored at `path` by [`save`](Self::save), and its companions sorted by name; see
    /// [`read_metadata`] for the metadata.
    ///
    /// # Errors
    /// As [`from_safetensors`](Self::from_safetensors); besides, if the file cannot be read, has no
    /// configuration, or does not match its checksum.
    pub fn load(path: &Path, device: &Device) -> Result<(Self, Vec<Companion>), FlowError> {
        let (mut flows, companions) = load_flows(path, device)?;
        match (flows.pop(), flows.is_empty()) {
            (Some(flow), true) => Ok((flow, companions)),
            _ => Err(FlowError::UnexpectedTensor { name: format!("{FURTHER}1.") }),
        }
    }

    pub(crate) fn from_source(
        source: &mut impl TensorSource,
        prefix: &str,
        config: &FlowConfig,
        device: &Device,
    ) -> Result<Self, FlowError> {
        config.validate()?;
        let specs = config.tensors(prefix);
        check_names(source, prefix, &specs)?;
        let (permutations, parameters) = specs.split_at(config.blocks);
        let layers = config.hidden_layers + 1;
        let mut parameters = parameters.iter();
        let mut subnet = |source: &mut _| -> Result<Subnet, FlowError> {
            let layers = (0..layers).map(|_| read_linear(source, &mut parameters, device));
            Ok(Subnet { layers: layers.collect::<Result<_, _>>()? })
        };
        let mut blocks = Vec::with_capacity(config.blocks);
        for spec in permutations {
            blocks.push(CouplingBlock {
                permutation: Permutation::from_indices(read_indices(source, spec)?, device),
                net1: subnet(source)?,
                net2: subnet(source)?,
                clamp: config.clamp,
            });
        }
        Ok(Flow::from_blocks(blocks, config))
    }

    /// Every weight and bias, in file order.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = Parameter> {
        let subnets = self.blocks.iter().flat_map(|block| [&block.net1, &block.net2]);
        subnets.flat_map(|subnet| &subnet.layers).flat_map(|layer| {
            let bias = layer.bias.as_ref().expect("every layer of a subnetwork has a bias");
            [Parameter::Weight(layer.weight.val()), Parameter::Bias(bias.val())]
        })
    }
}

/// A trained parameter as the device holds it.
pub(crate) enum Parameter {
    /// `[inputs, outputs]`
    Weight(Tensor<2>),
    /// `[outputs]`
    Bias(Tensor<1>),
}

impl Parameter {
    /// The values in the file's layout: weights as `[outputs, inputs]`.
    pub(crate) fn into_values(self) -> Vec<f32> {
        let data = match self {
            Self::Weight(weight) => weight.inner().transpose().into_data(), // [outputs, inputs]
            Self::Bias(bias) => bias.inner().into_data(),                   // [outputs]
        };
        data.convert::<f32>().try_into_vec().expect("the data were just converted to f32")
    }
}

/// The metadata of the safetensors file at `path`.
///
/// # Errors
/// If the file cannot be read or its header is malformed.
pub fn read_metadata(path: &Path) -> Result<BTreeMap<String, String>, FlowError> {
    Ok(TensorFile::open(path)?.metadata())
}

/// The configuration kept in a flow's `metadata`.
pub(crate) fn config_from(metadata: &BTreeMap<String, String>) -> Result<FlowConfig, FlowError> {
    let key = CONFIG_KEY.to_string();
    let Some(value) = metadata.get(CONFIG_KEY) else {
        return Err(FlowError::MissingMetadata { key });
    };
    serde_json::from_str(value).map_err(|_| {
        let expected = "a flow's configuration";
        FlowError::Metadata { key, value: value.clone(), expected }
    })
}

/// Whether `source` has no tensors under `prefix` besides `specs`, what others keep there aside.
pub(crate) fn check_names(
    source: &impl TensorSource,
    prefix: &str,
    specs: &[TensorSpec],
) -> Result<(), FlowError> {
    let known: BTreeSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let stranger = |name: &String| {
        let other = companion::is_name(name) || (prefix.is_empty() && name.starts_with(FURTHER));
        name.starts_with(prefix) && !other && !known.contains(name.as_str())
    };
    match source.names().into_iter().find(stranger) {
        Some(name) => Err(FlowError::UnexpectedTensor { name }),
        None => Ok(()),
    }
}

/// The indices of a permutation.
pub(crate) fn read_indices(
    source: &mut impl TensorSource,
    spec: &TensorSpec,
) -> Result<Vec<i64>, FlowError> {
    let indices = source.integers(spec)?;
    if let Some(position) = first_fault(&indices) {
        let (name, index) = (spec.name.clone(), indices[position]);
        return Err(FlowError::NotAPermutation { name, position, index });
    }
    Ok(indices)
}

fn read_linear<'a>(
    source: &mut impl TensorSource,
    specs: &mut impl Iterator<Item = &'a TensorSpec>,
    device: &Device,
) -> Result<Linear, FlowError> {
    let mut next = || specs.next().expect("there is a weight and a bias for every layer");
    let spec = next();
    let weight = transposed(&source.floats(spec)?, spec.shape[1]); // [inputs, outputs]
    let bias = source.floats(next())?;
    Ok(linear(weight, bias, device))
}

/// The transpose of `matrix`, whose rows are `width` long.
pub(crate) fn transposed(matrix: &[f32], width: usize) -> Vec<f32> {
    let height = matrix.len() / width;
    let mut result = vec![0.0; matrix.len()];
    // Tiles keep both sides within the cache.
    const TILE: usize = 32;
    for row in (0..height).step_by(TILE) {
        for column in (0..width).step_by(TILE) {
            for i in row..height.min(row + TILE) {
                for j in column..width.min(column + TILE) {
                    result[j * height + i] = matrix[i * width + j];
                }
            }
        }
    }
    result
}
