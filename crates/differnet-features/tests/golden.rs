//! The extractors against features from PyTorch.
//!
//! `tests/golden/features.safetensors` holds one image and its features; `tests/golden/README.md`
//! says how it was made.

#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use differnet_features::{Extractor, FEATURES};
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
    assert_features_agree(&Extractor::on_host());
}

#[test]
fn device_features_agree() {
    assert_features_agree(&Extractor::on_device(&Device::flex()));
}
