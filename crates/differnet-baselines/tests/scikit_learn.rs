//! Both methods on features against scikit-learn's.
//!
//! `golden/baselines.safetensors` was written by `xtask/golden/baselines.py`: z-scores by
//! `StandardScaler`, decision values by `OneClassSVM`, distances by `PCA` and `NearestNeighbors`.

#![allow(clippy::unwrap_used)]

use differnet_baselines::{
    FittedModel, Gamma, OneClassSvmConfig, OneNearestNeighbourConfig, RowScorer, Rows,
};
use differnet_progress::Monitor;
use safetensors::SafeTensors;
use serde::Deserialize;

/// The file, in memory.
const GOLDEN: &[u8] = include_bytes!("golden/baselines.safetensors");

#[derive(Deserialize)]
struct Cases {
    svm: Vec<Svm>,
    neighbour: Vec<Neighbour>,
}

#[derive(Deserialize)]
struct Svm {
    set: String,
    nu: f64,
    gamma: Gamma,
    support_vectors: usize,
}

#[derive(Deserialize)]
struct Neighbour {
    set: String,
    components: usize,
    variance_kept: f64,
}

fn cases() -> Cases {
    let (_, header) = SafeTensors::read_metadata(GOLDEN).expect("committed file");
    let metadata = header.metadata().as_ref().expect("metadata");
    serde_json::from_str(&metadata["cases"]).expect("committed file")
}

/// Rows and their width.
fn rows(name: &str) -> (Vec<f32>, usize) {
    let file = SafeTensors::deserialize(GOLDEN).expect("committed file");
    let tensor = file.tensor(name).expect("committed tensor");
    let (words, _) = tensor.data().as_chunks::<4>();
    (words.iter().map(|word| f32::from_le_bytes(*word)).collect(), tensor.shape()[1])
}

fn doubles(name: &str) -> Vec<f64> {
    let file = SafeTensors::deserialize(GOLDEN).expect("committed file");
    let tensor = file.tensor(name).expect("committed tensor");
    let (words, _) = tensor.data().as_chunks::<8>();
    words.iter().map(|word| f64::from_le_bytes(*word)).collect()
}

fn assert_close(found: &[f64], golden: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), golden.len(), "{what}");
    for (index, (found, golden)) in found.iter().zip(golden).enumerate() {
        assert!((found - golden).abs() <= tolerance, "{what}, {index}: {found} for {golden}");
    }
}

#[test]
fn decision_values_agree_with_the_reference() {
    for (index, case) in cases().svm.iter().enumerate() {
        let (values, features) = rows(&format!("{}.rows", case.set));
        let (queries, _) = rows(&format!("{}.queries", case.set));
        let (training, queries) =
            (Rows::new(&values, features).unwrap(), Rows::new(&queries, features).unwrap());
        let base = OneClassSvmConfig::default();
        let config = OneClassSvmConfig { nu: case.nu, gamma: case.gamma, tolerance: 1e-9, ..base };
        let model = config.fit(&training, 0, &Monitor::silent()).expect("solvable");
        // Both solvers keep the kernel in single precision and sum up to 270 terms of up to 1.
        let what = format!("case {index} ({})", case.set);
        let found = model.decisions(&training);
        assert_close(&found, &doubles(&format!("svm.{index}.rows")), 1e-5, &what);
        let found = model.decisions(&queries);
        assert_close(&found, &doubles(&format!("svm.{index}.queries")), 1e-5, &what);
        let opposite: Vec<f64> = model.scores(&queries).iter().map(|score| -score).collect();
        assert_eq!(opposite, found);
        // Equal rows may share their coefficient in many ways.
        if case.set != "twins" {
            assert_eq!(model.facts()[0].1, case.support_vectors.to_string(), "{what}");
        }
    }
}

#[test]
fn the_default_tolerance_stays_near_the_reference() {
    for (index, case) in cases().svm.iter().enumerate() {
        let (values, features) = rows(&format!("{}.rows", case.set));
        let training = Rows::new(&values, features).unwrap();
        let config =
            OneClassSvmConfig { nu: case.nu, gamma: case.gamma, ..OneClassSvmConfig::default() };
        let model = config.fit(&training, 0, &Monitor::silent()).expect("solvable");
        // Gradients and ρ are each within the tolerance of the optimum's.
        let golden = doubles(&format!("svm.{index}.rows"));
        assert_close(&model.decisions(&training), &golden, 0.02, &format!("case {index}"));
    }
}

#[test]
fn distances_agree_with_the_reference() {
    for (index, case) in cases().neighbour.iter().enumerate() {
        let (values, features) = rows(&format!("{}.rows", case.set));
        let (queries, _) = rows(&format!("{}.queries", case.set));
        let (training, queries) =
            (Rows::new(&values, features).unwrap(), Rows::new(&queries, features).unwrap());
        let config = OneNearestNeighbourConfig { components: case.components };
        let model = config.fit(&training, &Monitor::silent()).expect("rows that differ");
        // Coordinates up to 20 are kept in single precision.
        let golden = doubles(&format!("neighbour.{index}.queries"));
        assert_close(&model.scores(&queries), &golden, 2e-5, &case.set);
        let kept: f64 = model.facts()[2].1.parse().expect("a number");
        assert!((kept - case.variance_kept).abs() <= 0.5e-4, "{kept}");
    }
}
