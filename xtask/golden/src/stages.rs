//! Maps of EfficientNet-Lite0 after each stage, from an image's pixels on.

use anyhow::{Context, ensure};
use burn::tensor::Device;
use differnet_features::{EfficientNetLite, HostEfficientNetLite, STAGES, StageMap};
use xtask_inputs::Vectors;

use crate::check::{Check, Measure, worst};
use crate::host::widened;

/// Relative error of a stage's map: rounding in another order.
const CLOSE: f64 = 1e-4;

pub(super) fn checks(golden: &Vectors, device: &Device) -> anyhow::Result<Vec<Check>> {
    let tensors = golden.tensors()?;
    let pixels = tensors.tensor("pixels").context("there are no `pixels`")?;
    let shape: Option<&[usize; 4]> = pixels.shape().try_into().ok();
    let &[images, height, width, channels] = shape.context("`pixels` is no batch of images")?;
    let bytes = images * height * width * channels;
    ensure!(channels == 3 && pixels.data().len() == bytes, "`pixels` are no bytes of RGB");
    let (host, module) = (HostEfficientNetLite::new(), EfficientNetLite::new(device));
    let all: Vec<usize> = (1..=STAGES).collect();
    let maps = |network: &dyn Fn(&[u8]) -> Vec<StageMap>| -> Vec<Vec<StageMap>> {
        pixels.data().chunks_exact(height * width * channels).map(network).collect()
    };
    let on_host = maps(&|pixels| host.maps(pixels, height, width, &all));
    let on_device = maps(&|pixels| module.maps(pixels, height, width, &all));
    let mut checks = Vec::new();
    for (name, maps) in [("host", on_host), ("device", on_device)] {
        for stage in 0..STAGES {
            let of_stage: Vec<&StageMap> = maps.iter().map(|maps| &maps[stage]).collect();
            checks.push(check(name, stage, &of_stage, golden)?);
        }
    }
    Ok(checks)
}

/// The map of one stage of each image; files count stages from 0.
fn check(name: &str, stage: usize, found: &[&StageMap], golden: &Vectors) -> anyhow::Result<Check> {
    let StageMap { height, width, channels, .. } = *found[0];
    let tensor = format!("stage{stage}");
    let golden = golden.values(&tensor, [found.len(), channels, height, width])?;
    let images = found.iter().zip(golden.chunks_exact(channels * height * width));
    let errors: Vec<f64> = images
        .map(|(map, golden)| {
            // Channels first, as in the file.
            let planes = (0..channels)
                .flat_map(|channel| map.values.iter().skip(channel).step_by(channels).copied());
            Measure::RelativeNorm.largest(&widened(&Vec::from_iter(planes)), &widened(golden))
        })
        .collect();
    Ok(Check {
        subject: format!("efficientnet_lite0/{tensor} {name}"),
        measure: Measure::RelativeNorm,
        deviation: worst(errors.iter().copied()),
        tolerance: CLOSE,
        note: format!("{} images", errors.len()),
    })
}
