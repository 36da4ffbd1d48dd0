//! The competitors on features, at the size of a quick training: 700 images under 32 transforms.

use std::cell::LazyCell;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use differnet_baselines::{OneClassSvmConfig, OneNearestNeighbourConfig, RowScorer, Rows};
use differnet_progress::Monitor;

/// Training rows.
const ROWS: usize = 700 * 32;
/// Width of the features.
const FEATURES: usize = 768;
/// Rows that are scored at once: one image under 32 transforms.
const QUERIES: usize = 32;
/// Independent waves that the rows are mixed from, falling in strength as features' components do.
const WAVES: usize = 96;

/// Rows that spread in many directions, but not in all of them alike.
fn rows(count: usize, phase: f32) -> Vec<f32> {
    let mut values = vec![0.0; count * FEATURES];
    for (row, values) in values.chunks_exact_mut(FEATURES).enumerate() {
        for wave in 0..WAVES {
            let strength = (row as f32 + phase) * (0.37 + wave as f32 * 1.618);
            let strength = strength.sin() / (1.0 + wave as f32).sqrt();
            for (feature, value) in values.iter_mut().enumerate() {
                *value += strength * (feature as f32 * 0.11 + wave as f32 * 2.4).cos();
            }
        }
    }
    values
}

/// Fitting and querying the nearest neighbour in 64 components.
fn one_nearest_neighbour(c: &mut Criterion) {
    let (training, queries) = (LazyCell::new(|| rows(ROWS, 0.0)), rows(QUERIES, 0.5));
    let fit = |values: &[f32]| {
        let rows = Rows::new(values, FEATURES).expect("finite rows");
        let model = OneNearestNeighbourConfig::default().fit(&rows, &Monitor::silent());
        model.expect("rows that differ")
    };
    let mut group = c.benchmark_group("baselines/1nn");
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("fit", |b| b.iter(|| fit(&training)));
    let model = LazyCell::new(|| fit(&training));
    group.throughput(Throughput::Elements(QUERIES as u64));
    group.bench_function("query", |b| {
        let queries = Rows::new(&queries, FEATURES).expect("finite rows");
        b.iter(|| model.scores(&queries));
    });
    group.finish();
}

/// Fitting the one-class SVM to the rows that its default draws, and its decisions.
fn one_class_svm(c: &mut Criterion) {
    let (training, queries) = (LazyCell::new(|| rows(ROWS, 0.0)), rows(QUERIES, 0.5));
    let fit = |values: &[f32]| {
        let rows = Rows::new(values, FEATURES).expect("finite rows");
        let model = OneClassSvmConfig::default().fit(&rows, 1, &Monitor::silent());
        model.expect("a solvable problem")
    };
    let mut group = c.benchmark_group("baselines/ocsvm");
    group.throughput(Throughput::Elements(OneClassSvmConfig::default().max_rows as u64));
    group.bench_function("fit", |b| b.iter(|| fit(&training)));
    let model = LazyCell::new(|| fit(&training));
    group.throughput(Throughput::Elements(QUERIES as u64));
    group.bench_function("score", |b| {
        let queries = Rows::new(&queries, FEATURES).expect("finite rows");
        b.iter(|| model.scores(&queries));
    });
    group.finish();
}

criterion_group! {
    name = baselines;
    config = Criterion::default().sample_size(10);
    targets = one_nearest_neighbour, one_class_svm
}
criterion_main!(baselines);
