//! Invariants of the nearest neighbour.

#![allow(clippy::unwrap_used)]

use differnet_baselines::{
    BaselineError, OneNearestNeighbour, OneNearestNeighbourConfig, RowScorer, Rows,
};
use differnet_progress::Monitor;

const FEATURES: usize = 6;

/// Rows with two dead features, one of them not zero.
fn wave(rows: usize, phase: f32) -> Vec<f32> {
    let row = |at: usize| {
        let at = at as f32 + phase;
        [at.sin(), 100.0 * (at * 1.7).cos(), 0.0, (at * 0.3).sin().powi(3), 0.1, (at * 2.9).cos()]
    };
    (0..rows).flat_map(row).collect()
}

fn fit(values: &[f32], components: usize) -> OneNearestNeighbour {
    let rows = Rows::new(values, FEATURES).unwrap();
    let config = OneNearestNeighbourConfig { components };
    config.fit(&rows, &Monitor::silent()).unwrap()
}

fn scores(model: &OneNearestNeighbour, values: &[f32]) -> Vec<f64> {
    model.scores(&Rows::new(values, FEATURES).unwrap())
}

/// Distances of z-scores, one pair at a time. All components are a rotation, which keeps distances.
fn brute_force(training: &[f32], queries: &[f32]) -> Vec<f64> {
    let count = (training.len() / FEATURES) as f64;
    let column = |feature: usize| training.iter().skip(feature).step_by(FEATURES).copied();
    let z: Vec<(f64, f64)> = (0..FEATURES)
        .map(|feature| {
            let mean = column(feature).map(f64::from).sum::<f64>() / count;
            let variance = column(feature).map(|v| (f64::from(v) - mean).powi(2)).sum::<f64>();
            let deviation = (variance / count).sqrt();
            (mean, if deviation > 1e-12 { deviation } else { f64::INFINITY })
        })
        .collect();
    let distance = |a: &[f32], b: &[f32]| {
        let terms = a.iter().zip(b).zip(&z);
        terms.map(|((a, b), z)| (f64::from(a - b) / z.1).powi(2)).sum::<f64>().sqrt()
    };
    let nearest = |query: &[f32]| {
        let distances = training.chunks_exact(FEATURES).map(|row| distance(query, row));
        distances.fold(f64::INFINITY, f64::min)
    };
    queries.chunks_exact(FEATURES).map(nearest).collect()
}

#[test]
fn with_all_components_it_is_brute_force_on_z_scores() {
    // More rows than a block has, and no whole number of blocks.
    let (training, queries) = (wave(1300, 0.0), wave(150, 0.37));
    let found = scores(&fit(&training, FEATURES), &queries);
    for (found, expected) in found.iter().zip(brute_force(&training, &queries)) {
        // Coordinates up to 3 are kept in single precision.
        assert!((found - expected).abs() < 2e-6, "{found} for {expected}");
    }
}

#[test]
fn training_rows_are_at_distance_0() {
    let training = wave(600, 0.0);
    assert_eq!(scores(&fit(&training, 3), &training), vec![0.0; 600]);
}

#[test]
fn training_rows_of_an_image_are_compared_with_those_of_others() {
    let training = wave(600, 0.0);
    let model = fit(&training, FEATURES);
    let rows = Rows::new(&training, FEATURES).unwrap();
    let found = model.training_scores(&rows, 500..520);
    let others = [&training[..500 * FEATURES], &training[520 * FEATURES..]].concat();
    let own = &training[500 * FEATURES..520 * FEATURES];
    // Means and spreads are those of all rows, hence the scale of each feature differs a little.
    for (found, expected) in found.iter().zip(brute_force(&others, own)) {
        assert!(*found > 0.0 && (found / expected - 1.0).abs() < 0.02, "{found} for {expected}");
    }
    assert_eq!(model.training_scores(&rows, 0..600), vec![f64::INFINITY; 600]);
}

#[test]
fn the_order_of_the_rows_changes_nothing() {
    let (training, queries) = (wave(700, 0.0), wave(40, 0.4));
    let reversed: Vec<f32> = training.chunks_exact(FEATURES).rev().flatten().copied().collect();
    let (a, b) = (scores(&fit(&training, 3), &queries), scores(&fit(&reversed, 3), &queries));
    for (a, b) in a.iter().zip(b) {
        // Sums in another order change the last places, and with them single-precision roundings.
        assert!((a - b).abs() < 2e-6, "{a} and {b}");
    }
}

#[test]
fn a_dead_feature_that_comes_alive_changes_no_component() {
    let training = wave(300, 0.0);
    let model = fit(&training, FEATURES);
    let mut odd = training[..FEATURES].to_vec();
    odd[2] = 5.0;
    assert_eq!(scores(&model, &odd), [0.0]);
}

#[test]
fn bad_settings_and_no_rows_are_refused() {
    let silent = Monitor::silent();
    let values = wave(10, 0.0);
    let rows = Rows::new(&values, FEATURES).unwrap();
    let error = OneNearestNeighbourConfig { components: 0 }.fit(&rows, &silent).unwrap_err();
    assert_eq!(error.to_string(), "components must be at least 1, found 0");
    let none = Rows::new(&[], FEATURES).unwrap();
    let error = OneNearestNeighbourConfig::default().fit(&none, &silent).unwrap_err();
    assert!(matches!(error, BaselineError::NoRows));
}
