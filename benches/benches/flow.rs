//! The flow at the paper's size (Section 4.2: 8 blocks, 96 rows of 768), at a narrow width, and given the
//! places of an image.

use std::cell::{LazyCell, RefCell};

use burn::tensor::{Device, Tensor, TensorData};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use differnet_benches::{BenchDevice, devices};
use differnet_flow::{AdamConfig, Backend, FlowConfig, FlowInput, HostFlow, Trainer};

/// Rows of a batch: 24 images under 4 transforms.
const ROWS: usize = 96;
/// Width of the features.
const FEATURES: usize = 768;
/// Widths of the hidden layers: of the quick presets and of the paper.
const HIDDEN: [usize; 2] = [256, 2048];

fn rows() -> Vec<f32> {
    (0..ROWS * FEATURES).map(|index| (index as f32 * 0.731).sin()).collect()
}

fn tensor(device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(rows(), [ROWS, FEATURES]), device)
}

/// The backend that programs use on the device.
fn backend(BenchDevice { name, device }: &BenchDevice) -> Backend {
    let backend = if name == "flex" { Backend::Host } else { Backend::Tensors };
    backend(device.clone())
}

/// Features to latents and back, without gradients.
fn transform(c: &mut Criterion) {
    for device in devices().expect("BENCH_DEVICES names devices of this build") {
        for hidden in HIDDEN {
            let config = FlowConfig::new(FEATURES).with_hidden(hidden);
            // Drawn once, and only if the filter asks for it: the wide flow takes 0.7 GB.
            let flow = LazyCell::new(|| config.init(1, &device.device));
            let y = tensor(&device.device);
            let mut group = c.benchmark_group(format!("flow/{}/{hidden}", device.name));
            group.throughput(Throughput::Elements(ROWS as u64));
            group.bench_function("forward", |b| {
                // Reading the last result back ends lazy computation within the timing.
                b.iter(|| flow.forward(y.clone()).log_det.into_data());
            });
            group.bench_function("inverse", |b| b.iter(|| flow.inverse(y.clone()).into_data()));
            if device.name == "flex" {
                let (flow, rows) = (LazyCell::new(|| HostFlow::of(&flow)), rows());
                group.bench_function("latents", |b| b.iter(|| flow.latents(&*rows)));
                group.throughput(Throughput::Elements(1));
                group.bench_function("latents of a row", |b| {
                    b.iter(|| flow.latents(&rows[..FEATURES]));
                });
            }
            group.finish();
        }
    }
}

/// Widths of a place's whitened features, of its position, and of the hidden layers.
const PLACE: (usize, usize, usize) = (128, 32, 192);
/// Places of an image of 448 × 448 pixels, and of an update.
const PLACES: (usize, usize) = (784, 512);

/// A flow of the default method: an update, scoring of an image's places, and draws.
fn conditional(c: &mut Criterion) {
    let (features, condition, hidden) = PLACE;
    let values = |count: usize| -> Vec<f32> {
        (0..count).map(|index| (index as f32 * 0.731).sin()).collect()
    };
    let (scored, updated) = PLACES;
    let (rows, conditions) = (values(scored * features), values(scored * condition));
    let input = |count: usize| FlowInput {
        rows: &rows[..count * features],
        condition: &conditions[..count * condition],
    };
    let config = FlowConfig::new(features).with_condition(condition).with_blocks(6);
    let config = config.with_hidden(hidden).with_hidden_layers(1).with_clamp(1.9);
    let config = config.with_output_scale(Some(0.1));
    for device in devices().expect("BENCH_DEVICES names devices of this build") {
        let flow = config.init(1, &device.device);
        let mut group = c.benchmark_group(format!("flow/{}/conditional", device.name));
        group.throughput(Throughput::Elements(updated as u64));
        let adam = AdamConfig::new().with_learning_rate(1e-5).with_max_gradient_norm(Some(1.0));
        let mut trainer = Trainer::new(flow.clone(), adam, &backend(&device));
        group.bench_function("step", |b| {
            b.iter(|| trainer.step(input(updated)).expect("finite rows").loss);
        });
        group.throughput(Throughput::Elements(scored as u64));
        let tensor = |values: &[f32]| {
            let shape = [scored, values.len() / scored];
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), &device.device)
        };
        let given = flow.given(tensor(&conditions));
        group.bench_function("forward", |b| {
            b.iter(|| given.forward(tensor(&rows)).z.into_data());
        });
        if matches!(backend(&device), Backend::Host(_)) {
            let host = HostFlow::of(&flow);
            group.bench_function("latents", |b| b.iter(|| host.latents(input(scored))));
            group.bench_function("sample", |b| b.iter(|| host.sample(scored, &conditions, 1)));
        }
        group.finish();
    }
}

/// One update: forward, backward, Adam.
fn train(c: &mut Criterion) {
    let rows = rows();
    for device in devices().expect("BENCH_DEVICES names devices of this build") {
        for hidden in HIDDEN {
            let config = FlowConfig::new(FEATURES).with_hidden(hidden);
            let trainer = LazyCell::new(|| {
                let flow = config.init(1, &device.device);
                RefCell::new(Trainer::new(flow, AdamConfig::new(), &backend(&device)))
            });
            let mut group = c.benchmark_group(format!("flow/{}/{hidden}", device.name));
            group.throughput(Throughput::Elements(ROWS as u64));
            group.bench_function("step", |b| {
                b.iter(|| trainer.borrow_mut().step(&rows).expect("finite rows").loss);
            });
            group.finish();
        }
    }
}

criterion_group! {
    name = flow;
    config = Criterion::default().sample_size(10);
    targets = transform, train, conditional
}
criterion_main!(flow);
