//! Features (Section 3) from the image file on: decoded, resized, turned, normalised, extracted.

use anyhow::ensure;
use burn::tensor::Device;
use differnet_data::{RgbImage, Transform};
use differnet_features::{Backbone, Extractor, FEATURES, IMAGE_SIZE, normalize};
use xtask_inputs::Vectors;

use crate::check::{Check, Measure, worst};
use crate::host::{to_host, widened};
use crate::images::{GoldenImage, GoldenImages};

/// Relative error of a vector from an image that is not turned: rounding in another order.
const UPRIGHT: f64 = 1e-3;
/// The same for turned images, where single pixels at ties may come from the neighbour.
const TURNED: f64 = 5e-3;
/// Images that the slow extractor of the device is checked on.
const DEVICE_IMAGES: usize = 2;
/// Every so many pixels `input_sample/NAME` keeps one.
const SAMPLE_STEP: usize = 16;
/// Degrees that `input_sample/NAME` was turned by.
const SAMPLE_DEGREES: f32 = 37.5;
/// The image that brightness and contrast are checked on.
const JITTER_IMAGE: &str = "rgb_448x448.png";
/// Brightness and contrast of the rows of `jitter/features`.
const JITTER: [(f32, f32); 3] = [(0.85, 1.0), (1.0, 1.15), (1.15, 0.85)];

pub(super) fn checks(
    images: &GoldenImages,
    golden: &Vectors,
    device: &Device,
) -> anyhow::Result<Vec<Check>> {
    let degrees = golden.values("angles_degrees", [0])?;
    ensure!(!degrees.is_empty(), "`angles_degrees` is empty");
    let host = Extractor::on_host(Backbone::AlexNet);
    let on_device = Extractor::on_device(Backbone::AlexNet, device);

    let mut checks = Vec::new();
    for image in images.iter() {
        checks.push(input_sample(image, golden, device)?);
    }
    for image in images.iter() {
        checks.extend(angles("host", &host, image, &degrees, golden)?);
    }
    for image in images.iter().take(DEVICE_IMAGES) {
        checks.extend(angles("device", &on_device, image, &degrees, golden)?);
    }
    for (name, extractor) in [("host", &host), ("device", &on_device)] {
        checks.push(jitter(name, extractor, images.get(JITTER_IMAGE)?, golden)?);
    }
    Ok(checks)
}

/// The network's input, every 16th pixel.
fn input_sample(image: &GoldenImage, golden: &Vectors, device: &Device) -> anyhow::Result<Check> {
    let subject = format!("input_sample/{}", image.name);
    let side = IMAGE_SIZE / SAMPLE_STEP;
    let golden = widened(&golden.values(&subject, [3, side, side])?);
    let view = image.view(&turn(SAMPLE_DEGREES));
    let input = to_host(normalize(&[view.as_raw()], IMAGE_SIZE, device)); // [1, 3, 448, 448]
    let planes = input.chunks_exact(IMAGE_SIZE * IMAGE_SIZE);
    let rows = planes.flat_map(|plane| plane.chunks_exact(IMAGE_SIZE).step_by(SAMPLE_STEP));
    let found: Vec<f64> = rows.flat_map(|row| row.iter().copied().step_by(SAMPLE_STEP)).collect();

    let off = found.iter().zip(&golden).filter(|(f, g)| (*f - *g).abs() > 1e-5).count();
    let largest = Measure::Absolute.largest(&found, &golden);
    Ok(Check {
        subject,
        measure: Measure::ShareOff,
        // A value that is no number counts as off, whatever the share.
        deviation: if largest.is_nan() { largest } else { off as f64 / golden.len() as f64 },
        tolerance: 1e-3,
        note: format!("off by more than 1e-5; largest {largest:.1e}"),
    })
}

/// The image at every angle: one check for the upright ones, one for the turned ones.
fn angles(
    name: &str,
    extractor: &Extractor,
    image: &GoldenImage,
    degrees: &[f32],
    golden: &Vectors,
) -> anyhow::Result<Vec<Check>> {
    let tensor = format!("features/{}", image.name);
    let golden = golden.values(&tensor, [degrees.len(), FEATURES])?;
    let views = degrees.iter().map(|&degrees| image.view(&turn(degrees))).collect::<Vec<_>>();
    let errors = relative_errors(extractor, &views, &golden)?;
    let errors: Vec<(f32, f64)> = degrees.iter().copied().zip(errors).collect();

    let check = |kind: &str, errors: Vec<(f32, f64)>, tolerance| {
        let deviation = worst(errors.iter().map(|&(_, error)| error));
        let notes: Vec<String> =
            errors.iter().map(|(degrees, error)| format!("{degrees}°: {error:.1e}")).collect();
        Check {
            subject: format!("{tensor} {name} {kind}"),
            measure: Measure::RelativeNorm,
            deviation,
            tolerance,
            note: notes.join(", "),
        }
    };
    let (upright, turned): (Vec<_>, Vec<_>) =
        errors.into_iter().partition(|&(degrees, _)| degrees == 0.0);
    let kinds = [check("upright", upright, UPRIGHT), check("turned", turned, TURNED)];
    // A reference without upright or without turned images has nothing to compare there.
    Ok(kinds.into_iter().filter(|check| !check.note.is_empty()).collect())
}

/// Brightness and contrast, without rotation.
fn jitter(
    name: &str,
    extractor: &Extractor,
    image: &GoldenImage,
    golden: &Vectors,
) -> anyhow::Result<Check> {
    let golden = golden.values("jitter/features", [JITTER.len(), FEATURES])?;
    let views = JITTER.map(|(brightness, contrast)| {
        image.view(&Transform { degrees: 0.0, brightness, contrast })
    });
    let errors = relative_errors(extractor, &views, &golden)?;
    let notes = JITTER.iter().zip(&errors);
    let notes = notes.map(|((brightness, contrast), error)| {
        format!("brightness {brightness} contrast {contrast}: {error:.1e}")
    });
    let note = notes.collect::<Vec<_>>().join(", ");
    Ok(Check {
        subject: format!("jitter/features {name}"),
        measure: Measure::RelativeNorm,
        deviation: worst(errors.into_iter()),
        tolerance: UPRIGHT,
        note,
    })
}

/// Relative error of each view's row of features.
fn relative_errors(
    extractor: &Extractor,
    views: &[RgbImage],
    golden: &[f32],
) -> anyhow::Result<Vec<f64>> {
    let views: Vec<&[u8]> = views.iter().map(|view| view.as_raw().as_slice()).collect();
    let rows = extractor.extract(&views)?; // [views, 768]
    let rows = rows.chunks_exact(FEATURES).zip(golden.chunks_exact(FEATURES));
    let error = |(row, golden)| Measure::RelativeNorm.largest(&widened(row), &widened(golden));
    Ok(rows.map(error).collect())
}

fn turn(degrees: f32) -> Transform {
    Transform { degrees, ..Transform::IDENTITY }
}
