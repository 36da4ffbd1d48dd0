//! Invariants of the one-class SVM.

#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use differnet_baselines::{BaselineError, Gamma, OneClassSvm, OneClassSvmConfig, RowScorer, Rows};
use differnet_progress::{CancelToken, Monitor, Progress, Stage};

const FEATURES: usize = 4;

fn wave(rows: usize, phase: f32) -> Vec<f32> {
    let row = |at: usize| {
        let at = at as f32 + phase;
        [at.sin(), 50.0 * (at * 1.7).cos(), 0.1, (at * 0.3).sin().powi(3)]
    };
    (0..rows).flat_map(row).collect()
}

fn fit(values: &[f32], config: &OneClassSvmConfig, seed: u64) -> OneClassSvm {
    let rows = Rows::new(values, FEATURES).unwrap();
    config.fit(&rows, seed, &Monitor::silent()).unwrap()
}

fn scores(model: &OneClassSvm, values: &[f32]) -> Vec<f64> {
    model.scores(&Rows::new(values, FEATURES).unwrap())
}

#[test]
fn about_a_share_nu_of_the_training_rows_lies_outside() {
    let training = wave(700, 0.0);
    for nu in [0.02, 0.3, 0.8] {
        let config = OneClassSvmConfig { nu, tolerance: 1e-5, ..OneClassSvmConfig::default() };
        let outside = scores(&fit(&training, &config, 0), &training);
        // Rows on the boundary itself are off it by the tolerance.
        let outside = outside.iter().filter(|&&score| score > 1e-4).count();
        assert!(outside as f64 <= nu * 700.0, "{outside} rows for ν = {nu}");
        assert!(outside as f64 >= nu * 700.0 - 30.0, "{outside} rows for ν = {nu}");
    }
}

#[test]
fn rows_far_from_all_training_rows_score_rho_and_others_less() {
    let training = wave(300, 0.0);
    let model = fit(&training, &OneClassSvmConfig::default(), 0);
    let far = scores(&model, &[1e6, 1e6, 1e6, 1e6, -1e6, 1e6, 0.0, 0.0]);
    assert_eq!(far[0], far[1]);
    assert!(scores(&model, &wave(100, 0.3)).iter().all(|&score| score < far[0]));
}

#[test]
fn the_order_of_the_rows_changes_nothing() {
    let (training, queries) = (wave(200, 0.0), wave(40, 0.4));
    let reversed: Vec<f32> = training.chunks_exact(FEATURES).rev().flatten().copied().collect();
    let config = OneClassSvmConfig { nu: 0.2, tolerance: 1e-7, ..OneClassSvmConfig::default() };
    let a = scores(&fit(&training, &config, 0), &queries);
    let b = scores(&fit(&reversed, &config, 0), &queries);
    for (a, b) in a.iter().zip(b) {
        // Twice the tolerance, and the kernel is rounded to single precision: 40 · 6e-8.
        assert!((a - b).abs() < 5e-6, "{a} and {b}");
    }
}

#[test]
fn of_too_many_rows_the_seed_draws_some() {
    let (training, queries) = (wave(900, 0.0), wave(40, 0.4));
    let few = OneClassSvmConfig { max_rows: 200, ..OneClassSvmConfig::default() };
    let [first, again, other] = [1, 1, 2].map(|seed| scores(&fit(&training, &few, seed), &queries));
    assert_eq!(first, again);
    assert_ne!(first, other);
    // With room for all, no seed matters.
    let all = OneClassSvmConfig { max_rows: 900, ..few };
    let [one, two] = [1, 2].map(|seed| scores(&fit(&training, &all, seed), &queries));
    assert_eq!(one, two);
}

#[test]
fn a_single_row_and_equal_rows_have_a_boundary() {
    let config = OneClassSvmConfig { gamma: Gamma::Fixed(0.5), ..OneClassSvmConfig::default() };
    for training in [wave(1, 0.0), wave(1, 0.0).repeat(30)] {
        let model = fit(&training, &config, 0);
        let [own, other] = scores(&model, &[wave(1, 0.0), wave(1, 1.0)].concat())[..] else {
            panic!("two rows have two scores")
        };
        assert!(own.abs() < 1e-6 && other > 0.0, "{own} {other}");
    }
}

#[test]
fn a_fit_can_be_cancelled_in_either_stage() {
    let training = wave(300, 0.0);
    let rows = Rows::new(&training, FEATURES).unwrap();
    for stages in [vec![Stage::Statistics], vec![Stage::Statistics, Stage::Solving]] {
        let (seen, cancel) = (Mutex::new(Vec::new()), CancelToken::new());
        let observer = |progress: &Progress| {
            let mut seen = seen.lock().unwrap();
            seen.push(progress.stage);
            if seen.len() == stages.len() {
                cancel.cancel();
            }
        };
        let monitor = Monitor::new(&observer, &cancel);
        let fitted = OneClassSvmConfig::default().fit(&rows, 0, &monitor);
        assert!(matches!(fitted, Err(BaselineError::Cancelled(_))));
        assert_eq!(seen.into_inner().unwrap(), stages);
    }
}
