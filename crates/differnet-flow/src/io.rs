//! Flows as tensors by name, and the model's safetensors file.
//!
//! Names and layout are those of a PyTorch module: `blocks.{k}.permutation` (`i64`),
//! `blocks.{k}.net1.{layer}.weight` (`f32`, `[outputs, inputs]`) and `….bias`; `net1` reads the
//! first half of the features and moves the second, `net2` the other way round.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use differnet_files::{
    Dtype, FileError, NamedTensor, SafeTensors, TensorSource, TensorSpec, TensorValues,
};

use crate::auxiliary::{self, AuxiliaryTensor};
use crate::coupling::CouplingBlock;
use crate::error::FlowError;
use crate::flow::{Flow, FlowConfig};
use crate::flow_file::{FURTHER, load_flows, save_flows, write_all};
use crate::permutation::{Permutation, first_fault};
use crate::subnet::{Subnet, linear};

/// Metadata key under which a flow's file keeps its [`FlowConfig`], as JSON.
pub(crate) const CONFIG_KEY: &str = "differnet_flow.config";

impl FlowConfig {
    /// This configuration as a file's metadata keep it.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers serialise")
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
    /// Every tensor of the flow, in the order of its file; names start with `prefix`.
    ///
    /// A tensor is copied to the host when the iterator comes to it.
    pub fn tensors<'a>(&'a self, prefix: &str) -> impl Iterator<Item = NamedTensor<'a>> + use<'a> {
        let permutations = self.blocks.iter().map(|block| {
            TensorValues::I64(Cow::Owned(block.permutation.to_indices())) //
        });
        let parameters = self.parameters();
        let parameters =
            parameters.map(|parameter| TensorValues::F32(Cow::Owned(parameter.into_values())));
        let specs = self.config().tensors(prefix).into_iter();
        specs
            .zip(permutations.chain(parameters))
            .map(|(TensorSpec { name, shape, .. }, values)| NamedTensor { name, shape, values })
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

    /// Writes the flow and `auxiliary` tensors as a safetensors file; the flow's configuration and a
    /// checksum join `metadata`.
    ///
    /// # Errors
    /// The first of `out`.
    pub fn write(
        &self,
        metadata: &BTreeMap<String, String>,
        auxiliary: &[AuxiliaryTensor],
        out: &mut impl Write,
    ) -> io::Result<()> {
        write_all(std::slice::from_ref(self), metadata, auxiliary, out)
    }

    /// Writes the flow to `path` as [`write`](Self::write) does; a complete file or none.
    ///
    /// # Errors
    /// [`FileError::Io`] if the file cannot be written.
    pub fn save(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
        auxiliary: &[AuxiliaryTensor],
    ) -> Result<(), FlowError> {
        save_flows(std::slice::from_ref(self), path, metadata, auxiliary)
    }

    /// The flow stored at `path` by [`save`](Self::save), and its auxiliary tensors sorted by name;
    /// see [`read_metadata`](differnet_files::read_metadata) for the metadata.
    ///
    /// # Errors
    /// As [`from_safetensors`](Self::from_safetensors); besides, if the file cannot be read, has no
    /// configuration, or does not match its checksum.
    pub fn load(path: &Path, device: &Device) -> Result<(Self, Vec<AuxiliaryTensor>), FlowError> {
        let (mut flows, auxiliary) = load_flows(path, device)?;
        match (flows.pop(), flows.is_empty()) {
            (Some(flow), true) => Ok((flow, auxiliary)),
            _ => Err(FileError::UnexpectedTensor { name: format!("{FURTHER}1.") }.into()),
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

/// The configuration kept in a flow's `metadata`.
pub(crate) fn config_from(
    metadata: &BTreeMap<String, String>,
    key: &str,
) -> Result<FlowConfig, FileError> {
    let Some(value) = metadata.get(key) else {
        return Err(FileError::MissingMetadata { key: key.to_owned() });
    };
    serde_json::from_str(value).map_err(|_| {
        let expected = "a flow's configuration";
        FileError::Metadata { key: key.to_owned(), value: value.clone(), expected }
    })
}

/// Tells whether `source` has no tensors under `prefix` besides `specs`, what others keep there aside.
pub(crate) fn check_names(
    source: &impl TensorSource,
    prefix: &str,
    specs: &[TensorSpec],
) -> Result<(), FileError> {
    let known: BTreeSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let stranger = |name: &String| {
        let other = auxiliary::is_name(name) || (prefix.is_empty() && name.starts_with(FURTHER));
        name.starts_with(prefix) && !other && !known.contains(name.as_str())
    };
    match source.names().into_iter().find(stranger) {
        Some(name) => Err(FileError::UnexpectedTensor { name }),
        None => Ok(()),
    }
}

/// The indices of a permutation.
pub(crate) fn read_indices(
    source: &mut impl TensorSource,
    spec: &TensorSpec,
) -> Result<Vec<i64>, FlowError> {
    let indices = source.integers(&spec.name, &spec.shape)?;
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
) -> Result<Linear, FileError> {
    let mut next = || specs.next().expect("there is a weight and a bias for every layer");
    let spec = next();
    let weight = source.floats(&spec.name, &spec.shape)?; // [outputs, inputs]
    let weight = transposed(&weight, spec.shape[1]); // [inputs, outputs]
    let spec = next();
    let bias = source.floats(&spec.name, &spec.shape)?;
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
