//! A flow's parameters as host slices for the time of an update.

use std::mem;
use std::vec;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::block::{HostBlock, HostSubnet};
use crate::flow::Flow;

/// The parameters of a flow, taken out of it. Nothing is copied: the tensors hold the only
/// reference to their memory, unless a caller still keeps an inference copy of the flow.
pub(super) struct Borrowed {
    parameters: Vec<TensorData>,
    structure: Structure,
    device: Device,
}

/// Structure of a flow: everything but its parameters.
pub(super) struct Structure {
    permutations: Vec<Vec<usize>>,
    /// Layers of a subnetwork.
    layers: usize,
    alpha: f32,
}

impl Borrowed {
    /// Leaves `flow` with empty parameters until [`give_back`](Self::give_back).
    pub(super) fn take(flow: &mut Flow) -> Self {
        let config = flow.config();
        let device = flow.device();
        let indices = flow.blocks.iter().map(|block| block.permutation.to_indices());
        let permutations =
            indices.map(|indices| indices.into_iter().map(|index| index as usize).collect());
        let permutations = permutations.collect();
        let mut take = Take { parameters: Vec::new() };
        map_blocks(flow, &mut take);
        let (layers, alpha) = (config.hidden_layers + 1, config.clamp as f32);
        let structure = Structure { permutations, layers, alpha };
        Self { parameters: take.parameters, structure, device }
    }

    /// Structure of the flow, and its parameters as host memory in the flow's order.
    pub(super) fn parts(&mut self) -> (&Structure, Vec<&mut [f32]>) {
        let values = |data| TensorData::as_mut_slice(data).expect("parameters of the CPU are f32");
        (&self.structure, self.parameters.iter_mut().map(values).collect())
    }

    /// Puts the parameters back into the flow they came from.
    pub(super) fn give_back(self, flow: &mut Flow) {
        let mut give = GiveBack { parameters: self.parameters.into_iter(), device: self.device };
        map_blocks(flow, &mut give);
    }
}

impl Structure {
    /// The flow's blocks from its layers, which `next` gives in the flow's order.
    pub(super) fn blocks<L>(&self, mut next: impl FnMut() -> L) -> Vec<HostBlock<'_, L>> {
        let mut subnet = || HostSubnet { layers: (0..self.layers).map(|_| next()).collect() };
        let blocks = self.permutations.iter().map(|permutation| HostBlock {
            permutation,
            net1: subnet(),
            net2: subnet(),
            alpha: self.alpha,
        });
        blocks.collect()
    }
}

fn map_blocks(flow: &mut Flow, mapper: &mut impl ModuleMapper) {
    let blocks = mem::take(&mut flow.blocks);
    flow.blocks = blocks.into_iter().map(|block| block.map(mapper)).collect();
}

struct Take {
    parameters: Vec<TensorData>,
}

impl ModuleMapper for Take {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let empty = Tensor::empty([0; D], &tensor.device());
            self.parameters.push(tensor.into_data());
            empty
        })
    }
}

struct GiveBack {
    parameters: vec::IntoIter<TensorData>,
    device: Device,
}

impl ModuleMapper for GiveBack {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let data = self.parameters.next().expect("as many parameters return as were taken");
        param.map(|_| Tensor::from_data(data, &self.device))
    }
}
