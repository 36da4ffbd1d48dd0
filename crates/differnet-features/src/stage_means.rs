//! Features of an image as a whole by a network of stages: spatial means of the maps after some of them.

use crate::extractor::IMAGE_SIZE;
use crate::stages::{StageMap, StageNetwork};

/// Maps after `stages` (numbers from 1, rising) of a 448 × 448 image at the scale of `side` pixels.
pub(crate) fn scaled_maps(
    network: &dyn StageNetwork,
    image: &[u8],
    side: usize,
    stages: &[usize],
) -> Vec<StageMap> {
    let sampled = every_nth_pixel(image, IMAGE_SIZE / side);
    network.maps(&sampled, side, side, stages)
}

/// The spatial mean of each channel of each map, side by side.
pub(crate) fn spatial_means<'a>(maps: impl IntoIterator<Item = &'a StageMap>) -> Vec<f32> {
    let mean = |map: &StageMap| {
        let mut sums = vec![0.0_f64; map.channels];
        for cell in map.values.chunks_exact(map.channels) {
            sums.iter_mut().zip(cell).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let cells = (map.height * map.width) as f64;
        sums.into_iter().map(move |sum| (sum / cells) as f32)
    };
    maps.into_iter().flat_map(mean).collect()
}

/// Nearest sampling of an interleaved RGB image of [`IMAGE_SIZE`], as AlexNet's scales see it.
fn every_nth_pixel(image: &[u8], step: usize) -> Vec<u8> {
    let rows = image.chunks_exact(3 * IMAGE_SIZE).step_by(step);
    rows.flat_map(|row| row.chunks_exact(3).step_by(step)).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_those_of_the_channels_side_by_side() {
        let map = |channels, values| StageMap { height: 1, width: 2, channels, values };
        let maps = [map(1, vec![1.0, 4.0]), map(2, vec![1.0, 10.0, 3.0, 30.0])];
        assert_eq!(spatial_means(&maps), [2.5, 2.0, 20.0]);
    }

    #[test]
    fn sampling_takes_the_first_pixel_of_each_block() {
        let image: Vec<u8> = (0..IMAGE_SIZE * IMAGE_SIZE)
            .flat_map(|at| [(at % IMAGE_SIZE / 2) as u8, (at / IMAGE_SIZE / 2) as u8, 7])
            .collect();
        let found = every_nth_pixel(&image, 4);
        assert_eq!(found.len(), 3 * 112 * 112);
        assert_eq!(found[..6], [0, 0, 7, 2, 0, 7]);
        assert_eq!(found[3 * 112..][..3], [0, 2, 7]);
    }
}
