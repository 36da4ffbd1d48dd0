//! Features of an image's places: maps of several stages brought to one grid, side by side.
//!
//! As PatchCore does (Roth et al. 2022): each map is averaged over 3 × 3 neighbours, then brought to the
//! grid by averaging what falls into a cell.

use burn::tensor::Device;

use crate::efficientnet_lite::{EfficientNetLite, HostEfficientNetLite, STAGES, StageMap};

/// Pixels from one place to the next, and of a place's side.
pub const PLACE: usize = 16;
/// Every side of an image is a multiple of this.
pub const SIDE_STEP: usize = 32;

/// EfficientNet-Lite0 in the form in which its device computes fastest.
#[derive(Debug)]
pub enum PlaceExtractor {
    /// On the host processor.
    Host(Box<HostEfficientNetLite>),
    /// Through Burn.
    Device(Box<EfficientNetLite>),
}

/// Features of the places of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Places {
    /// Rows of the grid: the image's height over [`PLACE`].
    pub height: usize,
    /// Columns of the grid.
    pub width: usize,
    /// Numbers of each place.
    pub channels: usize,
    /// Row-major `[height, width, channels]`.
    pub values: Vec<f32>,
}

impl PlaceExtractor {
    /// The network for the host processor.
    pub fn on_host() -> Self {
        Self::Host(Box::default())
    }

    /// The network for any Burn device.
    pub fn on_device(device: &Device) -> Self {
        Self::Device(Box::new(EfficientNetLite::new(device)))
    }

    /// The places of an interleaved RGB image as the maps after `stages` (numbers from 1, rising) show
    /// them.
    ///
    /// # Panics
    /// If `pixels` is not `3 · height · width` long, a side is no multiple of [`SIDE_STEP`], or `stages`
    /// names none.
    pub fn places(&self, pixels: &[u8], height: usize, width: usize, stages: &[usize]) -> Places {
        assert!([height, width].iter().all(|side| side.is_multiple_of(SIDE_STEP)), "sides");
        let last = stages.iter().copied().max().filter(|&last| last <= STAGES);
        let last = last.expect("there is a stage to look at");
        let maps = match self {
            Self::Host(network) => network.stages(pixels, height, width, last),
            Self::Device(network) => network.stages(pixels, height, width, last),
        };
        let chosen: Vec<&StageMap> = stages.iter().map(|&stage| &maps[stage - 1]).collect();
        side_by_side(&chosen, height / PLACE, width / PLACE)
    }
}

/// Numbers of each place that maps after `stages` give.
pub fn place_channels(stages: &[usize]) -> usize {
    stages.iter().map(|&stage| crate::efficientnet_lite::TABLE[stage - 1].channels).sum()
}

/// Maps averaged over neighbours and brought to a grid of `height` × `width` places.
fn side_by_side(maps: &[&StageMap], height: usize, width: usize) -> Places {
    let channels = maps.iter().map(|map| map.channels).sum();
    let mut values = vec![0.0; height * width * channels];
    let mut first = 0;
    for map in maps {
        let smooth = averaged(map);
        for (place, to) in values.chunks_exact_mut(channels).enumerate() {
            let (y, x) = (place / width, place % width);
            let to = &mut to[first..][..map.channels];
            to.fill(0.0);
            // Cells of the map that fall into the place: the place's own one where maps are coarser.
            let rows = cells(y, height, map.height);
            let columns = cells(x, width, map.width);
            let count = (rows.len() * columns.len()) as f32;
            for row in rows {
                for column in columns.clone() {
                    let from = &smooth[(row * map.width + column) * map.channels..];
                    to.iter_mut().zip(from).for_each(|(sum, value)| *sum += value);
                }
            }
            to.iter_mut().for_each(|sum| *sum /= count);
        }
        first += map.channels;
    }
    Places { height, width, channels, values }
}

/// The cells, of `size`, under place `at` of `places`.
fn cells(at: usize, places: usize, size: usize) -> std::ops::Range<usize> {
    at * size / places..((at + 1) * size).div_ceil(places)
}

/// The mean of 3 × 3 neighbours, those outside counting as zeros; column sums first.
fn averaged(map: &StageMap) -> Vec<f32> {
    let StageMap { height, width, channels, values } = map;
    let row_length = width * channels;
    let mut to = vec![0.0; values.len()];
    let mut sums = vec![0.0; row_length];
    for (y, to) in to.chunks_exact_mut(row_length).enumerate() {
        sums.fill(0.0);
        for row in y.saturating_sub(1)..(y + 2).min(*height) {
            let from = &values[row * row_length..][..row_length];
            sums.iter_mut().zip(from).for_each(|(sum, value)| *sum += value);
        }
        for x in 0..*width {
            let to = &mut to[x * channels..][..*channels];
            for column in x.saturating_sub(1)..(x + 2).min(*width) {
                let from = &sums[column * channels..];
                to.iter_mut().zip(from).for_each(|(sum, value)| *sum += value);
            }
            to.iter_mut().for_each(|sum| *sum /= 9.0);
        }
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_averaged_with_zeros_outside() {
        let map =
            StageMap { height: 2, width: 2, channels: 1, values: vec![9.0, 18.0, 27.0, 36.0] };
        // All four are neighbours of each.
        assert_eq!(averaged(&map), [10.0; 4]);
        let row = StageMap { height: 1, width: 3, channels: 1, values: vec![9.0, 18.0, 36.0] };
        assert_eq!(averaged(&row), [3.0, 7.0, 6.0]);
    }

    #[test]
    fn finer_maps_are_averaged_and_coarser_ones_repeated() {
        assert_eq!(cells(1, 28, 56), 2..4);
        assert_eq!(cells(3, 28, 28), 3..4);
        assert_eq!([cells(2, 28, 14), cells(3, 28, 14)], [1..2, 1..2]);
        let flat = |side: usize, value: f32| StageMap {
            height: side,
            width: side,
            channels: 1,
            values: vec![value; side * side],
        };
        let places = side_by_side(&[&flat(12, 9.0), &flat(3, 18.0)], 6, 6);
        assert_eq!((places.height, places.width, places.channels), (6, 6, 2));
        // In the middle no neighbour is missing.
        assert_eq!(places.values[(2 * 6 + 2) * 2..][..2], [9.0, 18.0]);
    }

    #[test]
    fn stages_give_their_channels() {
        assert_eq!(place_channels(&[3, 4, 5]), 232);
        let pixels: Vec<u8> = (0..3 * 64 * 96).map(|at| (at * at / 7 % 251) as u8).collect();
        let places = PlaceExtractor::on_host().places(&pixels, 64, 96, &[3, 4, 5]);
        assert_eq!((places.height, places.width, places.channels), (4, 6, 232));
        assert_eq!(places.values.len(), 4 * 6 * 232);
        assert!(places.values.iter().all(|value| value.is_finite()));
    }
}
