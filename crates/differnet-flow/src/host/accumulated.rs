//! Updates that need the whole gradient before a weight may move: each task takes some rows through
//! the whole flow and back, and the gradients of all are added up.
//!
//! For narrow flows and many rows: what a task computes stays in the cache of its processor, and
//! tasks meet once.

use differnet_matmul::{PackedMatrix, ROWS, Strided, Sums, multiply};
use rayon::prelude::*;

use super::block;
use super::buffers::{Buffer, Buffers};
use super::dense::HostMoments;
use super::layer::{Activation, Backward, LANES, Layer, cut_gradient, interleave, outputs, sum};
use super::parameters::Structure;
use crate::adam::Update;
use crate::error::TrainError;
use crate::input::{FlowInput, Widths};

/// Tasks of an update at most: each has a gradient of its own.
const TASKS: usize = 8;
/// Fewer rows are not worth a gradient of their own.
const LEAST_ROWS: usize = 64;
/// Gradients that are added up at a time.
const CHUNK: usize = 16 * 1024;

/// One update of all `parameters`, in the flow's order, on the mean loss of `input`; that loss.
#[expect(clippy::too_many_arguments, reason = "everything that an update takes part in")]
pub(super) fn update(
    structure: &Structure,
    parameters: &mut [&mut [f32]],
    moments: &mut [HostMoments],
    widths: Widths,
    input: FlowInput<'_>,
    update: Update,
    step: u64,
    buffers: &Buffers,
) -> Result<f64, TrainError> {
    let rows = widths.rows_of(input);
    let scale = 1.0 / (rows * widths.features) as f64; // Eq. 4, averaged over batch and features.
    let size = rows.div_ceil(TASKS).max(LEAST_ROWS);
    let layers = parameters.chunks_exact(2).map(|layer| Weights::of(&*layer[0], &*layer[1]));
    let layers: Vec<Weights<'_>> = layers.collect();
    let chunks: Vec<FlowInput<'_>> = widths.chunks(input, size).collect();
    let part = |input| Part::of(structure, &layers, widths, input, scale as f32, buffers);
    // Collected in order: sums must not depend on which thread was faster.
    let parts: Vec<Part<'_>> = chunks.into_par_iter().map(part).collect();
    drop(layers);
    let loss = parts.iter().map(|part| part.nll).sum::<f64>() * scale;
    if !loss.is_finite() {
        return Err(TrainError::NonFiniteLoss { step });
    }
    let mut parts = parts.into_iter();
    let mut total = parts.next().expect("an update has rows").gradient;
    let parts: Vec<Part<'_>> = parts.collect();
    let squares = total.par_chunks_mut(CHUNK).enumerate().map(|(chunk, total)| {
        for part in &parts {
            let values = &part.gradient[chunk * CHUNK..];
            total.iter_mut().zip(values).for_each(|(total, value)| *total += value);
        }
        sum_of_squares(total)
    });
    let norm = squares.collect::<Vec<f64>>().into_iter().sum::<f64>().sqrt();
    if !norm.is_finite() {
        return Err(TrainError::NonFiniteGradient { step });
    }
    let factor = update.clipping(norm) as f32;
    let mut rest = &mut total[..];
    let mut tasks = Vec::with_capacity(parameters.len());
    for (values, moments) in parameters.iter_mut().zip(moments) {
        let (gradient, others) = rest.split_at_mut(values.len());
        rest = others;
        tasks.push((values, moments, gradient));
    }
    let apply = |(values, moments, gradient): (&mut &mut [f32], &mut HostMoments, &mut [f32])| {
        gradient.iter_mut().for_each(|value| *value *= factor);
        update.apply(values, gradient, &mut moments.first, &mut moments.second)
    };
    let finite = tasks.into_par_iter().map(apply).reduce(|| true, |a, b| a & b);
    if finite { Ok(loss) } else { Err(TrainError::NonFiniteGradient { step }) }
}

/// The sum of the squares of `values`, in an order that vectorises.
fn sum_of_squares(values: &[f32]) -> f64 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let square = |value: &f32| f64::from(*value) * f64::from(*value);
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += square(value));
    }
    lanes.iter().sum::<f64>() + rest.iter().map(square).sum::<f64>()
}

/// Loss and gradient of some rows.
struct Part<'a> {
    /// Their negative log-likelihoods' sum.
    nll: f64,
    /// Their share of the loss's gradient to every parameter, in the flow's order.
    gradient: Buffer<'a>,
}

impl<'a> Part<'a> {
    fn of(
        structure: &Structure,
        layers: &[Weights<'_>],
        widths: Widths,
        input: FlowInput<'_>,
        scale: f32,
        buffers: &'a Buffers,
    ) -> Self {
        let count = layers.iter().map(|layer| layer.weight.len() + layer.bias.len()).sum();
        let mut gradient = buffers.take(count);
        let mut rest = &mut gradient[..];
        let mut layers = layers.iter();
        let layer = || {
            let weights = layers.next().expect("as many layers as the flow has");
            let mut next = |values: &[f32]| {
                let (gradient, others) = std::mem::take(&mut rest).split_at_mut(values.len());
                rest = others;
                gradient
            };
            let (d_weight, d_bias) = (next(weights.weight), next(weights.bias));
            Accumulating { weights, d_weight, d_bias }
        };
        let mut blocks = structure.blocks(layer);
        let pass = block::forward(&blocks, widths, input, buffers);
        block::backward(&mut blocks, &pass, scale, buffers);
        Self { nll: pass.nll, gradient }
    }
}

/// The weights of a layer, which all tasks share.
struct Weights<'a> {
    /// `[inputs, outputs]`
    weight: &'a [f32],
    /// The same as [`outputs`] takes it.
    rows: Vec<[f32; ROWS]>,
    /// `[outputs]`
    bias: &'a [f32],
}

impl<'a> Weights<'a> {
    fn of(weight: &'a [f32], bias: &'a [f32]) -> Self {
        let mut rows = Vec::new();
        interleave(weight, bias.len(), 0, bias.len(), &mut rows);
        Self { weight, rows, bias }
    }
}

/// A layer whose backward pass keeps the gradient of its weights.
struct Accumulating<'a> {
    weights: &'a Weights<'a>,
    /// The loss's gradient to the weight and the bias.
    d_weight: &'a mut [f32],
    d_bias: &'a mut [f32],
}

impl Layer for Accumulating<'_> {
    fn inputs(&self) -> usize {
        self.weights.weight.len() / self.weights.bias.len()
    }

    fn forward<'a>(
        &self,
        input: &[f32],
        batch: usize,
        after: Activation,
        buffers: &'a Buffers,
    ) -> Buffer<'a> {
        let input = PackedMatrix::pack(input, batch, |count| buffers.take(count)); // [inputs, batch]
        let Weights { rows, bias, .. } = self.weights;
        let mut output = buffers.take(bias.len() * batch);
        outputs(rows, bias, &input, after, &mut output);
        output
    }

    fn backward<'a>(
        &mut self,
        input: &[f32],
        d_output: &[f32],
        batch: usize,
        before: Activation,
        wanted: usize,
        buffers: &'a Buffers,
    ) -> Backward<'a> {
        let (inputs, outputs) = (self.inputs(), self.weights.bias.len());
        let take = |count| buffers.take(count);
        let mut d_input = buffers.take(wanted * batch);
        let left = Strided { values: self.weights.weight, stride: outputs };
        multiply(
            left,
            wanted,
            &PackedMatrix::pack(d_output, batch, take),
            Sums::Replace,
            &mut d_input,
        );
        if before == Activation::Relu {
            cut_gradient(&mut d_input, input);
        }
        let by_output = PackedMatrix::pack_transposed(d_output, batch, take); // [batch, outputs]
        let left = Strided { values: input, stride: batch };
        multiply(left, inputs, &by_output, Sums::Replace, self.d_weight);
        let rows = d_output.chunks_exact(batch);
        self.d_bias.iter_mut().zip(rows).for_each(|(to, row)| *to = sum(row));
        Backward { d_input, finite: true }
    }
}
