//! The flow at the paper's size (Section 4.2: 8 blocks, 96 rows of 768) and at a narrow width.

use std::cell::{LazyCell, RefCell};

use burn::tensor::{Device, Tensor, TensorData};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use differnet_benches::{BenchDevice, devices};
use differnet_flow::{AdamConfig, Backend, FlowConfig, Trainer};

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
            group.finish();
        }
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
    targets = transform, train
}
criterion_main!(flow);
