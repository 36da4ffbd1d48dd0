//! AlexNet on the host processor: the same network as [`crate::alexnet`], several times faster there.

mod backward;
mod epilogue;
mod feature_maps;
mod lanes;
mod max_pool_indices;
mod pool;
mod stem;
mod stem_gradient;
mod winograd;

use std::array;

use epilogue::BiasRelu;
use feature_maps::Border;
use max_pool_indices::MaxPoolIndices;
use stem::Stem;
use winograd::WinogradConvolution;

use crate::normalize::normalized_levels;
use crate::stages::{StageMap, StageNetwork};
use crate::weights::ConvolutionWeights;

pub(crate) use backward::HostBackward;
pub(crate) use feature_maps::FeatureMaps;

/// Convolutions, poolings and the spatial mean, on channels-last images.
#[derive(Debug)]
pub(crate) struct HostAlexNet {
    stem: Stem,
    second: Layer,
    third: Layer,
    fourth: Layer,
    fifth: Layer,
}

/// A convolution with bias and ReLU.
#[derive(Debug)]
struct Layer {
    convolution: WinogradConvolution,
    epilogue: BiasRelu,
}

impl Layer {
    fn new(weights: &ConvolutionWeights) -> Self {
        Self {
            convolution: WinogradConvolution::new(&weights.weight, weights.shape),
            epilogue: BiasRelu(weights.bias.clone()),
        }
    }

    fn forward(&self, input: &FeatureMaps, border: Border) -> FeatureMaps {
        self.convolution.forward(input, border, &self.epilogue)
    }
}

/// Trace of a forward pass at one scale that the backward pass needs.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    stem: MaxPoolIndices,
    second: MaxPoolIndices,
    third: FeatureMaps,
    fourth: FeatureMaps,
    fifth: MaxPoolIndices,
}

/// Maps after each convolution, the first two pooled.
struct Convolved {
    first: FeatureMaps,
    second: FeatureMaps,
    third: FeatureMaps,
    fourth: FeatureMaps,
    fifth: FeatureMaps,
}

impl HostAlexNet {
    pub(crate) fn new(weights: &[ConvolutionWeights; 5]) -> Self {
        let [first, rest @ ..] = weights;
        let [second, third, fourth, fifth] = rest.each_ref().map(Layer::new);
        Self { stem: Stem::new(&first.weight, &first.bias), second, third, fourth, fifth }
    }

    /// Features `[images, 256]` of square RGB images of `size` pixels, read at every `step`-th pixel.
    ///
    /// `trace` is filled in where given; the features are the same to the last bit without it.
    pub(crate) fn features(
        &self,
        images: &[&[u8]],
        size: usize,
        step: usize,
        mut trace: Option<&mut Trace>,
    ) -> Vec<f32> {
        let maps = self.last_maps(images, size, step, trace.as_deref_mut()); // [n, 27, 27, 256] at 448
        Self::features_of(&maps, trace.map(|trace| &mut trace.fifth)) // [n, 256]
    }

    /// Features `[images, 256]`: the spatial means of the pooled [`Self::last_maps`].
    pub(crate) fn features_of(
        last_maps: &FeatureMaps,
        indices: Option<&mut MaxPoolIndices>,
    ) -> Vec<f32> {
        pool::spatial_mean(&pool::max_pool(last_maps, Border::NONE, indices)) // [n, 256]
    }

    /// The last convolution's maps of images as in [`Self::features`], `[n, 27, 27, 256]` at 448.
    ///
    /// Of `trace`, everything up to there is filled in.
    pub(crate) fn last_maps(
        &self,
        images: &[&[u8]],
        size: usize,
        step: usize,
        mut trace: Option<&mut Trace>,
    ) -> FeatureMaps {
        let Convolved { third, fourth, fifth, .. } =
            self.convolve(&normalized(images, [size, size], step), trace.as_deref_mut());
        if let Some(trace) = trace {
            (trace.third, trace.fourth) = (third, fourth);
        }
        fifth
    }

    /// The maps after each convolution, of images by [`stem::cells`]; of `trace`, the poolings' part is filled in.
    fn convolve(&self, input: &FeatureMaps, mut trace: Option<&mut Trace>) -> Convolved {
        let sides = [input.height, input.width].map(pool::pooled_size);
        let sides = WinogradConvolution::input_border(5, sides);
        let indices = trace.as_mut().map(|trace| &mut trace.stem);
        let first = self.stem.forward(input, sides, indices); // [n, 55, 55, 64] at 448
        let x = self.second.forward(&first, Border::NONE); // [n, 55, 55, 192]
        let sides = [x.height, x.width].map(pool::pooled_size);
        let sides = WinogradConvolution::input_border(3, sides);
        let indices = trace.as_mut().map(|trace| &mut trace.second);
        let second = pool::max_pool(&x, sides, indices); // [n, 27, 27, 192]
        let third = self.third.forward(&second, sides); // [n, 27, 27, 384]
        let fourth = self.fourth.forward(&third, sides); // [n, 27, 27, 256]
        let fifth = self.fifth.forward(&fourth, Border::NONE); // [n, 27, 27, 256]
        Convolved { first, second, third, fourth, fifth }
    }
}

impl StageNetwork for HostAlexNet {
    fn maps(&self, pixels: &[u8], height: usize, width: usize, stages: &[usize]) -> Vec<StageMap> {
        assert_eq!(pixels.len(), 3 * height * width, "pixels do not fit the shape");
        let Convolved { first, second, third, fourth, fifth } =
            self.convolve(&normalized(&[pixels], [height, width], 1), None);
        let all = [first, second, third, fourth, fifth];
        stages.iter().map(|stage| all[stage - 1].to_stage_map()).collect()
    }
}

/// Normalised images by [`stem::cells`], read at every `step`-th pixel of every `step`-th row.
fn normalized(images: &[&[u8]], [height, width]: [usize; 2], step: usize) -> FeatureMaps {
    let levels = normalized_levels();
    stem::cells(images.len(), [height / step, width / step], |image, y, x| {
        let pixel = &images[image][(y * width + x) * step * stem::COLORS..];
        array::from_fn(|color| levels[color][usize::from(pixel[color])])
    })
}
