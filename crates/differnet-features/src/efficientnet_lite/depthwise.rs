//! Depthwise convolutions, channels last: each channel looks at its own neighbours.

use pulp::{Arch, Simd, WithSimd};

use super::weights::Folded;

/// Neighbouring outputs computed together, so that a weight is loaded once for all.
const OUTPUTS: usize = 4;

/// A depthwise convolution with ReLU6.
#[derive(Debug)]
pub(super) struct Depthwise {
    /// `[kernel, kernel, channels]`
    weight: Vec<f32>,
    /// `[channels]`
    bias: Vec<f32>,
    pub(super) kernel: usize,
    pub(super) stride: usize,
}

impl Depthwise {
    pub(super) fn new(weights: &Folded, stride: usize) -> Self {
        let [channels, _, kernel, _] = weights.shape;
        let taps = kernel * kernel;
        let mut weight = vec![0.0; taps * channels];
        for (channel, from) in weights.weight.chunks_exact(taps).enumerate() {
            from.iter().enumerate().for_each(|(tap, w)| weight[tap * channels + channel] = *w);
        }
        Self { weight, bias: weights.bias.clone(), kernel, stride }
    }

    /// Channels of input and output.
    pub(super) fn channels(&self) -> usize {
        self.bias.len()
    }

    /// Writes one row of outputs `[width, channels]`.
    ///
    /// - `rows`: the input rows under the kernel, `[padded width, channels]` each; `None` above and below
    ///   the image, where all is zero
    pub(super) fn row(&self, rows: &[Option<&[f32]>], to: &mut [f32]) {
        Arch::new().dispatch(Row { convolution: self, rows, to });
    }
}

struct Row<'a> {
    convolution: &'a Depthwise,
    rows: &'a [Option<&'a [f32]>],
    to: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { convolution, rows, to } = self;
        let channels = convolution.channels();
        let whole = to.len() / channels / OUTPUTS * OUTPUTS;
        let (blocks, rest) = to.split_at_mut(whole * channels);
        for (index, block) in blocks.chunks_exact_mut(OUTPUTS * channels).enumerate() {
            outputs::<S, OUTPUTS>(simd, convolution, rows, index * OUTPUTS, block);
        }
        for (index, output) in rest.chunks_exact_mut(channels).enumerate() {
            outputs::<S, 1>(simd, convolution, rows, whole + index, output);
        }
    }
}

/// `N` neighbouring outputs from number `first` on, `[N, channels]`.
#[inline(always)]
fn outputs<S: Simd, const N: usize>(
    simd: S,
    convolution: &Depthwise,
    rows: &[Option<&[f32]>],
    first: usize,
    to: &mut [f32],
) {
    let Depthwise { weight, bias, kernel, stride } = convolution;
    let channels = bias.len();
    let vectors = S::as_simd_f32s(bias).0.len();
    let lanes = channels / vectors.max(1);
    let zero = simd.splat_f32s(0.0);
    let six = simd.splat_f32s(6.0);
    for vector in 0..vectors {
        let mut sums = [S::as_simd_f32s(bias).0[vector]; N];
        for (y, row) in rows.iter().enumerate() {
            let Some(row) = row else { continue };
            for x in 0..*kernel {
                let tap = &weight[(y * kernel + x) * channels..][..channels];
                let tap = S::as_simd_f32s(tap).0[vector];
                for (output, sum) in sums.iter_mut().enumerate() {
                    let at = ((first + output) * stride + x) * channels;
                    let input = S::as_simd_f32s(&row[at..][..channels]).0[vector];
                    *sum = simd.mul_add_f32s(tap, input, *sum);
                }
            }
        }
        for (output, sum) in sums.into_iter().enumerate() {
            let sum = simd.min_f32s(simd.max_f32s(sum, zero), six);
            let to = &mut to[output * channels..][..channels];
            S::as_mut_simd_f32s(to).0[vector] = sum;
        }
    }
    debug_assert_eq!(vectors * lanes, channels, "channels are whole vectors");
}
