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
        match (self.convolution.kernel, self.convolution.stride) {
            (3, 1) => self.row_of::<S, 3, 1, 6>(simd),
            (3, 2) => self.row_of::<S, 3, 2, 9>(simd),
            (5, 1) => self.row_of::<S, 5, 1, 8>(simd),
            (5, 2) => self.row_of::<S, 5, 2, 11>(simd),
            (kernel, stride) => unreachable!("no kernel of {kernel} at stride {stride}"),
        }
    }
}

impl Row<'_> {
    /// The row, of a kernel of `KERNEL` at a stride of `STRIDE`; [`OUTPUTS`] outputs look at `WINDOW`
    /// columns.
    #[inline(always)]
    fn row_of<S: Simd, const KERNEL: usize, const STRIDE: usize, const WINDOW: usize>(
        self,
        simd: S,
    ) {
        const { assert!(WINDOW == (OUTPUTS - 1) * STRIDE + KERNEL) };
        let Self { convolution, rows, to } = self;
        let channels = convolution.channels();
        let whole = to.len() / channels / OUTPUTS * OUTPUTS;
        let (blocks, rest) = to.split_at_mut(whole * channels);
        for (index, block) in blocks.chunks_exact_mut(OUTPUTS * channels).enumerate() {
            let first = index * OUTPUTS;
            outputs::<S, OUTPUTS, KERNEL, STRIDE, WINDOW>(simd, convolution, rows, first, block);
        }
        for (index, output) in rest.chunks_exact_mut(channels).enumerate() {
            let first = whole + index;
            outputs::<S, 1, KERNEL, STRIDE, KERNEL>(simd, convolution, rows, first, output);
        }
    }
}

/// `N` neighbouring outputs from number `first` on, `[N, channels]`, which look at `WINDOW` columns: each is
/// loaded once for all of them.
#[inline(always)]
fn outputs<
    S: Simd,
    const N: usize,
    const KERNEL: usize,
    const STRIDE: usize,
    const WINDOW: usize,
>(
    simd: S,
    convolution: &Depthwise,
    rows: &[Option<&[f32]>],
    first: usize,
    to: &mut [f32],
) {
    let channels = convolution.bias.len();
    let bias = S::as_simd_f32s(&convolution.bias).0;
    let weight = S::as_simd_f32s(&convolution.weight).0;
    let to = S::as_mut_simd_f32s(to).0;
    let vectors = bias.len();
    debug_assert_eq!(to.len(), N * vectors, "channels are whole vectors");
    let zero = simd.splat_f32s(0.0);
    let six = simd.splat_f32s(6.0);
    for vector in 0..vectors {
        let mut sums = [bias[vector]; N];
        for (row, taps) in rows.iter().zip(weight.chunks_exact(KERNEL * vectors)) {
            let Some(row) = row else { continue };
            let row = &row[first * STRIDE * channels..][..WINDOW * channels];
            let row = S::as_simd_f32s(row).0;
            let mut window = [zero; WINDOW];
            for (column, input) in window.iter_mut().enumerate() {
                *input = row[column * vectors + vector];
            }
            for x in 0..KERNEL {
                let tap = taps[x * vectors + vector];
                for (output, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.mul_add_f32s(tap, window[output * STRIDE + x], *sum);
                }
            }
        }
        for (output, sum) in sums.into_iter().enumerate() {
            to[output * vectors + vector] = simd.min_f32s(simd.max_f32s(sum, zero), six);
        }
    }
}
