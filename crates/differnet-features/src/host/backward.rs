//! The way back through [`super::HostAlexNet`]: from features' gradients to pixels' gradients.

use super::Trace;
use super::epilogue::{Sum, WhereActive};
use super::feature_maps::Border;
use super::pool;
use super::stem_gradient::StemGradient;
use super::winograd::WinogradConvolution;
use crate::weights::ConvolutionWeights;

/// The transposed convolutions; their Winograd weights differ from those of the way there.
#[derive(Debug)]
pub(crate) struct HostBackward {
    stem: StemGradient,
    second: WinogradConvolution,
    third: WinogradConvolution,
    fourth: WinogradConvolution,
    fifth: WinogradConvolution,
}

impl HostBackward {
    pub(crate) fn new(weights: &[ConvolutionWeights; 5]) -> Self {
        let [first, rest @ ..] = weights;
        let [second, third, fourth, fifth] =
            rest.each_ref().map(|c| WinogradConvolution::transposed(&c.weight, c.shape));
        Self {
            stem: StemGradient::new(&first.weight, first.shape[0]),
            second,
            third,
            fourth,
            fifth,
        }
    }

    /// Adds to `pixels` `[images, 3, size, size]` the gradient of a function of the features of the
    /// pass that left `trace`, given the function's gradient to them, `features` `[images, 256]`.
    ///
    /// Only every `step`-th pixel of every `step`-th row took part in the pass.
    pub(crate) fn add_gradient(
        &self,
        trace: &Trace,
        features: &[f32],
        (size, step): (usize, usize),
        pixels: &mut [f32],
    ) {
        let border =
            |kernel: usize, size: usize| WinogradConvolution::input_border(kernel, [size, size]);
        let (indices, side) = (&trace.fifth, trace.fourth.height);
        let x = pool::spatial_mean_gradient(
            features,
            trace.fourth.channels,
            indices.height,
            indices.width,
        ); // [n, 13, 13, 256] at 448
        let x = indices.pull_back(&x, side, border(3, side)); // [n, 27, 27, 256]
        let x = self.fifth.forward(&x, border(3, side), &WhereActive(&trace.fourth)); // [n, 27, 27, 256]
        let x = self.fourth.forward(&x, border(3, side), &WhereActive(&trace.third)); // [n, 27, 27, 384]
        let x = self.third.forward(&x, Border::NONE, &Sum); // [n, 27, 27, 192]
        let side = trace.stem.height;
        let x = trace.second.pull_back(&x, side, border(5, side)); // [n, 55, 55, 192]
        let x = self.second.forward(&x, Border::NONE, &Sum); // [n, 55, 55, 64]
        self.stem.add_gradient(&x, &trace.stem, (size, step), pixels);
    }
}
