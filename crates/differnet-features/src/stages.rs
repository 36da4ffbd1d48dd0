//! Maps of an image after the stages of a network.

use std::fmt::Debug;

use burn::tensor::Tensor;

/// Maps after one stage, channels last: `[height, width, channels]`.
#[derive(Debug, Clone, PartialEq)]
pub struct StageMap {
    /// Rows of the map.
    pub height: usize,
    /// Columns of the map.
    pub width: usize,
    /// Numbers at each place.
    pub channels: usize,
    /// Row-major `[height, width, channels]`.
    pub values: Vec<f32>,
}

impl StageMap {
    /// The maps of the only image of a batch, `[1, channels, height, width]`.
    pub(crate) fn of(map: Tensor<4>) -> Self {
        let [_, channels, height, width] = map.dims();
        let values = map.permute([0, 2, 3, 1]).into_data().iter::<f32>().collect();
        Self { height, width, channels, values }
    }

    /// Those after `stages` (numbers from 1) of the maps after all stages from the first on.
    pub(crate) fn chosen(all: Vec<Tensor<4>>, stages: &[usize]) -> Vec<Self> {
        let all = (1..).zip(all).filter(|(stage, _)| stages.contains(stage));
        all.map(|(_, map)| Self::of(map)).collect()
    }
}

/// A network that has a map after each of its stages.
pub(crate) trait StageNetwork: Debug + Send + Sync {
    /// The maps after `stages` (numbers from 1, rising) of an interleaved RGB image.
    fn maps(&self, pixels: &[u8], height: usize, width: usize, stages: &[usize]) -> Vec<StageMap>;
}
