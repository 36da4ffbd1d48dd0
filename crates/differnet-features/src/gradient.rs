//! Gradients of features to pixels, for localization (paper, Section 3.3).

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use crate::alexnet::AlexNet;
use crate::error::FeatureError;
use crate::extractor::{
    BATCH, Extractor, FEATURES, IMAGE_SIZE, Network, SCALES, check_sizes, host_features,
};
use crate::host::{HostAlexNet, HostBackward, Trace};
use crate::normalize::normalize;
use crate::weights;

/// Values of one image's pixels.
const PIXELS: usize = 3 * IMAGE_SIZE * IMAGE_SIZE;

/// Features of images and the gradient of a function of them with respect to the images' pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageGradients {
    /// The features, row-major `[images, 768]`; to the last bit those of [`Extractor::extract`].
    pub features: Vec<f32>,
    /// The gradient with respect to the normalised pixels (see [`crate::normalize()`]), planes
    /// `[images, 3, 448, 448]`: change of the function per ImageNet standard deviation.
    pub gradients: Vec<f32>,
}

impl Extractor {
    /// Features of interleaved 8-bit RGB images of 448 × 448 pixels and the gradient of a function
    /// of them with respect to the images' pixels.
    ///
    /// `upstream` is the function's gradient: it maps features `[n, 768]` to the gradient with
    /// respect to them, `[n, 768]`, and is called once for each pass over at most 16 images, in
    /// order. The smaller scales see every second and every fourth pixel of every second and fourth
    /// row, so those pixels gather more than one scale's gradient. Where several values of a pooling
    /// window are the largest, the first one gets the gradient.
    ///
    /// An image's gradient does not depend on the other images of the call, if what `upstream`
    /// returns for it does not.
    ///
    /// # Errors
    /// [`FeatureError::ImageSize`] if an image has another number of bytes; [`FeatureError::NoGradients`]
    /// of another network than AlexNet.
    ///
    /// # Panics
    /// If `upstream` does not return one number for each that it gets.
    pub fn extract_with_gradients(
        &self,
        images: &[&[u8]],
        upstream: &mut dyn FnMut(&[f32]) -> Vec<f32>,
    ) -> Result<ImageGradients, FeatureError> {
        check_sizes(images)?;
        let mut checked = |features: &[f32]| {
            let gradient = upstream(features);
            assert_eq!(gradient.len(), features.len(), "a gradient for each feature is needed");
            gradient
        };
        let mut features = Vec::with_capacity(images.len() * FEATURES);
        let mut gradients = vec![0.0; images.len() * PIXELS];
        for (batch, pixels) in images.chunks(BATCH).zip(gradients.chunks_mut(BATCH * PIXELS)) {
            features.extend(match &self.network {
                Network::Host { network, backward } => {
                    let backward =
                        backward.get_or_init(|| Box::new(HostBackward::new(&weights::embedded())));
                    host_gradients(network, backward, batch, &mut checked, pixels)
                }
                Network::Device { device, differentiable, .. } => {
                    let device = device.clone().autodiff();
                    let network =
                        differentiable.get_or_init(|| Box::new(AlexNet::new(&device).no_grad()));
                    device_gradients(network, &device, batch, &mut checked, pixels)
                }
                Network::Stages { .. } => {
                    return Err(FeatureError::NoGradients { backbone: self.backbone });
                }
            });
        }
        Ok(ImageGradients { features, gradients })
    }
}

/// Features of one batch; adds the gradients to `pixels` `[images, 3, 448, 448]`.
fn host_gradients(
    network: &HostAlexNet,
    backward: &HostBackward,
    images: &[&[u8]],
    upstream: &mut dyn FnMut(&[f32]) -> Vec<f32>,
    pixels: &mut [f32],
) -> Vec<f32> {
    let mut traces = SCALES.map(|_| Trace::default());
    let features = host_features(network, images, Some(&mut traces));
    let gradient = upstream(&features);
    let per_scale = FEATURES / SCALES.len();
    for (index, trace) in traces.into_iter().enumerate() {
        let rows = gradient.chunks_exact(FEATURES);
        let columns: Vec<f32> =
            rows.flat_map(|row| &row[index * per_scale..][..per_scale]).copied().collect(); // [images, 256]
        backward.add_gradient(&trace, &columns, (IMAGE_SIZE, IMAGE_SIZE / SCALES[index]), pixels);
    }
    features
}

/// Features of one batch by automatic differentiation; writes the gradients to `pixels`.
fn device_gradients(
    network: &AlexNet,
    device: &Device,
    images: &[&[u8]],
    upstream: &mut dyn FnMut(&[f32]) -> Vec<f32>,
    pixels: &mut [f32],
) -> Vec<f32> {
    let input = normalize(images, IMAGE_SIZE, device).require_grad(); // [images, 3, 448, 448]
    let features = network.forward(input.clone()); // [images, 768]
    let values: Vec<f32> = features.to_data().iter::<f32>().collect();
    let gradient = TensorData::new(upstream(&values), [images.len(), FEATURES]);
    // The function's first-order change: its gradient to the features is the given one.
    let change = (features * Tensor::from_data(gradient, device)).sum();
    if let Some(gradient) = input.grad(&change.backward()) {
        for (to, value) in pixels.iter_mut().zip(gradient.into_data().iter::<f32>()) {
            *to = value;
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::Backbone;

    /// Blurred noise, so that neighbouring pixels are alike as in photographs.
    fn texture(seed: u32) -> Vec<u8> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        let mut mean = [128.0_f32; 3];
        let mut image = Vec::with_capacity(PIXELS);
        for index in 0..PIXELS {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let mean = &mut mean[index % 3];
            *mean = 0.8 * *mean + 0.2 * (state >> 24) as f32;
            image.push((128.0 + 3.0 * (*mean - 128.0)) as u8);
        }
        image
    }

    /// Numbers around zero that depend on `row`'s features, so that mixed-up rows are noticed.
    fn random_upstream(features: &[f32]) -> Vec<f32> {
        let mut gradient = Vec::with_capacity(features.len());
        for row in features.chunks_exact(FEATURES) {
            let mut state = row[300].to_bits();
            gradient.extend((0..FEATURES).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            }));
        }
        gradient
    }

    fn relative_error(found: &[f32], golden: &[f32]) -> f32 {
        let difference: f32 = found.iter().zip(golden).map(|(f, g)| (f - g).powi(2)).sum();
        let norm: f32 = golden.iter().map(|g| g.powi(2)).sum();
        (difference / norm).sqrt()
    }

    #[test]
    fn host_gradients_are_those_of_automatic_differentiation() {
        let images: Vec<Vec<u8>> = (0..2).map(texture).collect();
        let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
        // The same upstream gradient for both, though their features differ in the last digits.
        let upstream = random_upstream(&[1.0; 2 * FEATURES]);
        let gradients = |extractor: Extractor| {
            let found = extractor
                .extract_with_gradients(&images, &mut |_| upstream.clone())
                .expect("right size");
            assert_eq!(found.features, extractor.extract(&images).expect("right size"));
            found.gradients
        };
        let host = gradients(Extractor::on_host(Backbone::AlexNet));
        let device = gradients(Extractor::on_device(Backbone::AlexNet, &Device::flex()));
        // Rounding differs, and where two values of a pooling window or a ReLU's input and zero are
        // closer than that, the gradient takes another way.
        for (host, device) in host.chunks(PIXELS).zip(device.chunks(PIXELS)) {
            let error = relative_error(host, device);
            assert!(error < 1e-3, "{error}");
        }
    }

    #[test]
    fn each_scale_reaches_the_pixels_that_it_samples() {
        let image = texture(3);
        let extractor = Extractor::on_host(Backbone::AlexNet);
        for (index, scale) in SCALES.into_iter().enumerate() {
            let step = IMAGE_SIZE / scale;
            let columns = index * 256..(index + 1) * 256;
            let upstream = |_: &[f32]| (0..FEATURES).map(|f| columns.contains(&f).into()).collect();
            let found = extractor.extract_with_gradients(&[&image], &mut { upstream });
            let gradients = found.expect("right size").gradients;
            let sampled = |at: usize| {
                (at % IMAGE_SIZE).is_multiple_of(step) && (at / IMAGE_SIZE).is_multiple_of(step)
            };
            let off = gradients.iter().enumerate().filter(|&(at, &g)| g != 0.0 && !sampled(at));
            assert_eq!(off.count(), 0, "scale {scale}");
            let reached = gradients.iter().filter(|&&gradient| gradient != 0.0).count();
            assert!(reached * 10 > 3 * scale * scale * 9, "{reached} pixels of scale {scale}");
        }
    }

    #[test]
    fn threads_and_the_rest_of_the_batch_change_no_bit() {
        let images: Vec<Vec<u8>> = (0..3).map(texture).collect();
        let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
        let extractor = Extractor::on_host(Backbone::AlexNet);
        let gradients = |threads: usize, images: &[&[u8]]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("a small pool").install(|| {
                extractor.extract_with_gradients(images, &mut random_upstream).expect("right size")
            })
        };
        let one = gradients(1, &images);
        for threads in [2, 5] {
            assert!(gradients(threads, &images) == one, "{threads} threads");
        }
        let alone = gradients(3, &images[1..2]);
        assert!(alone.features == one.features[FEATURES..2 * FEATURES]);
        assert!(alone.gradients == one.gradients[PIXELS..2 * PIXELS]);
    }

    #[test]
    fn an_image_of_another_size_is_refused() {
        let extractor = Extractor::on_host(Backbone::AlexNet);
        let found = extractor.extract_with_gradients(&[&[0; 12]], &mut |f| f.to_vec());
        let error = found.expect_err("12 bytes are no image");
        assert!(error.to_string().contains("12 bytes"), "{error}");
    }

    #[test]
    fn another_network_has_none() {
        let extractor = Extractor::on_host(Backbone::EfficientNetLite0);
        let found = extractor.extract_with_gradients(&[&texture(1)], &mut |f| f.to_vec());
        let error = found.expect_err("no gradients").to_string();
        assert!(
            error.contains("efficientnet-lite0") && error.contains("--map deviation"),
            "{error}"
        );
    }
}
