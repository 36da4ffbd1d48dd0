//! One update on the CPU with a backward pass written by hand (Section 3.1.2).
//!
//! Automatic differentiation keeps every gradient until the last is known and then walks over all
//! weights again. Here each tile of a weight is updated as soon as its gradient is known, while
//! both are still in the processor's cache ([`dense`]): less than half the memory traffic, and no
//! gradients to store. Where the gradient's norm decides how far weights move, or where rows are
//! many and the flow narrow, rows are shared out instead ([`accumulated`]). The tensor operations
//! of [`crate::tensor_step`] are the reference both are tested against.

mod accumulated;
mod affine;
mod block;
mod buffers;
mod dense;
mod dots;
mod elementary;
mod layer;
mod parameters;
mod scoring;

use dense::{Dense, Trained};
use parameters::Borrowed;

pub(crate) use buffers::Buffers;
pub(crate) use dense::HostMoments;
pub(crate) use scoring::{HostBlockWeights, HostLayer};

use crate::adam::Update;
use crate::error::TrainError;
use crate::flow::Flow;
use crate::input::{FlowInput, Widths};

/// Strategy of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strategy {
    /// Weights move while the backward pass goes on.
    Fused,
    /// Weights move when the whole gradient is known.
    Accumulated,
}

impl Strategy {
    /// A clipped update needs the whole gradient; a flow with a condition is narrow and its rows
    /// are many. The choice never depends on the rows, and so not on how they are batched.
    fn of(widths: Widths, update: Update) -> Self {
        if update.clips() || widths.condition > 0 { Self::Accumulated } else { Self::Fused }
    }
}

/// One Adam update of `flow` on `input`; returns the loss of before.
///
/// Moments are in the flow's order. A loss that is not finite changes nothing.
pub(crate) fn step(
    flow: &mut Flow,
    moments: &mut [HostMoments],
    input: FlowInput<'_>,
    update: Update,
    step: u64,
    buffers: &Buffers,
) -> Result<f64, TrainError> {
    let strategy = Strategy::of(flow.widths(), update);
    step_by(strategy, flow, moments, input, update, step, buffers)
}

fn step_by(
    strategy: Strategy,
    flow: &mut Flow,
    moments: &mut [HostMoments],
    input: FlowInput<'_>,
    update: Update,
    step: u64,
    buffers: &Buffers,
) -> Result<f64, TrainError> {
    let widths = flow.widths();
    let mut borrowed = Borrowed::take(flow);
    let (structure, mut parameters) = borrowed.parts();
    // One visit to the thread pool, instead of one for every layer.
    let result = rayon::scope(|_| match strategy {
        Strategy::Fused => {
            let mut trained = parameters.into_iter().zip(moments);
            let mut next = || {
                let (values, moments) =
                    trained.next().expect("a weight and a bias for every layer");
                Trained { values, moments }
            };
            let mut blocks = structure.blocks(|| Dense { weight: next(), bias: next(), update });
            let pass = block::forward(&blocks, widths, input, buffers);
            // Eq. 4, averaged over batch and features.
            let scale = 1.0 / input.rows.len() as f64;
            let loss = pass.nll * scale;
            if !loss.is_finite() {
                return Err(TrainError::NonFiniteLoss { step });
            }
            let finite = block::backward(&mut blocks, &pass, scale as f32, buffers);
            if finite { Ok(loss) } else { Err(TrainError::NonFiniteGradient { step }) }
        }
        Strategy::Accumulated => accumulated::update(
            structure,
            &mut parameters,
            moments,
            widths,
            input,
            update,
            step,
            buffers,
        ),
    });
    borrowed.give_back(flow);
    result
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::adam::AdamConfig;
    use crate::flow::FlowConfig;

    #[test]
    fn both_strategies_move_weights_alike() {
        for condition in [0, 3] {
            let config =
                FlowConfig::new(7).with_condition(condition).with_blocks(2).with_hidden(30);
            let values = |count: usize| -> Vec<f32> {
                (0..count).map(|index| (index as f32 * 0.7).sin()).collect()
            };
            // Rows for several tasks.
            let (rows, conditions) = (values(150 * 7), values(150 * condition));
            let input = FlowInput { rows: &rows, condition: &conditions };
            let run = |strategy| {
                let mut flow = config.init(1, &Device::flex());
                let zeros = config.parameter_counts().into_iter();
                let zeros =
                    zeros.map(|n| HostMoments { first: vec![0.0; n], second: vec![0.0; n] });
                let mut moments: Vec<HostMoments> = zeros.collect();
                let (update, buffers) = (AdamConfig::new().update(1), Buffers::default());
                let step = step_by(strategy, &mut flow, &mut moments, input, update, 1, &buffers);
                let first = moments.iter().flat_map(|moments| moments.first.clone());
                (step.unwrap(), first.collect::<Vec<f32>>())
            };
            let (fused, accumulated) = (run(Strategy::Fused), run(Strategy::Accumulated));
            assert!((fused.0 - accumulated.0).abs() < 1e-6);
            let largest = fused.1.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            for (fused, accumulated) in fused.1.iter().zip(&accumulated.1) {
                assert!((fused - accumulated).abs() < 1e-5 * largest, "{fused}, {accumulated}");
            }
        }
    }
}
