//! Every device that this program is built for gives what the processor's own code gives: features,
//! latents, gradients, updates, scores. On the processor that is Burn's generic path.

use burn::tensor::{Device, Tensor, TensorData};
use differnet::methods::DifferNetConfig;
use differnet::{Config, DeviceChoice, Method, Model, Preset, Runtime, Training};
use differnet_data::find_images;
use differnet_features::{Extractor, FEATURES, IMAGE_SIZE, SCALES};
use differnet_flow::{AdamConfig, Backend, Flow, FlowConfig, HostFlow, Trainer, nll};
use differnet_samples::{SampleConfig, write_sample_dataset};

/// Sums of f32 in another order, through five convolutions.
const FEATURE: f64 = 1e-3;
/// The same through the flow's layers, scaled by up to e³ in every block.
const LATENT: f64 = 1e-4;
/// A gradient passes the flow twice.
const GRADIENT: f64 = 1e-3;
/// Pooling and ReLU switch where values tie.
const PIXEL_GRADIENT: f64 = 1e-2;

/// The devices, each of which has to exist where this test runs.
fn devices() -> Vec<(DeviceChoice, Device)> {
    let built = DeviceChoice::ALL.into_iter().filter(|kind| kind.is_built());
    let opened = built.map(|kind| (kind, kind.open().expect("a device of each kind built for")));
    opened.map(|(kind, backend)| (kind, backend.device().clone())).collect()
}

/// Fails unless ‖found − expected‖ ≤ `tolerance` · ‖expected‖.
fn check(kind: DeviceChoice, what: &str, found: &[f32], expected: &[f32], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{kind}: {what}");
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let pairs = found.iter().zip(expected);
    let off = norm(&mut pairs.map(|(f, e)| f64::from(f - e)));
    let error = off / norm(&mut expected.iter().map(|value| f64::from(*value)));
    // Not `error > tolerance`, which holds for no NaN.
    assert!(error <= tolerance, "{kind}: {what} is off by {error:.1e}");
}

/// Two images without symmetry, `[448, 448, 3]`.
fn images() -> [Vec<u8>; 2] {
    let pixel = |at: usize, step: usize| ((at * step / 97 + at / 1344 * 3) % 251) as u8;
    [5, 13].map(|step| (0..3 * IMAGE_SIZE * IMAGE_SIZE).map(|at| pixel(at, step)).collect())
}

/// Rows that every feature of a flow sees, `[count, features]`.
fn rows(count: usize, features: usize) -> Vec<f32> {
    (0..count * features).map(|at| (at as f32 * 0.731).sin()).collect()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// A flow with the paper's subnetworks, narrow.
fn flow(device: &Device) -> Flow {
    FlowConfig::new(FEATURES).with_blocks(3).with_hidden(48).init(3, device)
}

#[test]
fn features_and_their_gradients_agree() {
    let images = images();
    let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    let upstream = rows(1, FEATURES);
    let both = |extractor: &Extractor| {
        let gradient =
            extractor.extract_with_gradients(&images[..1], &mut |_: &[f32]| upstream.clone());
        let gradient = gradient.expect("images of the right size").gradients;
        (extractor.extract(&images).expect("images of the right size"), gradient)
    };
    let (features, gradient) = both(&Extractor::on_host());
    for (kind, device) in devices() {
        let found = both(&Extractor::on_device(&device));
        let widths = FEATURES / SCALES.len();
        for (index, side) in SCALES.into_iter().enumerate() {
            let columns = |all: &[f32]| -> Vec<f32> {
                let rows = all.chunks_exact(FEATURES);
                rows.flat_map(|row| row[index * widths..][..widths].to_vec()).collect()
            };
            let what = format!("features at {side} px");
            check(kind, &what, &columns(&found.0), &columns(&features), FEATURE);
        }
        check(kind, "gradient to pixels", &found.1, &gradient, PIXEL_GRADIENT);
    }
}

#[test]
fn latents_and_their_gradients_agree() {
    let rows = rows(5, FEATURES);
    let reference = flow(&Device::flex());
    let latents = HostFlow::of(&reference).latents(&rows);
    let log_det = {
        let y =
            Tensor::<2>::from_data(TensorData::new(rows.clone(), [5, FEATURES]), &Device::flex());
        values(reference.forward(y).log_det)
    };
    let gradient = reference.input_gradient(&rows);
    for (kind, device) in devices() {
        // Drawn there from the same seed.
        let flow = flow(&device);
        let y = Tensor::<2>::from_data(TensorData::new(rows.clone(), [5, FEATURES]), &device);
        let found = flow.forward(y.clone());
        check(kind, "z", &values(found.z.clone()), &latents.z, LATENT);
        check(kind, "log_det", &values(found.log_det.clone()), &log_det, LATENT);
        check(kind, "inverse", &values(flow.inverse(found.z.clone())), &rows, LATENT);
        check(kind, "nll", &values(nll(&found)), &gradient.nll, LATENT);
        let found = flow.input_gradient(&rows);
        check(kind, "gradient to features", &found.gradient, &gradient.gradient, GRADIENT);
    }
}

#[test]
fn updates_agree() {
    let batch = rows(12, FEATURES);
    let course = |backend: &Backend| -> Vec<f32> {
        let mut trainer = Trainer::new(flow(backend.device()), AdamConfig::new(), backend);
        (0..6).map(|_| trainer.step(&batch).expect("finite rows").loss as f32).collect()
    };
    let expected = course(&Backend::Host(Device::flex()));
    assert!(expected[5] < expected[0], "nothing was learned: {expected:?}");
    for (kind, device) in devices() {
        check(kind, "losses of updates", &course(&Backend::Tensors(device)), &expected, GRADIENT);
    }
}

#[test]
fn scores_of_a_stored_detector_agree() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().join("data");
    let sample =
        SampleConfig { seed: 1, size: 128, train: 6, test_good: 1, test_defect_per_kind: 1 };
    let categories = write_sample_dataset(&root, &sample).expect("writable");
    let category = root.join(&categories[0]);
    let good = find_images(&category.join("train")).expect("readable");
    let quick = Config {
        transforms: 2,
        score_transforms: 2,
        ..Config::preset(Method::DifferNet, Preset::Quick)
    };
    let config = quick.map_differnet(|own| DifferNetConfig {
        flows: 2,
        rounds: 1,
        pool: 2,
        updates: 8,
        batch_size: 8,
        flow: own.flow.clone().with_blocks(2).with_hidden(16),
        ..own
    });
    let runtime = Runtime::new(Backend::Host(Device::flex()));
    let trained = Training::new(&config, &runtime).run(&good).expect("a training that succeeds");
    let path = folder.path().join("part.differnet");
    trained.model.save(&path).expect("writable");

    let files = find_images(&category.join("test")).expect("readable");
    let scores = |model: &Model| -> Vec<f32> {
        model.scores(&files).map(|score| score.expect("usable images").score as f32).collect()
    };
    let expected = scores(&trained.model);
    for (kind, device) in devices() {
        let runtime = Runtime::new(Backend::Tensors(device));
        let loaded = Model::load_on(&path, &runtime).expect("its own file");
        check(kind, "scores", &scores(&loaded), &expected, FEATURE);
    }
}
