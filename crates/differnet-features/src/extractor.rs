//! The multi-scale feature extractor f_ex (paper, Section 3; sizes in Section 4.2).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::Device;

use crate::alexnet::AlexNet;
use crate::backbone::Backbone;
use crate::error::FeatureError;
use crate::host::{HostAlexNet, HostBackward, Trace};
use crate::normalize::normalize;
use crate::places::{device_network, host_network};
use crate::pretrained_weights::PretrainedWeights;
use crate::stage_means::{scaled_maps, spatial_means};
use crate::stages::StageNetwork;
use crate::torchvision::{HostTorchvisionNetwork, TorchvisionNetwork};
use crate::weights;

/// Side of the square images that go in, pixels.
pub const IMAGE_SIZE: usize = 448;
/// Sides of the images that the network sees, pixels; each divides [`IMAGE_SIZE`].
pub const SCALES: [usize; 3] = [448, 224, 112];
/// Channels of the last convolution.
pub(crate) const CHANNELS: usize = 256;
/// Features per image by AlexNet: 256 channels at each scale.
pub const FEATURES: usize = CHANNELS * SCALES.len();
/// Images per pass: enough to keep matrix products busy, few enough to keep memory small.
pub(crate) const BATCH: usize = 16;

/// Turns images into rows of [`Backbone::features`] numbers, on the host processor or on a Burn device.
#[derive(Debug)]
pub struct Extractor {
    pub(crate) backbone: Backbone,
    pub(crate) network: Network,
    /// `None` if they are compiled in.
    weights: Option<PretrainedWeights>,
    id: String,
    /// Images extracted so far.
    extracted: AtomicU64,
}

/// The network, and what only gradients need, made when the first ones are asked for.
#[derive(Debug)]
pub(crate) enum Network {
    Host {
        network: Box<HostAlexNet>,
        backward: OnceLock<Box<HostBackward>>,
    },
    Device {
        network: Box<AlexNet>,
        device: Device,
        differentiable: OnceLock<Box<AlexNet>>,
    },
    /// Means of the maps after some stages; `None` for the host processor.
    Stages {
        network: Box<dyn StageNetwork>,
        device: Option<Device>,
    },
}

impl Extractor {
    /// The extractor with compiled-in weights for the host processor: Winograd convolutions on all cores.
    ///
    /// # Panics
    /// If the network's weights are not compiled in.
    pub fn on_host(backbone: Backbone) -> Self {
        let network = match backbone {
            Backbone::AlexNet => {
                let network = Box::new(HostAlexNet::new(&weights::embedded()));
                Network::Host { network, backward: OnceLock::new() }
            }
            _ => Network::Stages { network: host_network(backbone), device: None },
        };
        Self::new(backbone, network, None)
    }

    /// The extractor with compiled-in weights for any Burn device: the reference that [`Self::on_host`] is
    /// tested against.
    ///
    /// # Panics
    /// As [`on_host`](Self::on_host).
    pub fn on_device(backbone: Backbone, device: &Device) -> Self {
        let network = match backbone {
            Backbone::AlexNet => {
                let network = Box::new(AlexNet::new(device));
                let (device, differentiable) = (device.clone(), OnceLock::new());
                Network::Device { network, device, differentiable }
            }
            _ => {
                let network = device_network(backbone, device);
                Network::Stages { network, device: Some(device.clone()) }
            }
        };
        Self::new(backbone, network, None)
    }

    /// The extractor with loaded weights for the host processor.
    ///
    /// # Panics
    /// If they do not suffice for all of the network's stages.
    pub fn on_host_with(weights: &PretrainedWeights) -> Self {
        let network = Box::new(HostTorchvisionNetwork::new(weights));
        let network = Network::Stages { network, device: None };
        Self::new(weights.backbone(), network, Some(weights.clone()))
    }

    /// The extractor with loaded weights for any Burn device.
    ///
    /// # Panics
    /// As [`on_host_with`](Self::on_host_with).
    pub fn on_device_with(weights: &PretrainedWeights, device: &Device) -> Self {
        let network = Box::new(TorchvisionNetwork::new(weights, device));
        let network = Network::Stages { network, device: Some(device.clone()) };
        Self::new(weights.backbone(), network, Some(weights.clone()))
    }

    fn new(backbone: Backbone, network: Network, weights: Option<PretrainedWeights>) -> Self {
        let id = id(backbone, weights.as_ref());
        Self { backbone, network, weights, id, extracted: AtomicU64::new(0) }
    }

    /// Another extractor like this one, which has seen no images yet.
    #[must_use]
    pub fn another(&self) -> Self {
        let device = match &self.network {
            Network::Host { .. } | Network::Stages { device: None, .. } => None,
            Network::Device { device, .. } | Network::Stages { device: Some(device), .. } => {
                Some(device)
            }
        };
        match (&self.weights, device) {
            (None, None) => Self::on_host(self.backbone),
            (None, Some(device)) => Self::on_device(self.backbone, device),
            (Some(weights), None) => Self::on_host_with(weights),
            (Some(weights), Some(device)) => Self::on_device_with(weights, device),
        }
    }

    /// The network.
    pub fn backbone(&self) -> Backbone {
        self.backbone
    }

    /// Name of this extractor: equal names mean equal features up to rounding.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Number of images that [`extract`](Self::extract) has seen: rows that no cache had.
    pub fn extracted(&self) -> u64 {
        self.extracted.load(Ordering::Relaxed)
    }

    /// Features, row-major `[images, features]`, of interleaved 8-bit RGB images of 448 × 448 pixels.
    ///
    /// An image's features do not depend on the other images of the call.
    ///
    /// # Errors
    /// [`FeatureError::ImageSize`] if an image has another number of bytes.
    pub fn extract(&self, images: &[&[u8]]) -> Result<Vec<f32>, FeatureError> {
        check_sizes(images)?;
        self.extracted.fetch_add(images.len() as u64, Ordering::Relaxed);
        let mut rows = Vec::with_capacity(images.len() * self.backbone.features());
        for batch in images.chunks(BATCH) {
            match &self.network {
                Network::Host { network, .. } => rows.extend(host_features(network, batch, None)),
                Network::Device { network, device, .. } => {
                    let images = normalize(batch, IMAGE_SIZE, device); // [batch, 3, 448, 448]
                    let features = network.forward(images).into_data(); // [batch, 768]
                    rows.extend(features.iter::<f32>());
                }
                Network::Stages { network, .. } => {
                    for image in batch {
                        for side in SCALES {
                            rows.extend(self.stage_features(&**network, image, side));
                        }
                    }
                }
            }
        }
        Ok(rows)
    }

    /// Features `[images, features / 3]` of the same images at one scale alone, the one with `side`
    /// pixels: the columns that [`extract`](Self::extract) gives for it.
    ///
    /// # Errors
    /// As [`extract`](Self::extract).
    ///
    /// # Panics
    /// If `side` is none of [`SCALES`].
    pub fn extract_scale(&self, images: &[&[u8]], side: usize) -> Result<Vec<f32>, FeatureError> {
        assert!(SCALES.contains(&side), "{side} is no scale");
        check_sizes(images)?;
        let mut rows = Vec::with_capacity(images.len() * self.backbone.scale_features());
        for batch in images.chunks(BATCH) {
            match &self.network {
                Network::Host { network, .. } => {
                    rows.extend(network.features(batch, IMAGE_SIZE, IMAGE_SIZE / side, None));
                }
                Network::Device { network, device, .. } => {
                    let images = normalize(batch, IMAGE_SIZE, device); // [batch, 3, 448, 448]
                    rows.extend(network.features_at(images, side).into_data().iter::<f32>());
                }
                Network::Stages { network, .. } => {
                    for image in batch {
                        rows.extend(self.stage_features(&**network, image, side));
                    }
                }
            }
        }
        Ok(rows)
    }

    /// Features of an image at one scale by a network of stages.
    fn stage_features(&self, network: &dyn StageNetwork, image: &[u8], side: usize) -> Vec<f32> {
        spatial_means(&scaled_maps(network, image, side, self.backbone.pooled_stages()))
    }
}

/// Tells whether every image has the bytes of 448 × 448 RGB pixels.
pub(crate) fn check_sizes(images: &[&[u8]]) -> Result<(), FeatureError> {
    let expected = 3 * IMAGE_SIZE * IMAGE_SIZE;
    for (index, image) in images.iter().enumerate() {
        if image.len() != expected {
            return Err(FeatureError::ImageSize { index, found: image.len(), expected });
        }
    }
    Ok(())
}

/// Features of one batch, the scales' columns side by side; fills in each scale's trace if given.
pub(crate) fn host_features(
    network: &HostAlexNet,
    images: &[&[u8]],
    mut traces: Option<&mut [Trace; SCALES.len()]>,
) -> Vec<f32> {
    let mut index = 0;
    let scales = SCALES.map(|scale| {
        let trace = traces.as_mut().map(|traces| &mut traces[index]);
        index += 1;
        network.features(images, IMAGE_SIZE, IMAGE_SIZE / scale, trace)
    });
    side_by_side(&scales)
}

/// The scales' columns, 3 × `[images, 256]`, as rows of `[images, 768]`.
pub(crate) fn side_by_side(scales: &[Vec<f32>; SCALES.len()]) -> Vec<f32> {
    let images = scales[0].len() / CHANNELS;
    let mut rows = Vec::with_capacity(images * FEATURES);
    for image in 0..images {
        for scale in scales {
            rows.extend_from_slice(&scale[image * CHANNELS..(image + 1) * CHANNELS]);
        }
    }
    rows
}

/// Architecture, scales, stages and a digest of the weights.
fn id(backbone: Backbone, weights: Option<&PretrainedWeights>) -> String {
    if let Some(weights) = weights {
        return format!("{}-448-224-112", weights.id(backbone.stages()));
    }
    match backbone {
        Backbone::AlexNet => format!("alexnet-448-224-112-{}", weights::digest()),
        _ => {
            let pooled = backbone.pooled_stages();
            let (first, last) = (pooled[0], pooled[pooled.len() - 1]);
            format!("{}-448-224-112-stages-{first}-{last}", backbone.embedded_id())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texture(seed: u32) -> Vec<u8> {
        let mut state = seed;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        noise.take(3 * IMAGE_SIZE * IMAGE_SIZE).collect()
    }

    fn relative_error(a: &[f32], b: &[f32]) -> f32 {
        let norm =
            |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
        norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
    }

    #[test]
    fn host_and_device_extract_the_same_features() {
        let image = texture(1);
        for backbone in Backbone::EMBEDDED {
            let host = Extractor::on_host(backbone).extract(&[&image]).expect("right size");
            let device = Extractor::on_device(backbone, &Device::flex());
            let device = device.extract(&[&image]).expect("right size");
            assert_eq!(host.len(), backbone.features());
            // Winograd's transforms cost about two decimal digits of f32's seven.
            assert!(relative_error(&host, &device) < 1e-4, "{backbone}");
        }
    }

    #[test]
    fn loaded_networks_are_averaged_over_their_last_stage() {
        let image = texture(1);
        let weights = PretrainedWeights::untrained(Backbone::ResNet18, 1);
        let extractor = Extractor::on_host_with(&weights);
        let found = extractor.extract_with_local_features(&[&image]).expect("right size");
        assert_eq!(found.features.len(), 3 * 512);
        assert_eq!(found.features, extractor.extract(&[&image]).expect("right size"));
        assert_eq!(found.local.len(), 27 * 27 * 256);
        let device = Extractor::on_device_with(&weights, &Device::flex());
        let device = device.extract(&[&image]).expect("right size");
        // f32 summed in another order.
        assert!(relative_error(&found.features, &device) < 1e-5);
    }

    #[test]
    fn features_do_not_depend_on_the_rest_of_the_batch() {
        let images: Vec<Vec<u8>> = (0..5).map(texture).collect();
        let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
        for backbone in Backbone::EMBEDDED {
            let extractor = Extractor::on_host(backbone);
            let together = extractor.extract(&images).expect("right size");
            for (image, row) in images.iter().zip(together.chunks(backbone.features())) {
                assert_eq!(extractor.extract(&[image]).expect("right size"), row);
            }
            assert_eq!(extractor.extracted(), 10);
        }
    }

    #[test]
    fn a_scale_alone_has_its_columns_of_all() {
        let image = texture(2);
        for extractor in [
            Extractor::on_host(Backbone::AlexNet),
            Extractor::on_device(Backbone::AlexNet, &Device::flex()),
            Extractor::on_host(Backbone::EfficientNetLite0),
        ] {
            let all = extractor.extract(&[&image]).expect("right size");
            let columns = extractor.backbone().scale_features();
            for (index, side) in SCALES.into_iter().enumerate() {
                let one = extractor.extract_scale(&[&image], side).expect("right size");
                assert_eq!(one, all[index * columns..(index + 1) * columns], "{side}");
            }
        }
    }

    #[test]
    fn every_network_and_kind_of_features_has_a_name_of_its_own() {
        let pooled =
            Backbone::EMBEDDED.map(|backbone| Extractor::on_host(backbone).id().to_owned());
        let places = Backbone::EMBEDDED.map(Backbone::embedded_id);
        let all: std::collections::BTreeSet<_> = pooled.iter().chain(&places).collect();
        assert_eq!(all.len(), 4, "{all:?}");
        let weights = PretrainedWeights::untrained(Backbone::ResNet18, 1).up_to(4);
        let loaded = Extractor::on_host_with(&weights);
        assert_eq!(loaded.id(), format!("{}-448-224-112", weights.id(4)));
        assert_eq!(loaded.another().id(), loaded.id());
        // Caches have rows under this name.
        assert_eq!(pooled[0], format!("alexnet-448-224-112-{}", weights::digest()));
    }

    #[test]
    fn an_image_of_another_size_is_refused() {
        let extractor = Extractor::on_host(Backbone::AlexNet);
        let error = extractor.extract(&[&[0; 12]]).expect_err("12 bytes are no image");
        assert!(error.to_string().contains("12 bytes"), "{error}");
    }
}
