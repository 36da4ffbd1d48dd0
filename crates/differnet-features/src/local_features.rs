//! Local features: the last convolution's maps at full resolution.

use crate::backbone::Backbone;
use crate::error::FeatureError;
use crate::extractor::{
    BATCH, CHANNELS, Extractor, IMAGE_SIZE, Network, SCALES, check_sizes, side_by_side,
};
use crate::host::HostAlexNet;
use crate::normalize::normalize;
use crate::stage_means::{scaled_maps, spatial_means};
use crate::stages::StageNetwork;

/// Grid of the cells of a network's map with a stride of 16 pixels, such as that of AlexNet's last
/// convolution, on the 448 × 448 image.
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

/// AlexNet's grid at full resolution; of other networks see [`Backbone::local_grid`].
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
    /// Features of their places at 448 pixels, row-major `[images, side, side, channels]` of the grid.
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
                Network::Stages { network, .. } => {
                    stage_local_features(self.backbone, &**network, batch)
                }
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

/// Features `[images, features]` and local features `[images, side, side, channels]` of one batch.
fn stage_local_features(
    backbone: Backbone,
    network: &dyn StageNetwork,
    images: &[&[u8]],
) -> (Vec<f32>, Vec<f32>) {
    let (pooled, of_places) = (backbone.pooled_stages(), backbone.local_stage());
    let (grid, first) = (backbone.local_grid(), backbone.first_local_cell());
    let (mut features, mut local) = (Vec::new(), Vec::new());
    for image in images {
        for side in SCALES {
            let seen = |stage: &usize| {
                pooled.contains(stage) || (side == IMAGE_SIZE && *stage == of_places)
            };
            let stages: Vec<usize> = (1..=backbone.stages()).filter(seen).collect();
            let maps = scaled_maps(network, image, side, &stages);
            let numbered = || stages.iter().zip(&maps);
            let averaged = numbered().filter(|(stage, _)| pooled.contains(stage));
            features.extend(spatial_means(averaged.map(|(_, map)| map)));
            let places = numbered().find(|(stage, _)| side == IMAGE_SIZE && **stage == of_places);
            if let Some((_, map)) = places {
                let rows = map.values.chunks_exact(map.width * map.channels).skip(first);
                let kept = first * map.channels..(first + grid.side) * map.channels;
                local.extend(rows.take(grid.side).flat_map(|row| &row[kept.clone()]));
            }
        }
    }
    (features, local)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::pretrained_weights::PretrainedWeights;

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
        for backbone in Backbone::EMBEDDED {
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
        let weights = PretrainedWeights::untrained(Backbone::ResNet18, 1);
        for extractor in [
            Extractor::on_host(Backbone::AlexNet),
            Extractor::on_host(Backbone::EfficientNetLite0),
            Extractor::on_host_with(&weights),
        ] {
            let backbone = extractor.backbone();
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
