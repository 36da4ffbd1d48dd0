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
use feature_maps::{Border, Strip};
use max_pool_indices::MaxPoolIndices;
use rayon::prelude::*;
use winograd::WinogradConvolution;

use crate::normalize::normalized_levels;
use crate::stages::{StageMap, StageNetwork};
use crate::weights::ConvolutionWeights;

pub(crate) use backward::HostBackward;
pub(crate) use feature_maps::FeatureMaps;

/// Pixels that go through the first two layers together.
const PIXELS_TOGETHER: usize = 448 * 448;

/// Convolutions, poolings and the spatial mean, on channels-last images.
#[derive(Debug)]
pub(crate) struct HostAlexNet {
    stem: Layer,
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

    fn outputs(&self) -> usize {
        self.epilogue.0.len()
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

impl HostAlexNet {
    pub(crate) fn new(weights: &[ConvolutionWeights; 5]) -> Self {
        let [first, rest @ ..] = weights;
        let [second, third, fourth, fifth] = rest.each_ref().map(Layer::new);
        Self { stem: stem::layer(&first.weight, &first.bias), second, third, fourth, fifth }
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
        let second = self.second_maps(images, size, step, trace.as_deref_mut());
        let [third, fourth, fifth] = self.last_layers(&second);
        if let Some(trace) = trace {
            (trace.third, trace.fourth) = (third, fourth);
        }
        fifth
    }

    /// The second layer's pooled maps of images as in [`Self::features`], `[n, 27, 27, 192]` at 448.
    ///
    /// A few images at a time go through both layers, so that what lies between stays in the cache.
    fn second_maps(
        &self,
        images: &[&[u8]],
        size: usize,
        step: usize,
        trace: Option<&mut Trace>,
    ) -> FeatureMaps {
        let first = pool::pooled_size(stem::convolved_size(size / step));
        let second = pool::pooled_size(first);
        let shape = |side: usize, layer: &Layer| [images.len(), side, side, layer.outputs()];
        let (first, second) = (shape(first, &self.stem), shape(second, &self.second));
        let mut maps = second_maps(second);
        let (stem, pooled) =
            trace.map_or((None, None), |trace| (Some(&mut trace.stem), Some(&mut trace.second)));
        let mut recorded = MaxPoolIndices::rows_mut(stem, first);
        let mut recorded_second = MaxPoolIndices::rows_mut(pooled, second);

        let together = (PIXELS_TOGETHER / (size / step).pow(2)).max(1);
        let rows = |shape: [usize; 4]| together * shape[1];
        images
            .par_chunks(together)
            .zip(recorded.par_chunks_mut(rows(first)))
            .zip(recorded_second.par_chunks_mut(rows(second)))
            .zip(maps.strips_mut(1).par_chunks_mut(rows(second)))
            .for_each(|(((images, recorded), recorded_second), maps)| {
                let cells = normalized(images, [size, size], step);
                self.first_layers(&cells, recorded, (maps, recorded_second));
            });
        maps
    }

    /// The first layer's pooled maps of images by [`stem::cells`]; the second layer's go to `second`, and
    /// what the poolings record beside them.
    fn first_layers(
        &self,
        cells: &FeatureMaps,
        recorded: &mut [Option<&mut [u8]>],
        second: (&mut [Strip<'_>], &mut [Option<&mut [u8]>]),
    ) -> FeatureMaps {
        let x = self.stem.forward(cells, Border::NONE); // [n, 111, 111, 64] at 448
        let [height, width] = [x.height, x.width].map(pool::pooled_size);
        let border = WinogradConvolution::input_border(5, [height, width]);
        let mut first = FeatureMaps::unwritten(x.images, height, width, x.channels, border);
        pool::max_pool_to(&x, &mut first.strips_mut(1), recorded); // [n, 55, 55, 64]
        let x = self.second.forward(&first, Border::NONE); // [n, 55, 55, 192]
        pool::max_pool_to(&x, second.0, second.1); // [n, 27, 27, 192]
        first
    }

    /// The maps of the third, fourth and fifth layer.
    fn last_layers(&self, second: &FeatureMaps) -> [FeatureMaps; 3] {
        let border = WinogradConvolution::input_border(3, [second.height, second.width]);
        let third = self.third.forward(second, border); // [n, 27, 27, 384] at 448
        let fourth = self.fourth.forward(&third, border); // [n, 27, 27, 256]
        let fifth = self.fifth.forward(&fourth, Border::NONE); // [n, 27, 27, 256]
        [third, fourth, fifth]
    }
}

impl StageNetwork for HostAlexNet {
    fn maps(&self, pixels: &[u8], height: usize, width: usize, stages: &[usize]) -> Vec<StageMap> {
        assert_eq!(pixels.len(), 3 * height * width, "pixels do not fit the shape");
        let cells = normalized(&[pixels], [height, width], 1);
        let rows = pool::pooled_size(cells.height);
        let [height, width] = [rows, pool::pooled_size(cells.width)].map(pool::pooled_size);
        let shape = [1, height, width, self.second.outputs()];
        let mut second = second_maps(shape);
        let mut recorded = MaxPoolIndices::rows_mut(None, [1, rows, 0, 0]);
        let mut recorded_second = MaxPoolIndices::rows_mut(None, shape);
        let to = (&mut *second.strips_mut(1), &mut *recorded_second);
        let first = self.first_layers(&cells, &mut recorded, to);
        let [third, fourth, fifth] = self.last_layers(&second);
        let all = [first, second, third, fourth, fifth];
        stages.iter().map(|stage| all[stage - 1].to_stage_map()).collect()
    }
}

/// Empty maps for the second layer's pooled output, with the border that the third needs.
fn second_maps([images, height, width, channels]: [usize; 4]) -> FeatureMaps {
    let border = WinogradConvolution::input_border(3, [height, width]);
    FeatureMaps::unwritten(images, height, width, channels, border)
}

/// Normalised images by [`stem::cells`], read at every `step`-th pixel of every `step`-th row.
fn normalized(images: &[&[u8]], [height, width]: [usize; 2], step: usize) -> FeatureMaps {
    let levels = normalized_levels();
    stem::cells(images.len(), [height / step, width / step], |image, y, x| {
        let pixel = &images[image][(y * width + x) * step * stem::COLORS..];
        array::from_fn(|color| levels[color][usize::from(pixel[color])])
    })
}
