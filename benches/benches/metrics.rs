//! Metrics of a large test set (Section 4.3): 10,000 scores with ties.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use differnet_eval::{BootstrapConfig, auroc, bootstrap_auroc};

/// Images of the test set; the paper's largest has about a tenth.
const IMAGES: usize = 10_000;

fn metrics(c: &mut Criterion) {
    // Three decimals, so that some scores tie; every fifth image is a defect and scores higher.
    let defects: Vec<bool> = (0..IMAGES).map(|index| index % 5 == 0).collect();
    let score = |(index, &defect): (usize, &bool)| {
        let value = (index as f64 * 0.731).sin() + if defect { 0.8 } else { 0.0 };
        (value * 1e3).round() / 1e3
    };
    let scores: Vec<f64> = defects.iter().enumerate().map(score).collect();
    let bootstrap = BootstrapConfig::default();

    let mut group = c.benchmark_group("metrics");
    group.throughput(Throughput::Elements(IMAGES as u64));
    group.bench_function("AUROC", |b| b.iter(|| auroc(black_box(&scores), &defects)));
    group.bench_function(format!("bootstrap, {} resamples", bootstrap.resamples), |b| {
        b.iter(|| bootstrap_auroc(black_box(&scores), &defects, &bootstrap));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = metrics
}
criterion_main!(benches);
