//! Where in an image its features come from: the last convolution's share in a function of them.

use rayon::prelude::*;

use crate::error::FeatureError;
use crate::extractor::{
    BATCH, CHANNELS, Extractor, FEATURES, IMAGE_SIZE, Network, SCALES, check_sizes, side_by_side,
};
use crate::host::HostAlexNet;
use crate::normalize::normalize;

/// How the last convolution's cells lie on the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GridLayout {
    /// Cells along each side.
    pub side: usize,
    /// Pixel of the 448 × 448 image on which the first cell's receptive field is centred.
    pub first: f32,
    /// Pixels from one cell's centre to the next.
    pub stride: f32,
}

/// The grids of the three scales, finest first.
///
/// One axis: the first convolution (11 wide, stride 4, padding 2) is centred on pixels 4i + 3, the
/// poolings (3 wide, stride 2) on 8i + 7 and 16i + 15; half the scale has twice the pixels.
pub const GRIDS: [GridLayout; SCALES.len()] = [
    GridLayout { side: 27, first: 15.0, stride: 16.0 },
    GridLayout { side: 13, first: 30.0, stride: 32.0 },
    GridLayout { side: 6, first: 60.0, stride: 64.0 },
];

/// Features, and what each cell of the last convolution contributes to a function of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// Row-major `[images, 768]`.
    pub features: Vec<f32>,
    /// For each of [`GRIDS`], row-major `[images, side, side]`.
    pub grids: [Vec<f32>; SCALES.len()],
}

impl Extractor {
    /// The contribution of every place to a function of the features, linearised.
    ///
    /// A feature is the mean over pooled maxima. Each maximum m of channel k adds g_k·(m − b_k) / n
    /// at the cell where it was found, with g the function's gradient, b the baseline and n the
    /// number of maxima: over all cells and scales this sums to Σ_k g_k·(f_k − b_k).
    ///
    /// - `images`: interleaved 8-bit RGB of 448 × 448 pixels
    /// - `baseline`: what a feature is like where nothing is wrong, `[768]`
    /// - `gradient`: given features `[n, 768]`, the function's gradient at each row, `[n, 768]`
    ///
    /// # Errors
    /// [`FeatureError::ImageSize`] if an image has another number of bytes.
    ///
    /// # Panics
    /// If `baseline` or what `gradient` returns has another size.
    pub fn extract_with_contributions(
        &self,
        images: &[&[u8]],
        baseline: &[f32],
        gradient: &mut dyn FnMut(&[f32]) -> Vec<f32>,
    ) -> Result<Contributions, FeatureError> {
        check_sizes(images)?;
        assert_eq!(baseline.len(), FEATURES, "a baseline for each feature");
        let mut all = Contributions { features: Vec::new(), grids: [const { Vec::new() }; 3] };
        for batch in images.chunks(BATCH) {
            let (features, maps) = self.last_maps(batch);
            let gradients = gradient(&features);
            assert_eq!(gradients.len(), features.len(), "a gradient for each feature");
            all.features.extend(features);
            for (scale, (maps, layout)) in maps.iter().zip(GRIDS).enumerate() {
                let image = |(index, maps): (usize, &[f32])| {
                    let columns = scale * CHANNELS..(scale + 1) * CHANNELS;
                    let row = &gradients[index * FEATURES..(index + 1) * FEATURES];
                    spread(maps, layout.side, &row[columns.clone()], &baseline[columns])
                };
                let image_size = layout.side * layout.side * CHANNELS;
                let grids: Vec<Vec<f32>> =
                    maps.par_chunks_exact(image_size).enumerate().map(image).collect();
                all.grids[scale].extend(grids.into_iter().flatten());
            }
        }
        Ok(all)
    }

    /// Features `[images, 768]`, and for each scale the last convolution's maps
    /// `[images, side, side, 256]`.
    fn last_maps(&self, images: &[&[u8]]) -> (Vec<f32>, [Vec<f32>; SCALES.len()]) {
        match &self.network {
            Network::Host { network, .. } => {
                let maps = SCALES
                    .map(|scale| network.last_maps(images, IMAGE_SIZE, IMAGE_SIZE / scale, None));
                let features =
                    side_by_side(&maps.each_ref().map(|maps| HostAlexNet::features_of(maps, None)));
                (features, maps.map(|maps| maps.into_values()))
            }
            Network::Device { network, device, .. } => {
                let maps = network.last_maps(normalize(images, IMAGE_SIZE, device)); // [n, 256, side, side]
                let features = network.features_of(maps.clone()).into_data(); // [n, 768]
                let maps = maps.map(|maps| {
                    let data = maps.permute([0, 2, 3, 1]).into_data(); // [n, side, side, 256]
                    data.iter::<f32>().collect()
                });
                (features.iter::<f32>().collect(), maps)
            }
        }
    }
}

/// The grid `[side, side]` of what the pooled maxima of `maps`, `[side, side, 256]`, contribute.
fn spread(maps: &[f32], side: usize, gradient: &[f32], baseline: &[f32]) -> Vec<f32> {
    let pooled = (side - 3) / 2 + 1;
    let mut grid = vec![0.0; side * side];
    for y in 0..pooled {
        for x in 0..pooled {
            for channel in 0..CHANNELS {
                let mut best = (f32::NEG_INFINITY, 0);
                for cell_y in 2 * y..2 * y + 3 {
                    for cell_x in 2 * x..2 * x + 3 {
                        let cell = cell_y * side + cell_x;
                        let value = maps[cell * CHANNELS + channel];
                        if value > best.0 {
                            best = (value, cell);
                        }
                    }
                }
                grid[best.1] += gradient[channel] * (best.0 - baseline[channel]);
            }
        }
    }
    let maxima = (pooled * pooled) as f32;
    grid.iter_mut().for_each(|value| *value /= maxima);
    grid
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn texture(seed: u32) -> Vec<u8> {
        let mut state = seed;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        noise.take(3 * IMAGE_SIZE * IMAGE_SIZE).collect()
    }

    fn weights(features: &[f32]) -> Vec<f32> {
        (0..features.len()).map(|index| ((index % FEATURES) as f32 * 0.37).sin()).collect()
    }

    #[test]
    fn contributions_sum_to_the_linearised_function() {
        let images = [texture(1), texture(2)];
        let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
        let baseline: Vec<f32> = (0..FEATURES).map(|index| (index % 7) as f32 * 0.1).collect();
        let extractor = Extractor::on_host();
        let found = extractor
            .extract_with_contributions(&images, &baseline, &mut weights)
            .expect("right size");
        assert_eq!(found.features, extractor.extract(&images).expect("right size"));
        for (index, row) in found.features.chunks_exact(FEATURES).enumerate() {
            let expected: f32 =
                row.iter().zip(&baseline).zip(weights(row)).map(|((f, b), g)| g * (f - b)).sum();
            let sums = found.grids.iter().zip(GRIDS).map(|(grid, layout)| {
                let cells = layout.side * layout.side;
                grid[index * cells..(index + 1) * cells].iter().sum::<f32>()
            });
            // Thousands of terms of either sign: f32 keeps about four digits of the sum.
            let found: f32 = sums.sum();
            assert!((found - expected).abs() < 2e-3, "{found} {expected}");
        }
    }

    #[test]
    fn host_and_device_find_the_same_places() {
        let image = texture(3);
        let baseline = vec![0.1; FEATURES];
        let find = |extractor: Extractor| {
            extractor
                .extract_with_contributions(&[&image], &baseline, &mut weights)
                .expect("right size")
        };
        let (host, device) =
            (find(Extractor::on_host()), find(Extractor::on_device(&Device::flex())));
        for (host, device) in host.grids.iter().zip(&device.grids) {
            let norm = |values: &mut dyn Iterator<Item = f32>| {
                values.map(|value| value * value).sum::<f32>().sqrt()
            };
            let error = norm(&mut host.iter().zip(device).map(|(a, b)| a - b));
            // A maximum may change its place where two cells tie up to rounding.
            assert!(error < 1e-2 * norm(&mut device.iter().copied()), "{error}");
        }
    }

    #[test]
    fn a_spot_contributes_where_it_is() {
        // One bright spot on grey, near the lower right corner.
        let (spot_x, spot_y) = (350, 290);
        let mut image = vec![128_u8; 3 * IMAGE_SIZE * IMAGE_SIZE];
        for y in spot_y - 10..spot_y + 10 {
            for x in spot_x - 10..spot_x + 10 {
                image[3 * (y * IMAGE_SIZE + x)..][..3].copy_from_slice(&[255, 250, 10]);
            }
        }
        let extractor = Extractor::on_host();
        let flat = vec![128_u8; 3 * IMAGE_SIZE * IMAGE_SIZE];
        let baseline = extractor.extract(&[&flat]).expect("right size");
        // Half the squared distance to the flat image's features.
        let mut gradient = |features: &[f32]| -> Vec<f32> {
            features.iter().zip(&baseline).map(|(f, b)| f - b).collect()
        };
        let found = extractor
            .extract_with_contributions(&[&image], &baseline, &mut gradient)
            .expect("right size");
        let (grid, layout) = (&found.grids[0], GRIDS[0]);
        let best = (0..grid.len()).max_by(|&a, &b| grid[a].total_cmp(&grid[b])).expect("cells");
        let center = |cell: usize| layout.first + layout.stride * cell as f32;
        let (x, y) = (center(best % layout.side), center(best / layout.side));
        // Within the spot or the cells next to it.
        assert!((x - spot_x as f32).abs() <= 26.0, "{x}");
        assert!((y - spot_y as f32).abs() <= 26.0, "{y}");
    }
}
