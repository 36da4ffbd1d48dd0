//! Local features: the last convolution's maps at full resolution.

use crate::error::FeatureError;
use crate::extractor::{
    BATCH, CHANNELS, Extractor, IMAGE_SIZE, Network, SCALES, check_sizes, side_by_side,
};
use crate::host::HostAlexNet;
use crate::normalize::normalize;
use crate::stage_means::{scaled_maps, spatial_means};
use crate::stages::StageNetwork;

/// Grid of the cells of AlexNet's last convolution, or of EfficientNet-Lite0's fifth stage, on the
/// 448 × 448 image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalGrid {
    /// Cells along each side.
    pub side: usize,
    /// Numbers that describe a cell.
    pub channels: usize,
    /// Pixel on which the first cell's receptive field is centred.
    pub first: f32,
    /// Pixels from one cell's centre to the next.
    pub stride: f32,
}

/// AlexNet's grid at full resolution; other networks have other channels.
///
/// One axis: the first convolution (11 wide, stride 4, padding 2) is centred on pixels 4i + 3, the
/// poolings (3 wide, stride 2) on 8i + 7 and 16i + 15. EfficientNet-Lite0's strides, whose padding goes right
/// and below, lead to the same; its last row and column of cells, centred on the image's edge, are left out.
pub const LOCAL_GRID: LocalGrid =
    LocalGrid { side: 27, channels: CHANNELS, first: 15.0, stride: 16.0 };

/// Features of images and of their places.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalFeatures {
    /// Features of the whole images, row-major `[images, features]`; to the last bit those of
    /// [`Extractor::extract`].
    pub features: Vec<f32>,
    /// Features of their places at 448 pixels, row-major `[images, 27, 27, channels]`.
    pub local: Vec<f32>,
}

impl Extractor {
    /// Features of interleaved 8-bit RGB images of 448 × 448 pixels and of their places.
    ///
    /// # Errors
    /// [`FeatureError::ImageSize`] if an image has another number of bytes.
    pub fn extract_with_local_features(
        &self,
        images: &[&[u8]],
    ) -> Result<LocalFeatures, FeatureError> {
        check_sizes(images)?;
        let mut all = LocalFeatures { features: Vec::new(), local: Vec::new() };
        for batch in images.chunks(BATCH) {
            let (features, local) = match &self.network {
                Network::Host { network, .. } => host_local_features(network, batch),
                Network::Device { network, device, .. } => {
                    let images = normalize(batch, IMAGE_SIZE, device); // [batch, 3, 448, 448]
                    let maps = network.last_maps(images); // [batch, 256, side, side] each
                    let local = maps[0].clone().permute([0, 2, 3, 1]); // [batch, 27, 27, 256]
                    let features = network.features_of(maps); // [batch, 768]
                    (
                        features.into_data().iter::<f32>().collect(),
                        local.into_data().iter::<f32>().collect(),
                    )
                }
                Network::Stages { network, .. } => stage_local_features(&**network, batch),
            };
            all.features.extend(features);
            all.local.extend(local);
        }
        Ok(all)
    }
}

/// Features `[images, 768]` and local features `[images, 27, 27, 256]` of one batch.
fn host_local_features(network: &HostAlexNet, images: &[&[u8]]) -> (Vec<f32>, Vec<f32>) {
    let mut local = Vec::new();
    let scales = SCALES.map(|scale| {
        let maps = network.last_maps(images, IMAGE_SIZE, IMAGE_SIZE / scale, None);
        let features = HostAlexNet::features_of(&maps, None); // [images, 256]
        if scale == IMAGE_SIZE {
            local = maps.into_values();
        }
        features
    });
    (side_by_side(&scales), local)
}

/// Features `[images, features]` and local features `[images, 27, 27, channels]` of one batch.
fn stage_local_features(network: &dyn StageNetwork, images: &[&[u8]]) -> (Vec<f32>, Vec<f32>) {
    let (mut features, mut local) = (Vec::new(), Vec::new());
    for image in images {
        for side in SCALES {
            let maps = scaled_maps(network, image, side);
            features.extend(spatial_means(&maps));
            if let Some(last) = maps.last().filter(|_| side == IMAGE_SIZE) {
                let rows = last.values.chunks_exact(last.width * last.channels);
                let kept = LOCAL_GRID.side * last.channels;
                local.extend(rows.take(LOCAL_GRID.side).flat_map(|row| &row[..kept]));
            }
        }
    }
    (features, local)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::backbone::Backbone;

    /// One bright spot on grey.
    fn spot(center_x: usize, center_y: usize) -> Vec<u8> {
        let mut image = vec![128_u8; 3 * IMAGE_SIZE * IMAGE_SIZE];
        for y in center_y - 10..center_y + 10 {
            for x in center_x - 10..center_x + 10 {
                image[3 * (y * IMAGE_SIZE + x)..][..3].copy_from_slice(&[255, 250, 10]);
            }
        }
        image
    }

    #[test]
    fn host_and_device_agree_and_the_features_are_the_plain_ones() {
        let images = [spot(350, 290), spot(100, 60)];
        let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
        let extract = |extractor: &Extractor| extractor.extract_with_local_features(&images);
        for backbone in Backbone::ALL {
            let extractor = Extractor::on_host(backbone);
            let host = extract(&extractor).expect("right size");
            let device = Extractor::on_device(backbone, &Device::flex());
            let device = extract(&device).expect("right size");
            assert_eq!(host.features, extractor.extract(&images).expect("right size"));
            assert_eq!(host.local.len(), 2 * 27 * 27 * backbone.local_grid().channels);
            let norm =
                |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
            let error = norm(&mut host.local.iter().zip(&device.local).map(|(a, b)| a - b));
            // Winograd's transforms cost about two decimal digits of f32's seven.
            assert!(error < 1e-4 * norm(&mut device.local.iter().copied()), "{error}");
        }
    }

    #[test]
    fn a_spot_changes_the_cells_around_it() {
        let (spot_x, spot_y) = (350, 290);
        let flat = vec![128_u8; 3 * IMAGE_SIZE * IMAGE_SIZE];
        let image = spot(spot_x, spot_y);
        for backbone in Backbone::ALL {
            let extractor = Extractor::on_host(backbone);
            let found = extractor.extract_with_local_features(&[&image, &flat]);
            let local = found.expect("right size").local;
            let LocalGrid { side, channels, first, stride } = backbone.local_grid();
            let (spot, flat) = local.split_at(side * side * channels);
            let change = |cell: usize| -> f32 {
                let cell = cell * channels..(cell + 1) * channels;
                spot[cell.clone()].iter().zip(&flat[cell]).map(|(a, b)| (a - b).powi(2)).sum()
            };
            let best = (0..side * side)
                .max_by(|&a, &b| change(a).total_cmp(&change(b)))
                .expect("there are cells");
            let center = |cell: usize| first + stride * cell as f32;
            // Within the spot or the cells next to it.
            assert!((center(best % side) - spot_x as f32).abs() <= 26.0, "{backbone}");
            assert!((center(best / side) - spot_y as f32).abs() <= 26.0, "{backbone}");
        }
    }
}
