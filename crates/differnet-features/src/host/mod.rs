//! AlexNet on the host processor: the same network as [`crate::alexnet`], several times faster there.

mod feature_maps;
mod lanes;
mod pool;
mod stem;
mod winograd;

use feature_maps::{Border, FeatureMaps};
use stem::Stem;
use winograd::WinogradConvolution;

use crate::normalize::normalized_levels;
use crate::weights::ConvolutionWeights;

/// Convolutions, poolings and the spatial mean, on channels-last images.
#[derive(Debug)]
pub(crate) struct HostAlexNet {
    stem: Stem,
    second: WinogradConvolution,
    third: WinogradConvolution,
    fourth: WinogradConvolution,
    fifth: WinogradConvolution,
}

impl HostAlexNet {
    pub(crate) fn new(weights: &[ConvolutionWeights; 5]) -> Self {
        let [first, rest @ ..] = weights;
        let [second, third, fourth, fifth] = rest
            .each_ref()
            .map(|c| WinogradConvolution::new(&c.weight, &c.bias, c.shape[1], c.shape[2]));
        Self { stem: Stem::new(&first.weight, &first.bias), second, third, fourth, fifth }
    }

    /// Features `[images, 256]` of square RGB images of `size` pixels, read at every `step`-th pixel.
    pub(crate) fn features(&self, images: &[&[u8]], size: usize, step: usize) -> Vec<f32> {
        let input = normalized(images, size, step);
        let border = |kernel: usize, size: usize| WinogradConvolution::input_border(kernel, size);
        let size = Stem::output_size(input.height);
        let x = self.stem.forward(&input, border(5, size)); // [n, 55, 55, 64] at 448
        let x = self.second.forward(&x, Border::NONE); // [n, 55, 55, 192]
        let size = pool::pooled_size(x.height);
        let x = pool::max_pool(&x, border(3, size)); // [n, 27, 27, 192]
        let x = self.third.forward(&x, border(3, size)); // [n, 27, 27, 384]
        let x = self.fourth.forward(&x, border(3, size)); // [n, 27, 27, 256]
        let x = self.fifth.forward(&x, Border::NONE); // [n, 27, 27, 256]
        let x = pool::max_pool(&x, Border::NONE); // [n, 13, 13, 256]
        pool::spatial_mean(&x) // [n, 256]
    }
}

/// Normalised images `[images, size / step, size / step, 3]` by nearest sampling.
fn normalized(images: &[&[u8]], size: usize, step: usize) -> FeatureMaps {
    use rayon::prelude::*;
    let levels = normalized_levels();
    let side = size / step;
    let mut maps = FeatureMaps::zeros(images.len(), side, side, 3, Border::same(stem::PADDING));
    maps.strips_mut(side).into_par_iter().for_each(|mut strip| {
        let image = images[strip.image];
        for y in 0..side {
            let row = strip.pixels_mut(y, 0, 3);
            for (x, pixel) in row.chunks_exact_mut(3).take(side).enumerate() {
                let from = &image[(y * size + x) * step * 3..][..3];
                for color in 0..3 {
                    pixel[color] = levels[color][usize::from(from[color])];
                }
            }
        }
    });
    maps
}
