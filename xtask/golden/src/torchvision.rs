//! Maps of ResNets and VGG-16 after each stage, with drawn weights, against torchvision's.

use burn::tensor::Device;
use differnet_features::{
    Backbone, HostTorchvisionNetwork, PretrainedWeights, StageMap, TorchvisionNetwork,
};
use xtask_inputs::Vectors;
use xtask_support::workspace;

use crate::check::{Check, Measure};
use crate::host::widened;

/// The committed vectors, written by `xtask/golden/torchvision_stages.py`.
const FILE: &str = "crates/differnet-features/tests/golden/torchvision_stages.safetensors";
/// Seed of the weights, side of the image, and values taken of a map: the script's.
const SEED: u64 = 7;
const SIDE: usize = 64;
const SAMPLES: usize = 64;
/// Relative error of means and samples: rounding in another order.
const CLOSE: f64 = 1e-4;

pub(super) fn checks(device: &Device) -> anyhow::Result<Vec<Check>> {
    let golden = Vectors::read(&workspace::root()?.join(FILE))?;
    let pixels: Vec<u8> = (0..3 * SIDE * SIDE).map(|at| (at * at / 7 % 251) as u8).collect();
    let mut checks = Vec::new();
    for backbone in Backbone::ALL.into_iter().filter(|backbone| !backbone.is_embedded()) {
        let weights = PretrainedWeights::untrained(backbone, SEED);
        let stages = Vec::from_iter(1..=backbone.stages());
        let host = HostTorchvisionNetwork::new(&weights).maps(&pixels, SIDE, SIDE, &stages);
        let module = TorchvisionNetwork::new(&weights, device);
        let module = module.maps(&pixels, SIDE, SIDE, &stages);
        for (name, maps) in [("host", host), ("device", module)] {
            for (stage, map) in stages.iter().zip(&maps) {
                let subject = format!("{backbone}/stage{stage} {name}");
                checks.push(check(subject, &format!("{backbone}/{stage}"), map, &golden)?);
            }
        }
    }
    Ok(checks)
}

fn check(subject: String, name: &str, map: &StageMap, golden: &Vectors) -> anyhow::Result<Check> {
    let places = (map.height * map.width) as f64;
    let mean = |channel: usize| {
        let values = map.values.iter().skip(channel).step_by(map.channels);
        values.map(|value| f64::from(*value)).sum::<f64>() / places
    };
    let sample = |at: usize| f64::from(map.values[at * (map.values.len() - 1) / (SAMPLES - 1)]);
    let found: Vec<f64> = (0..map.channels).map(mean).chain((0..SAMPLES).map(sample)).collect();
    let means = golden.values(&format!("{name}/means"), [map.channels])?;
    let samples = golden.values(&format!("{name}/samples"), [SAMPLES])?;
    let golden = [widened(&means), widened(&samples)].concat();
    Ok(Check::of(subject, Measure::RelativeNorm, &found, &golden, CLOSE))
}
