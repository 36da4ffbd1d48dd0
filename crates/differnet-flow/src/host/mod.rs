//! One update on the CPU with a backward pass written by hand (Section 3.1.2).
//!
//! Automatic differentiation keeps every gradient until the last is known and then walks over all
//! weights again. Here each tile of a weight is updated as soon as its gradient is known, while
//! both are still in the processor's cache: less than half the memory traffic, and no gradients to
//! store. The tensor operations of [`crate::tensor_step`] are the reference it is tested against.

mod affine;
mod buffers;
mod dense;
mod dots;
mod elementary;
mod parameters;
mod scoring;

use buffers::Buffer;
use dense::{Activation, Backward, Dense, Trained};
use parameters::Borrowed;

use burn::tensor::Device;

pub(crate) use buffers::Buffers;
pub(crate) use dense::HostMoments;
pub(crate) use scoring::{HostBlockWeights, HostLayer};

use crate::adam::Update;
use crate::error::TrainError;
use crate::flow::Flow;
use crate::io::transposed;

/// Whether tensors of `device` are host memory that can be updated in place: Burn's `flex` backend.
///
/// Only the binaries enable a backend, so `Device::flex` cannot be named here; the device's debug
/// name can. A device missed by this still works, by tensor operations.
pub(crate) fn is_host(device: &Device) -> bool {
    format!("{:?}", device.clone().inner()).contains("Flex")
}

/// One Adam update of `flow` on `rows`, `[batch, features]`; returns the loss of before.
///
/// Moments are in the flow's order. A loss that is not finite changes nothing.
pub(crate) fn step(
    flow: &mut Flow,
    moments: &mut [HostMoments],
    rows: &[f32],
    update: Update,
    step: u64,
    buffers: &Buffers,
) -> Result<f64, TrainError> {
    let features = flow.features();
    let mut borrowed = Borrowed::take(flow);
    let mut blocks = borrowed.blocks(moments);
    // One visit to the thread pool, instead of one for every layer.
    let result =
        rayon::scope(|_| update_blocks(&mut blocks, rows, features, update, step, buffers));
    drop(blocks);
    borrowed.give_back(flow);
    result
}

/// A fully connected network borrowed for one update.
struct HostSubnet<'a> {
    layers: Vec<Dense<'a>>,
}

/// A coupling block borrowed for one update.
struct HostBlock<'a> {
    permutation: Vec<usize>,
    net1: HostSubnet<'a>,
    net2: HostSubnet<'a>,
    alpha: f32,
}

/// What the backward pass needs to know of a block's forward pass; all `[…, batch]`.
struct Tape<'a> {
    /// The permuted input, before either half moved.
    permuted: Buffer<'a>,
    /// Outputs of each layer of the subnetworks.
    layers1: Vec<Buffer<'a>>,
    layers2: Vec<Buffer<'a>>,
    moved1: affine::Moved<'a>,
    moved2: affine::Moved<'a>,
    output: Buffer<'a>,
}

fn update_blocks(
    blocks: &mut [HostBlock<'_>],
    rows: &[f32],
    features: usize,
    update: Update,
    step: u64,
    buffers: &Buffers,
) -> Result<f64, TrainError> {
    let batch = rows.len() / features;
    let input = transposed(rows, features); // [features, batch]
    let mut tapes: Vec<Tape<'_>> = Vec::with_capacity(blocks.len());
    for block in &*blocks {
        let y = tapes.last().map_or(&input[..], |tape| &tape.output);
        tapes.push(block.forward(y, batch, buffers));
    }
    let z = &tapes.last().expect("a flow has at least one block").output; // [features, batch]
    let log_det: f64 = tapes.iter().map(|tape| tape.moved1.log_det + tape.moved2.log_det).sum();
    // Eq. 4, averaged over batch and features.
    let scale = 1.0 / (batch * features) as f64;
    let half_norms: f64 =
        z.chunks(batch).map(|row| f64::from(row.iter().map(|z| z * z).sum::<f32>()) / 2.0).sum();
    let loss = (half_norms - log_det) * scale;
    if !loss.is_finite() {
        return Err(TrainError::NonFiniteLoss { step });
    }
    let mut gradient = buffers.take(z.len());
    gradient.iter_mut().zip(&z[..]).for_each(|(gradient, z)| *gradient = z * scale as f32);
    let mut finite = true;
    for (block, tape) in blocks.iter_mut().zip(&tapes).rev() {
        let Backward { d_input, finite: updated } =
            block.backward(tape, gradient, batch, scale as f32, update, buffers);
        gradient = d_input;
        finite &= updated;
    }
    if finite { Ok(loss) } else { Err(TrainError::NonFiniteGradient { step }) }
}

impl HostBlock<'_> {
    /// What [`CouplingBlock::forward`](crate::coupling::CouplingBlock::forward) computes, and how.
    fn forward<'a>(&self, y: &[f32], batch: usize, buffers: &'a Buffers) -> Tape<'a> {
        let mut permuted = buffers.take(y.len()); // [features, batch]
        for (row, &feature) in permuted.chunks_exact_mut(batch).zip(&self.permutation) {
            row.copy_from_slice(&y[feature * batch..][..batch]);
        }
        let mut output = buffers.take(y.len());
        output.copy_from_slice(&permuted);
        let (half1, half2) = output.split_at_mut(self.permutation.len() / 2 * batch);
        let layers1 = self.net1.forward(half1, batch, buffers);
        let moved1 = affine::forward(half2, &layers1[layers1.len() - 1], self.alpha, buffers);
        let layers2 = self.net2.forward(half2, batch, buffers);
        let moved2 = affine::forward(half1, &layers2[layers2.len() - 1], self.alpha, buffers);
        Tape { permuted, layers1, layers2, moved1, moved2, output }
    }

    /// Updates both subnetworks; `gradient` is the loss's to the block's output.
    fn backward<'a>(
        &mut self,
        tape: &Tape<'_>,
        mut gradient: Buffer<'_>,
        batch: usize,
        weight: f32,
        update: Update,
        buffers: &'a Buffers,
    ) -> Backward<'a> {
        let first = self.permutation.len() / 2 * batch;
        let (y1, y2) = tape.permuted.split_at(first);
        let (_, z2) = tape.output.split_at(first);
        let (gradient1, gradient2) = gradient.split_at_mut(first);
        let d_raw = affine::backward(gradient1, y1, &tape.moved2, weight, buffers);
        let to_z2 = self.net2.backward(z2, &tape.layers2, d_raw, batch, update, buffers);
        add(gradient2, &to_z2.d_input);
        let d_raw = affine::backward(gradient2, y2, &tape.moved1, weight, buffers);
        let to_y1 = self.net1.backward(y1, &tape.layers1, d_raw, batch, update, buffers);
        add(gradient1, &to_y1.d_input);
        let mut d_input = buffers.take(gradient.len());
        for (row, &feature) in gradient.chunks(batch).zip(&self.permutation) {
            d_input[feature * batch..][..batch].copy_from_slice(row);
        }
        Backward { d_input, finite: to_z2.finite & to_y1.finite }
    }
}

impl HostSubnet<'_> {
    /// The output of every layer for `input`, `[inputs, batch]`; the last is `[2 × moved, batch]`.
    fn forward<'a>(&self, input: &[f32], batch: usize, buffers: &'a Buffers) -> Vec<Buffer<'a>> {
        let mut outputs: Vec<Buffer<'a>> = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let last = index + 1 == self.layers.len();
            let after = if last { Activation::None } else { Activation::Relu };
            let input = outputs.last().map_or(input, |output| output);
            outputs.push(layer.forward(input, batch, after, buffers));
        }
        outputs
    }

    /// Updates every layer; `gradient` is the loss's to the last layer's output.
    fn backward<'a>(
        &mut self,
        input: &[f32],
        outputs: &[Buffer<'_>],
        mut gradient: Buffer<'a>,
        batch: usize,
        update: Update,
        buffers: &'a Buffers,
    ) -> Backward<'a> {
        let mut finite = true;
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let (input, before) = match index {
                0 => (input, Activation::None),
                _ => (&*outputs[index - 1], Activation::Relu),
            };
            let step = layer.backward(input, &gradient, batch, before, update, buffers);
            gradient = step.d_input;
            finite &= step.finite;
        }
        Backward { d_input: gradient, finite }
    }
}

fn add(to: &mut [f32], values: &[f32]) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to += value);
}
