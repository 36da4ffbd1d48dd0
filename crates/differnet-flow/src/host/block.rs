//! Coupling blocks of an update: the forward pass, what it leaves behind, and the backward pass.

use super::affine;
use super::buffers::{Buffer, Buffers};
use super::layer::{Activation, Backward, Layer};
use crate::input::{FlowInput, Widths};
use crate::io::transposed;

/// A fully connected network borrowed for one update.
pub(super) struct HostSubnet<L> {
    pub(super) layers: Vec<L>,
}

/// A coupling block borrowed for one update.
pub(super) struct HostBlock<'p, L> {
    pub(super) permutation: &'p [usize],
    pub(super) net1: HostSubnet<L>,
    pub(super) net2: HostSubnet<L>,
    pub(super) alpha: f32,
}

/// Activations of a flow's forward pass that the backward pass needs.
pub(super) struct Pass<'a> {
    tapes: Vec<Tape<'a>>,
    batch: usize,
    /// Negative log-likelihood (Eq. 4, without its constant), summed over the batch.
    pub(super) nll: f64,
}

/// Activations of a block's forward pass that the backward pass needs; all `[…, batch]`.
struct Tape<'a> {
    /// The permuted input, before either half moved, with the condition between the halves: what the
    /// first subnetwork reads lies together.
    permuted: Buffer<'a>,
    /// Outputs of each layer of the subnetworks.
    layers1: Vec<Buffer<'a>>,
    layers2: Vec<Buffer<'a>>,
    moved1: affine::Moved<'a>,
    moved2: affine::Moved<'a>,
    /// Both moved halves, and the condition: what the second subnetwork reads lies together.
    output: Buffer<'a>,
}

/// The forward pass of a flow.
pub(super) fn forward<'a, L: Layer>(
    blocks: &[HostBlock<'_, L>],
    widths: Widths,
    input: FlowInput<'_>,
    buffers: &'a Buffers,
) -> Pass<'a> {
    let batch = widths.rows_of(input);
    let rows = transposed(input.rows, widths.features); // [features, batch]
    let condition = match widths.condition {
        0 => Vec::new(),
        width => transposed(input.condition, width), // [condition, batch]
    };
    let mut tapes: Vec<Tape<'_>> = Vec::with_capacity(blocks.len());
    for block in blocks {
        let y = tapes.last().map_or(&rows[..], |tape| &tape.output[..rows.len()]);
        tapes.push(block.forward(y, &condition, batch, buffers));
    }
    let output = &tapes.last().expect("a flow has at least one block").output;
    let z = &output[..rows.len()]; // [features, batch]
    let log_det: f64 = tapes.iter().map(|tape| tape.moved1.log_det + tape.moved2.log_det).sum();
    let half_norms: f64 =
        z.chunks(batch).map(|row| f64::from(row.iter().map(|z| z * z).sum::<f32>()) / 2.0).sum();
    Pass { tapes, batch, nll: half_norms - log_det }
}

/// The backward pass of a flow, from the loss `scale · nll`; whether all updated values are finite.
pub(super) fn backward<L: Layer>(
    blocks: &mut [HostBlock<'_, L>],
    pass: &Pass<'_>,
    scale: f32,
    buffers: &Buffers,
) -> bool {
    let (last, features) = match (pass.tapes.last(), blocks.last()) {
        (Some(tape), Some(block)) => (tape, block.permutation.len()),
        _ => return true,
    };
    let mut gradient = buffers.take(features * pass.batch);
    gradient.iter_mut().zip(&*last.output).for_each(|(gradient, z)| *gradient = z * scale);
    let mut finite = true;
    for (block, tape) in blocks.iter_mut().zip(&pass.tapes).rev() {
        let Backward { d_input, finite: updated } =
            block.backward(tape, gradient, pass.batch, scale, buffers);
        gradient = d_input;
        finite &= updated;
    }
    finite
}

impl<L: Layer> HostBlock<'_, L> {
    /// Computes [`CouplingBlock::forward`](crate::coupling::CouplingBlock::forward) and keeps its trace.
    fn forward<'a>(
        &self,
        y: &[f32],
        condition: &[f32],
        batch: usize,
        buffers: &'a Buffers,
    ) -> Tape<'a> {
        let first = self.permutation.len() / 2 * batch;
        let mut permuted = buffers.take(y.len() + condition.len());
        let (read1, y2) = permuted.split_at_mut(first + condition.len());
        let (y1, read) = read1.split_at_mut(first);
        let rows = y1.chunks_exact_mut(batch).chain(y2.chunks_exact_mut(batch));
        for (row, &feature) in rows.zip(self.permutation) {
            row.copy_from_slice(&y[feature * batch..][..batch]);
        }
        read.copy_from_slice(condition);
        let mut output = buffers.take(y.len() + condition.len());
        let (half1, read2) = output.split_at_mut(first);
        let (half2, read) = read2.split_at_mut(y2.len());
        half1.copy_from_slice(y1);
        half2.copy_from_slice(y2);
        read.copy_from_slice(condition);
        let layers1 = self.net1.forward(read1, batch, buffers);
        let moved1 = affine::forward(half2, &layers1[layers1.len() - 1], self.alpha, buffers);
        let layers2 = self.net2.forward(read2, batch, buffers);
        let moved2 = affine::forward(half1, &layers2[layers2.len() - 1], self.alpha, buffers);
        Tape { permuted, layers1, layers2, moved1, moved2, output }
    }

    /// Hands each weight its gradient; `gradient` is the loss's to the block's output.
    fn backward<'a>(
        &mut self,
        tape: &Tape<'_>,
        mut gradient: Buffer<'_>,
        batch: usize,
        weight: f32,
        buffers: &'a Buffers,
    ) -> Backward<'a> {
        let first = self.permutation.len() / 2 * batch;
        let second = gradient.len() - first;
        let (read1, y2) = tape.permuted.split_at(tape.permuted.len() - second);
        let (y1, read2) = (&read1[..first], &tape.output[first..]);
        let (gradient1, gradient2) = gradient.split_at_mut(first);
        let d_raw = affine::backward(gradient1, y1, &tape.moved2, weight, buffers);
        let wanted = second / batch;
        let to_z2 = self.net2.backward(read2, &tape.layers2, d_raw, batch, wanted, buffers);
        add(gradient2, &to_z2.d_input);
        let d_raw = affine::backward(gradient2, y2, &tape.moved1, weight, buffers);
        let wanted = first / batch;
        let to_y1 = self.net1.backward(read1, &tape.layers1, d_raw, batch, wanted, buffers);
        add(gradient1, &to_y1.d_input);
        let mut d_input = buffers.take(gradient.len());
        for (row, &feature) in gradient.chunks(batch).zip(self.permutation) {
            d_input[feature * batch..][..batch].copy_from_slice(row);
        }
        Backward { d_input, finite: to_z2.finite & to_y1.finite }
    }
}

impl<L: Layer> HostSubnet<L> {
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

    /// Hands each weight its gradient; `gradient` is the loss's to the last layer's output, the
    /// result's that to the first `wanted` inputs or more.
    fn backward<'a>(
        &mut self,
        input: &[f32],
        outputs: &[Buffer<'_>],
        mut gradient: Buffer<'a>,
        batch: usize,
        wanted: usize,
        buffers: &'a Buffers,
    ) -> Backward<'a> {
        let mut finite = true;
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let (input, before, wanted) = match index {
                0 => (input, Activation::None, wanted),
                _ => (&*outputs[index - 1], Activation::Relu, layer.inputs()),
            };
            let step = layer.backward(input, &gradient, batch, before, wanted, buffers);
            gradient = step.d_input;
            finite &= step.finite;
        }
        Backward { d_input: gradient, finite }
    }
}

/// Adds `values`, as many as there are.
fn add(to: &mut [f32], values: &[f32]) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to += value);
}
