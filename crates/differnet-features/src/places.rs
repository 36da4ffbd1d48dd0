//! Features of an image's places: maps of several stages brought to one grid, side by side.
//!
//! As PatchCore does (Roth et al. 2022): each map is averaged over neighbours, then brought to the grid.

use burn::tensor::Device;
use rayon::prelude::*;

use crate::alexnet::AlexNet;
use crate::backbone::Backbone;
use crate::efficientnet_lite::{EfficientNetLite, HostEfficientNetLite};
use crate::host::HostAlexNet;
use crate::pretrained_weights::PretrainedWeights;
use crate::stages::{StageMap, StageNetwork};
use crate::torchvision::{HostTorchvisionNetwork, TorchvisionNetwork};
use crate::weights;

/// Pixels from one place to the next, and of a place's side.
pub const PLACE: usize = 16;
/// Every side of an image is a multiple of this.
pub const SIDE_STEP: usize = 32;

/// A network of stages in the form in which its device computes fastest.
#[derive(Debug)]
pub struct PlaceExtractor {
    backbone: Backbone,
    /// `None` if they are compiled in.
    weights: Option<PretrainedWeights>,
    network: Box<dyn StageNetwork>,
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
    /// The network with its compiled-in weights for the host processor.
    ///
    /// # Panics
    /// If its weights are not compiled in.
    pub fn on_host(backbone: Backbone) -> Self {
        Self { backbone, weights: None, network: host_network(backbone) }
    }

    /// The network with its compiled-in weights for any Burn device.
    ///
    /// # Panics
    /// As [`on_host`](Self::on_host).
    pub fn on_device(backbone: Backbone, device: &Device) -> Self {
        Self { backbone, weights: None, network: device_network(backbone, device) }
    }

    /// The network with loaded weights for the host processor.
    pub fn on_host_with(weights: &PretrainedWeights) -> Self {
        let network = Box::new(HostTorchvisionNetwork::new(weights));
        Self { backbone: weights.backbone(), weights: Some(weights.clone()), network }
    }

    /// The network with loaded weights for any Burn device.
    pub fn on_device_with(weights: &PretrainedWeights, device: &Device) -> Self {
        let network = Box::new(TorchvisionNetwork::new(weights, device));
        Self { backbone: weights.backbone(), weights: Some(weights.clone()), network }
    }

    /// The network.
    pub fn backbone(&self) -> Backbone {
        self.backbone
    }

    /// Name of the network with the weights of its stages up to the `last`: equal names mean equal maps up to
    /// rounding.
    ///
    /// # Panics
    /// If it has no such stage.
    pub fn id(&self, last: usize) -> String {
        match &self.weights {
            Some(weights) => weights.id(last),
            None => self.backbone.embedded_id(),
        }
    }

    /// The maps after `stages` (numbers from 1, rising) of an interleaved RGB image.
    ///
    /// # Panics
    /// If `pixels` is not `3 · height · width` long, a side is no multiple of [`SIDE_STEP`], or `stages`
    /// are not the network's.
    pub fn maps(
        &self,
        pixels: &[u8],
        height: usize,
        width: usize,
        stages: &[usize],
    ) -> Vec<StageMap> {
        assert!([height, width].iter().all(|side| side.is_multiple_of(SIDE_STEP)), "sides");
        let known =
            1..=self.weights.as_ref().map_or(self.backbone.stages(), PretrainedWeights::stages);
        assert!(stages.iter().all(|stage| known.contains(stage)), "stages of the network");
        self.network.maps(pixels, height, width, stages)
    }
}

/// The network of `backbone` with its compiled-in weights on the host processor.
pub(crate) fn host_network(backbone: Backbone) -> Box<dyn StageNetwork> {
    match backbone {
        Backbone::AlexNet => Box::new(HostAlexNet::new(&weights::embedded())),
        Backbone::EfficientNetLite0 => Box::new(HostEfficientNetLite::new()),
        _ => panic!("{backbone}'s weights are not compiled in"),
    }
}

/// The network of `backbone` with its compiled-in weights on a Burn device.
pub(crate) fn device_network(backbone: Backbone, device: &Device) -> Box<dyn StageNetwork> {
    match backbone {
        Backbone::AlexNet => Box::new(AlexNet::new(device)),
        Backbone::EfficientNetLite0 => Box::new(EfficientNetLite::new(device)),
        _ => panic!("{backbone}'s weights are not compiled in"),
    }
}

impl Places {
    /// Maps averaged over `neighbours` × `neighbours` (odd) of their own cells, then brought to a grid of
    /// `height` × `width` places: finer ones averaged, coarser ones interpolated bilinearly.
    ///
    /// # Panics
    /// If `neighbours` is even, or there are no maps.
    pub fn of(maps: &[&StageMap], neighbours: usize, height: usize, width: usize) -> Self {
        assert!(neighbours % 2 == 1 && !maps.is_empty(), "odd neighbourhoods of maps");
        let channels = maps.iter().map(|map| map.channels).sum();
        let mut values = vec![0.0; height * width * channels];
        let mut first = 0;
        for map in maps {
            let smooth = StageMap { values: averaged(map, neighbours / 2), ..**map };
            let rows: Vec<_> = (0..height).map(|y| Cells::of(y, height, map.height)).collect();
            let columns: Vec<_> = (0..width).map(|x| Cells::of(x, width, map.width)).collect();
            let lines = values.par_chunks_exact_mut(width * channels).zip(&rows);
            lines.for_each(|(line, row)| {
                for (to, column) in line.chunks_exact_mut(channels).zip(&columns) {
                    smooth.add_cells(row, column, &mut to[first..][..map.channels]);
                }
            });
            first += map.channels;
        }
        Self { height, width, channels, values }
    }
}

/// Cells along one side of a map that make up a place, and the weight of each.
#[derive(Debug, PartialEq)]
struct Cells(Vec<(usize, f32)>);

impl Cells {
    /// The cells, of `size`, of place `at` of `places`.
    fn of(at: usize, places: usize, size: usize) -> Self {
        if size >= places {
            let cells = at * size / places..((at + 1) * size).div_ceil(places);
            let weight = 1.0 / cells.len() as f32;
            return Self(cells.map(|cell| (cell, weight)).collect());
        }
        let exact = (at as f32 + 0.5) * size as f32 / places as f32 - 0.5;
        let exact = exact.clamp(0.0, (size - 1) as f32);
        let (low, share) = (exact as usize, exact.fract());
        if share == 0.0 {
            Self(vec![(low, 1.0)])
        } else {
            Self(vec![(low, 1.0 - share), (low + 1, share)])
        }
    }
}

impl StageMap {
    /// Adds the weighted cells to `to`, `[channels]`.
    fn add_cells(&self, rows: &Cells, columns: &Cells, to: &mut [f32]) {
        for &(row, row_weight) in &rows.0 {
            for &(column, column_weight) in &columns.0 {
                let weight = row_weight * column_weight;
                let from = &self.values[(row * self.width + column) * self.channels..];
                to.iter_mut().zip(from).for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }
}

/// The mean of each cell and of its neighbours up to `reach` cells away, those outside left out; sums of
/// columns first.
fn averaged(map: &StageMap, reach: usize) -> Vec<f32> {
    let StageMap { height, width, channels, values } = map;
    let row_length = width * channels;
    let around = |at: usize, size: usize| at.saturating_sub(reach)..(at + reach + 1).min(size);
    let mut to = vec![0.0; values.len()];
    let average_row = |sums: &mut Vec<f32>, (y, to): (usize, &mut [f32])| {
        sums.fill(0.0);
        let rows = around(y, *height);
        for row in rows.clone() {
            let from = &values[row * row_length..][..row_length];
            sums.iter_mut().zip(from).for_each(|(sum, value)| *sum += value);
        }
        for x in 0..*width {
            let to = &mut to[x * channels..][..*channels];
            let columns = around(x, *width);
            let weight = 1.0 / (rows.len() * columns.len()) as f32;
            for column in columns {
                let from = &sums[column * channels..];
                to.iter_mut().zip(from).for_each(|(sum, value)| *sum += value);
            }
            to.iter_mut().for_each(|sum| *sum *= weight);
        }
    };
    let lines = to.par_chunks_exact_mut(row_length).enumerate();
    lines.for_each_init(|| vec![0.0; row_length], average_row);
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_averaged_without_those_outside() {
        let map =
            StageMap { height: 2, width: 2, channels: 1, values: vec![8.0, 16.0, 24.0, 32.0] };
        // All four are neighbours of each.
        assert_eq!(averaged(&map, 1), [20.0; 4]);
        assert_eq!(averaged(&map, 0), map.values);
        let row = StageMap { height: 1, width: 4, channels: 1, values: vec![8.0, 16.0, 36.0, 4.0] };
        let close = |found: Vec<f32>, expected: [f32; 4]| {
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5)
        };
        assert!(close(averaged(&row, 1), [12.0, 20.0, 56.0 / 3.0, 20.0]));
        assert!(close(averaged(&row, 2), [20.0, 16.0, 16.0, 56.0 / 3.0]));
    }

    #[test]
    fn finer_maps_are_averaged_and_coarser_ones_interpolated() {
        assert_eq!(Cells::of(1, 28, 56), Cells(vec![(2, 0.5), (3, 0.5)]));
        assert_eq!(Cells::of(3, 28, 28), Cells(vec![(3, 1.0)]));
        // Centres of places 0, 1, 2 and 27 lie at -0.25, 0.25, 0.75 and 13.25 cells.
        assert_eq!(Cells::of(0, 28, 14), Cells(vec![(0, 1.0)]));
        assert_eq!(Cells::of(1, 28, 14), Cells(vec![(0, 0.75), (1, 0.25)]));
        assert_eq!(Cells::of(2, 28, 14), Cells(vec![(0, 0.25), (1, 0.75)]));
        assert_eq!(Cells::of(27, 28, 14), Cells(vec![(13, 1.0)]));
        let flat = |side: usize, value: f32| StageMap {
            height: side,
            width: side,
            channels: 1,
            values: vec![value; side * side],
        };
        let places = Places::of(&[&flat(12, 9.0), &flat(3, 18.0)], 3, 6, 6);
        assert_eq!((places.height, places.width, places.channels), (6, 6, 2));
        assert_eq!(places.values, [9.0, 18.0].repeat(36));
    }

    #[test]
    fn stages_give_their_channels() {
        let pixels = texture(64, 96);
        for backbone in Backbone::EMBEDDED {
            let maps = PlaceExtractor::on_host(backbone).maps(&pixels, 64, 96, &[3, 4, 5]);
            let places = Places::of(&maps.iter().collect::<Vec<_>>(), 3, 4, 6);
            let channels = backbone.place_channels(&[3, 4, 5]);
            assert_eq!((places.height, places.width, places.channels), (4, 6, channels));
            assert_eq!(places.values.len(), 4 * 6 * channels);
            assert!(places.values.iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn alexnets_places_are_the_same_on_host_and_device_at_any_shape() {
        let backbone = Backbone::AlexNet;
        let (host, device) = (
            PlaceExtractor::on_host(backbone),
            PlaceExtractor::on_device(backbone, &Device::flex()),
        );
        for (height, width) in [(32, 32), (96, 160), (224, 64)] {
            let pixels = texture(height, width);
            let found = host.maps(&pixels, height, width, &[1, 2, 3, 4, 5]);
            let expected = device.maps(&pixels, height, width, &[1, 2, 3, 4, 5]);
            for (stage, (found, expected)) in (1..).zip(found.iter().zip(&expected)) {
                let shape = |map: &StageMap| (map.height, map.width, map.channels);
                assert_eq!(shape(found), shape(expected));
                assert_eq!(found.channels, backbone.place_channels(&[stage]));
                let norm = |values: &mut dyn Iterator<Item = f32>| -> f32 {
                    values.map(|value| value * value).sum::<f32>().sqrt()
                };
                let pairs = found.values.iter().zip(&expected.values);
                let off = norm(&mut pairs.map(|(a, b)| a - b));
                // Winograd's transforms cost about two decimal digits of f32's seven.
                assert!(off < 1e-4 * norm(&mut expected.values.iter().copied()), "{stage}: {off}");
            }
        }
    }

    fn texture(height: usize, width: usize) -> Vec<u8> {
        (0..3 * height * width).map(|at| (at * at / 7 % 251) as u8).collect()
    }
}
