//! Every device that this program is built for gives what the processor's own code gives: features,
//! latents, gradients, updates, scores. On the processor that is Burn's generic path.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use differnet::methods::DifferNetConfig;
use differnet::{Config, DeviceChoice, Method, Model, Preset, Runtime, Training};
use differnet_data::find_images;
use differnet_features::{
    Backbone, EfficientNetLite, Extractor, FEATURES, HostEfficientNetLite, IMAGE_SIZE, SCALES,
    STAGES,
};
use differnet_flow::{AdamConfig, Backend, Flow, FlowConfig, FlowInput, HostFlow, Trainer, nll};
use differnet_samples::{SampleConfig, write_sample_dataset};

/// Sums of f32 in another order, through five convolutions.
const FEATURE: f64 = 1e-3;
/// The same through the flow's layers, scaled by up to e³ in every block.
const LATENT: f64 = 1e-4;
/// A stage of EfficientNet-Lite0 after up to sixteen blocks.
const STAGE: f64 = 1e-4;
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
    let (features, gradient) = both(&Extractor::on_host(Backbone::AlexNet));
    for (kind, device) in devices() {
        let found = both(&Extractor::on_device(Backbone::AlexNet, &device));
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
fn stages_of_efficientnet_lite_agree() {
    let (height, width) = (96, 128);
    let images = images().map(|image| image[..3 * height * width].to_vec());
    let all: Vec<usize> = (1..=STAGES).collect();
    let host = HostEfficientNetLite::new();
    for (kind, device) in devices() {
        let network = EfficientNetLite::new(&device);
        for image in &images {
            let expected = host.maps(image, height, width, &all);
            let found = network.maps(image, height, width, &all);
            for (stage, (found, expected)) in (1..).zip(found.iter().zip(&expected)) {
                check(kind, &format!("stage {stage}"), &found.values, &expected.values, STAGE);
            }
        }
    }
}

/// A flow of the default method, narrow: given 8 values, with the clamp of places.
fn conditional_flow(device: &Device) -> Flow {
    let config = FlowConfig::new(33).with_condition(8).with_blocks(4).with_hidden(40);
    config.with_hidden_layers(1).with_clamp(1.9).init(3, device)
}

#[test]
fn flows_given_conditions_agree() {
    let (count, features) = (70, 33);
    let (rows, condition) = (rows(count, features), rows(count, 8));
    let input = FlowInput { rows: &rows, condition: &condition };
    let host = HostFlow::of(&conditional_flow(&Device::flex()));
    let latents = host.latents(input);
    let log_det: Vec<f32> = latents.log_det.iter().map(|value| *value as f32).collect();
    let samples = host.sample(count, &condition, 5);
    let adam = AdamConfig::new().with_max_gradient_norm(Some(0.05));
    let course = |backend: &Backend| -> Vec<f32> {
        let flow = conditional_flow(backend.device());
        let mut trainer = Trainer::new(flow, adam.clone(), backend);
        (0..6).map(|_| trainer.step(input).expect("finite rows").loss as f32).collect()
    };
    let losses = course(&Backend::Host(Device::flex()));
    assert!(losses[5] < losses[0], "nothing was learned: {losses:?}");
    for (kind, device) in devices() {
        let tensor = |values: &[f32]| {
            let shape = [count, values.len() / count];
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), &device)
        };
        let flow = conditional_flow(&device);
        let given = flow.given(tensor(&condition));
        let found = given.forward(tensor(&rows));
        check(kind, "z", &values(found.z), &latents.z, LATENT);
        check(kind, "log_det", &values(found.log_det), &log_det, LATENT);
        check(kind, "samples", &values(given.sample(5)), &samples, LATENT);
        check(kind, "losses of updates", &course(&Backend::Tensors(device)), &losses, GRADIENT);
    }
}

/// A category with few images: those to train on, and those to test with.
fn few_images(root: &Path) -> [Vec<PathBuf>; 2] {
    let sample =
        SampleConfig { seed: 1, size: 128, train: 6, test_good: 1, test_defect_per_kind: 1 };
    let categories = write_sample_dataset(root, &sample).expect("writable");
    ["train", "test"].map(|split| {
        find_images(&root.join(&categories[0]).join(split)).expect("readable") //
    })
}

fn scores(model: &Model, files: &[PathBuf]) -> Vec<f32> {
    model.scores(files).map(|score| score.expect("usable images").score as f32).collect()
}

#[test]
fn scores_and_maps_of_stored_models_of_local_features_agree() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [good, files] = few_images(&folder.path().join("data"));
    for (method, settings) in [
        (
            Method::LocalFlow,
            "pixels = 50176\ncomponents = 16\nbank = 200\nupdates = 40\npasses = 0\n\
             batch_size = 64\nhidden = 16\nblocks = 2",
        ),
        (Method::PatchCore, "pixels = 50176\nbank = 200"),
        (Method::Padim, "pixels = 50176\ncomponents = 16"),
    ] {
        let config = Config::from_toml(settings, &Config::preset(method, Preset::Quick));
        let config = config.expect("its settings");
        let runtime = Runtime::new(Backend::Host(Device::flex()));
        let trained = Training::new(&config, &runtime).run(&good).expect("a fit");
        let path = folder.path().join("part.differnet");
        trained.model.save(&path).expect("writable");
        let map = |model: &Model| model.map(files[0].as_path()).expect("an image").map;
        let (expected, expected_map) = (scores(&trained.model, &files), map(&trained.model));
        for (kind, device) in devices() {
            let runtime = Runtime::new(Backend::Tensors(device));
            let loaded = Model::load_on(&path, &runtime).expect("its own file");
            let what = |what: &str| format!("{what} of {method}");
            check(kind, &what("scores"), &scores(&loaded, &files), &expected, FEATURE);
            let found = map(&loaded);
            check(kind, &what("map"), found.values(), expected_map.values(), FEATURE);
        }
    }
}

#[test]
fn scores_of_a_stored_detector_agree() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [good, files] = few_images(&folder.path().join("data"));
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

    let expected = scores(&trained.model, &files);
    for (kind, device) in devices() {
        let runtime = Runtime::new(Backend::Tensors(device));
        let loaded = Model::load_on(&path, &runtime).expect("its own file");
        check(kind, "scores", &scores(&loaded, &files), &expected, FEATURE);
    }
}
