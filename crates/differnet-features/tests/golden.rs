//! The extractors against features from PyTorch.
//!
//! `tests/golden/features.safetensors` holds one image and its AlexNet features,
//! `tests/golden/stages.safetensors` one and its maps of EfficientNet-Lite0,
//! `tests/golden/torchvision_stages.safetensors` what torchvision's networks make of drawn pixels with drawn
//! weights; `tests/golden/README.md` says how they were made.

#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use differnet_features::{
    Backbone, EfficientNetLite, Extractor, FEATURES, HostEfficientNetLite, HostTorchvisionNetwork,
    PretrainedWeights, STAGES, StageMap, TorchvisionNetwork,
};
use safetensors::SafeTensors;

const FILE: &[u8] = include_bytes!("golden/features.safetensors");

/// Relative error of a scale's features: PyTorch sums in another order, and Winograd's transforms
/// cost about two decimal digits of f32's seven.
const CLOSE: f32 = 1e-4;

fn assert_features_agree(extractor: &Extractor) {
    let golden = SafeTensors::deserialize(FILE).unwrap();
    let pixels = golden.tensor("pixels").unwrap();
    let features = golden.tensor("features").unwrap();
    assert_eq!(features.shape(), [FEATURES]);
    let (words, _) = features.data().as_chunks::<4>();
    let golden: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();

    let found = extractor.extract(&[pixels.data()]).unwrap();
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    // Each scale on its own, or the largest features would hide the others' errors.
    for (scale, (found, golden)) in found.chunks(256).zip(golden.chunks(256)).enumerate() {
        let difference = norm(&mut found.iter().zip(golden).map(|(f, g)| f - g));
        let error = difference / norm(&mut golden.iter().copied());
        assert!(error < CLOSE, "scale {scale}: {error}");
    }
}

#[test]
fn host_features_agree() {
    assert_features_agree(&Extractor::on_host(Backbone::AlexNet));
}

#[test]
fn device_features_agree() {
    assert_features_agree(&Extractor::on_device(Backbone::AlexNet, &Device::flex()));
}

/// One 128 × 128 image, `[128, 128, 3]`, and `stage0` to `stage5`, `[channels, height, width]`.
const STAGES_FILE: &[u8] = include_bytes!("golden/stages.safetensors");

fn assert_stages_agree(stages: impl Fn(&[u8], usize, usize, usize) -> Vec<StageMap>) {
    let golden = SafeTensors::deserialize(STAGES_FILE).unwrap();
    let pixels = golden.tensor("pixels").unwrap();
    let [height, width, _] = pixels.shape() else { panic!("pixels have three dimensions") };
    let found = stages(pixels.data(), *height, *width, STAGES);
    assert_eq!(found.len(), STAGES);
    for (stage, found) in found.iter().enumerate() {
        let tensor = golden.tensor(&format!("stage{stage}")).unwrap();
        assert_eq!(tensor.shape(), [found.channels, found.height, found.width]);
        let (words, _) = tensor.data().as_chunks::<4>();
        let places = found.height * found.width;
        let (mut off, mut norm) = (0.0, 0.0);
        for (at, word) in words.iter().enumerate() {
            let (channel, place) = (at / places, at % places);
            let golden = f32::from_le_bytes(*word);
            off += (found.values[place * found.channels + channel] - golden).powi(2);
            norm += golden.powi(2);
        }
        let error = (off / norm).sqrt();
        assert!(error < CLOSE, "stage {}: {error}", stage + 1);
    }
}

#[test]
fn host_stages_agree() {
    let network = HostEfficientNetLite::new();
    assert_stages_agree(|pixels, height, width, stages| {
        network.maps(pixels, height, width, &Vec::from_iter(1..=stages))
    });
}

#[test]
fn device_stages_agree() {
    let network = EfficientNetLite::new(&Device::flex());
    assert_stages_agree(|pixels, height, width, stages| {
        network.maps(pixels, height, width, &Vec::from_iter(1..=stages))
    });
}

/// Means and samples of each stage's map, see `xtask/golden/torchvision_stages.py`.
const TORCHVISION_FILE: &[u8] = include_bytes!("golden/torchvision_stages.safetensors");
/// Seed of the weights, and side of the image.
const SEED: u64 = 7;
const SIDE: usize = 64;

fn assert_torchvision_agrees(backbone: Backbone, maps: impl Fn(&[u8], &[usize]) -> Vec<StageMap>) {
    let golden = SafeTensors::deserialize(TORCHVISION_FILE).unwrap();
    let stages = Vec::from_iter(1..=backbone.stages());
    let pixels: Vec<u8> = (0..3 * SIDE * SIDE).map(|at| (at * at / 7 % 251) as u8).collect();
    for (stage, map) in stages.iter().zip(maps(&pixels, &stages)) {
        let read = |name: &str| -> Vec<f32> {
            let tensor = golden.tensor(&format!("{backbone}/{stage}/{name}")).unwrap();
            let (words, _) = tensor.data().as_chunks::<4>();
            words.iter().map(|word| f32::from_le_bytes(*word)).collect()
        };
        let (means, samples) = (read("means"), read("samples"));
        assert_eq!(means.len(), map.channels);
        let places = map.height * map.width;
        let mean = |channel: usize| {
            let values = map.values.iter().skip(channel).step_by(map.channels);
            (values.map(|value| f64::from(*value)).sum::<f64>() / places as f64) as f32
        };
        let sample = |at: usize| map.values[at * (map.values.len() - 1) / (samples.len() - 1)];
        let found_means: Vec<f32> = (0..map.channels).map(mean).collect();
        let found_samples: Vec<f32> = (0..samples.len()).map(sample).collect();
        for (found, golden) in [(found_means, means), (found_samples, samples)] {
            let off: f32 = found.iter().zip(&golden).map(|(f, g)| (f - g).powi(2)).sum();
            let norm: f32 = golden.iter().map(|golden| golden.powi(2)).sum();
            let error = (off / norm).sqrt();
            assert!(error < CLOSE, "{backbone} stage {stage}: {error}");
        }
    }
}

/// The other networks are compared by `cargo xtask golden`.
#[test]
fn a_resnet_agrees_with_torchvision_on_host_and_device() {
    let weights = PretrainedWeights::untrained(Backbone::ResNet18, SEED);
    let host = HostTorchvisionNetwork::new(&weights);
    assert_torchvision_agrees(Backbone::ResNet18, |pixels, stages| {
        host.maps(pixels, SIDE, SIDE, stages)
    });
    let module = TorchvisionNetwork::new(&weights, &Device::flex());
    assert_torchvision_agrees(Backbone::ResNet18, |pixels, stages| {
        module.maps(pixels, SIDE, SIDE, stages)
    });
}
