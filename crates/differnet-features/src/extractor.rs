//! The multi-scale feature extractor f_ex (paper, Section 3; sizes in Section 4.2).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::Device;
use sha2::{Digest, Sha256};

use crate::alexnet::AlexNet;
use crate::error::FeatureError;
use crate::host::{HostAlexNet, HostBackward, Trace};
use crate::normalize::normalize;
use crate::weights;

/// Side of the square images that go in, pixels.
pub const IMAGE_SIZE: usize = 448;
/// Sides of the images that the network sees, pixels; each divides [`IMAGE_SIZE`].
pub const SCALES: [usize; 3] = [448, 224, 112];
/// Channels of the last convolution.
pub(crate) const CHANNELS: usize = 256;
/// Features per image: 256 channels at each scale.
pub const FEATURES: usize = CHANNELS * SCALES.len();
/// Images per pass: enough to keep matrix products busy, few enough to keep memory small.
pub(crate) const BATCH: usize = 16;

/// Turns images into rows of [`FEATURES`] numbers, on the host processor or on a Burn device.
#[derive(Debug)]
pub struct Extractor {
    pub(crate) network: Network,
    id: String,
    /// Images extracted so far.
    extracted: AtomicU64,
}

/// The network, and what only gradients need, made when the first ones are asked for.
#[derive(Debug)]
pub(crate) enum Network {
    Host { network: Box<HostAlexNet>, backward: OnceLock<Box<HostBackward>> },
    Device { network: Box<AlexNet>, device: Device, differentiable: OnceLock<Box<AlexNet>> },
}

impl Extractor {
    /// The extractor for the host processor: Winograd convolutions on all cores.
    pub fn on_host() -> Self {
        let network = Box::new(HostAlexNet::new(&weights::embedded()));
        let network = Network::Host { network, backward: OnceLock::new() };
        Self { network, id: id(), extracted: AtomicU64::new(0) }
    }

    /// The extractor for any Burn device: the reference that [`Self::on_host`] is tested against.
    pub fn on_device(device: &Device) -> Self {
        let network = Box::new(AlexNet::new(device));
        let (device, differentiable) = (device.clone(), OnceLock::new());
        let network = Network::Device { network, device, differentiable };
        Self { network, id: id(), extracted: AtomicU64::new(0) }
    }

    /// Another extractor like this one, which has seen no images yet.
    #[must_use]
    pub fn another(&self) -> Self {
        match &self.network {
            Network::Host { .. } => Self::on_host(),
            Network::Device { device, .. } => Self::on_device(device),
        }
    }

    /// Name of this extractor: equal names mean equal features up to rounding.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Number of images that [`extract`](Self::extract) has seen: rows that no cache had.
    pub fn extracted(&self) -> u64 {
        self.extracted.load(Ordering::Relaxed)
    }

    /// Features, row-major `[images, 768]`, of interleaved 8-bit RGB images of 448 × 448 pixels.
    ///
    /// An image's features do not depend on the other images of the call.
    ///
    /// # Errors
    /// [`FeatureError::ImageSize`] if an image has another number of bytes.
    pub fn extract(&self, images: &[&[u8]]) -> Result<Vec<f32>, FeatureError> {
        check_sizes(images)?;
        self.extracted.fetch_add(images.len() as u64, Ordering::Relaxed);
        let mut rows = Vec::with_capacity(images.len() * FEATURES);
        for batch in images.chunks(BATCH) {
            match &self.network {
                Network::Host { network, .. } => rows.extend(host_features(network, batch, None)),
                Network::Device { network, device, .. } => {
                    let images = normalize(batch, IMAGE_SIZE, device); // [batch, 3, 448, 448]
                    let features = network.forward(images).into_data(); // [batch, 768]
                    rows.extend(features.iter::<f32>());
                }
            }
        }
        Ok(rows)
    }

    /// Features `[images, 256]` of the same images at one scale alone, the one with `side` pixels:
    /// the columns that [`extract`](Self::extract) gives for it.
    ///
    /// # Errors
    /// As [`extract`](Self::extract).
    ///
    /// # Panics
    /// If `side` is none of [`SCALES`].
    pub fn extract_scale(&self, images: &[&[u8]], side: usize) -> Result<Vec<f32>, FeatureError> {
        assert!(SCALES.contains(&side), "{side} is no scale");
        check_sizes(images)?;
        let mut rows = Vec::with_capacity(images.len() * CHANNELS);
        for batch in images.chunks(BATCH) {
            match &self.network {
                Network::Host { network, .. } => {
                    rows.extend(network.features(batch, IMAGE_SIZE, IMAGE_SIZE / side, None));
                }
                Network::Device { network, device, .. } => {
                    let images = normalize(batch, IMAGE_SIZE, device); // [batch, 3, 448, 448]
                    rows.extend(network.features_at(images, side).into_data().iter::<f32>());
                }
            }
        }
        Ok(rows)
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

/// Architecture, scales and a digest of the weights.
fn id() -> String {
    let mut digest = Sha256::new();
    for convolution in weights::embedded() {
        for value in convolution.weight.iter().chain(&convolution.bias) {
            digest.update(value.to_le_bytes());
        }
    }
    let digest = digest.finalize();
    format!(
        "alexnet-448-224-112-{:02x}{:02x}{:02x}{:02x}",
        digest[0], digest[1], digest[2], digest[3]
    )
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
        let host = Extractor::on_host().extract(&[&image]).expect("right size");
        let device = Extractor::on_device(&Device::flex()).extract(&[&image]).expect("right size");
        assert_eq!(host.len(), FEATURES);
        // Winograd's transforms cost about two decimal digits of f32's seven.
        assert!(relative_error(&host, &device) < 1e-4);
    }

    #[test]
    fn features_do_not_depend_on_the_rest_of_the_batch() {
        let images: Vec<Vec<u8>> = (0..5).map(texture).collect();
        let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
        let extractor = Extractor::on_host();
        let together = extractor.extract(&images).expect("right size");
        for (image, row) in images.iter().zip(together.chunks(FEATURES)) {
            assert_eq!(extractor.extract(&[image]).expect("right size"), row);
        }
        assert_eq!(extractor.extracted(), 10);
    }

    #[test]
    fn a_scale_alone_has_its_columns_of_all() {
        let image = texture(2);
        for extractor in [Extractor::on_host(), Extractor::on_device(&Device::flex())] {
            let all = extractor.extract(&[&image]).expect("right size");
            for (index, side) in SCALES.into_iter().enumerate() {
                let one = extractor.extract_scale(&[&image], side).expect("right size");
                assert_eq!(one, all[index * CHANNELS..(index + 1) * CHANNELS], "{side}");
            }
        }
    }

    #[test]
    fn an_image_of_another_size_is_refused() {
        let error = Extractor::on_host().extract(&[&[0; 12]]).expect_err("12 bytes are no image");
        assert!(error.to_string().contains("12 bytes"), "{error}");
    }
}
