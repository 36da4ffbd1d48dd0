//! Principal components: the orthonormal directions in which standardized rows spread most.

use differnet_files::NamedTensor;
use differnet_onnx::{Graph, Value};
use differnet_progress::{Cancelled, Monitor, Progress, Stage};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};
use rayon::prelude::*;

use crate::error::BaselineError;
use crate::model_file::ModelFile;
use crate::rows::Rows;
use crate::standardizer::Standardizer;

/// Rows that are added to the covariance at a time.
const BLOCK: usize = 1024;
/// Columns of the covariance that one task adds to. Fixed, and a product runs on one thread, so
/// that sums do not depend on the number of threads.
const PANEL: usize = 64;
/// Names of the tables in a model file.
const COMPONENTS: &str = "pca.components";
const VARIANCES: &str = "pca.variances";
const TOTAL_VARIANCE: &str = "pca.total_variance";

/// Orthonormal directions, the one of the largest variance first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pca {
    features: usize,
    /// `[components, features]`
    directions: Vec<f64>,
    /// The training rows' variance along each direction.
    variances: Vec<f64>,
    /// The training rows' variance along all directions, those left out included.
    total_variance: f64,
}

impl Pca {
    /// The first `components` principal components of standardized `rows`, or as many as carry
    /// variance.
    pub(crate) fn fit(
        rows: &Rows<'_>,
        standardizer: &Standardizer,
        components: usize,
        monitor: &Monitor<'_>,
    ) -> Result<Self, BaselineError> {
        let covariance = covariance(rows, standardizer, monitor)?;
        let eigen =
            covariance.self_adjoint_eigen(Side::Lower).map_err(|_| BaselineError::NoComponents)?;
        let features = rows.features();
        // In rising order, and not below 0 but for rounding.
        let variances: Vec<f64> =
            eigen.S().column_vector().iter().map(|value| value.max(0.0)).collect();
        let largest = variances.last().copied().unwrap_or(0.0);
        // Below this, a variance is rounding, and its direction is any.
        let rounding = largest * features as f64 * f64::EPSILON;
        let mut pca = Self {
            features,
            directions: Vec::new(),
            variances: Vec::new(),
            total_variance: variances.iter().sum(),
        };
        for at in (0..features).rev().take(components) {
            if variances[at] > rounding {
                pca.variances.push(variances[at]);
                pca.directions.extend(oriented(eigen.U().col(at).iter().copied().collect()));
            }
        }
        if pca.variances.is_empty() { Err(BaselineError::NoComponents) } else { Ok(pca) }
    }

    /// Width of the rows.
    pub(super) fn features(&self) -> usize {
        self.features
    }

    /// Number of directions.
    pub(crate) fn components(&self) -> usize {
        self.variances.len()
    }

    /// The share of the training rows' variance that lies along the directions.
    pub(super) fn variance_kept(&self) -> f64 {
        self.variances.iter().sum::<f64>() / self.total_variance
    }

    /// The coordinates `[rows, components]` of standardized rows `[rows, features]`.
    pub(super) fn project(&self, rows: &[f64]) -> Vec<f64> {
        let (count, components) = (rows.len() / self.features, self.components());
        let rows = MatRef::from_row_major_slice(rows, count, self.features);
        let directions =
            MatRef::from_row_major_slice(&self.directions[..], components, self.features);
        let mut values = vec![0.0; count * components];
        let product = MatMut::from_row_major_slice_mut(&mut values, count, components);
        matmul(product, Accum::Replace, rows, directions.transpose(), 1.0, Par::Seq);
        values
    }

    /// The coordinates `[n, components]` of standardized rows `[n, features]`, in a graph.
    pub(super) fn graph(&self, graph: &mut Graph, rows: Value) -> Value {
        let directions = graph.rounded(&[self.components(), self.features], &self.directions);
        let columns = graph.transpose(directions, &[1, 0]);
        graph.matmul(rows, columns)
    }

    /// Each direction, `[features]`, and the training rows' variance along it.
    pub(crate) fn directions(&self) -> impl Iterator<Item = (&[f64], f64)> {
        self.directions.chunks_exact(self.features).zip(self.variances.iter().copied())
    }

    /// The tensors of a model file.
    pub(super) fn tensors(&self) -> [NamedTensor<'_>; 3] {
        let (components, total) = (self.components(), std::slice::from_ref(&self.total_variance));
        [
            NamedTensor::doubles(COMPONENTS, &[components, self.features], &self.directions),
            NamedTensor::doubles(VARIANCES, &[components], &self.variances),
            NamedTensor::doubles(TOTAL_VARIANCE, &[1], total),
        ]
    }

    /// The principal components in `file`.
    pub(super) fn load(file: &mut ModelFile) -> Result<Self, BaselineError> {
        let [components, features] = file.shape(COMPONENTS)?;
        let directions = file.doubles(COMPONENTS, &[components, features])?;
        let variances = file.doubles(VARIANCES, &[components])?;
        let total = file.doubles(TOTAL_VARIANCE, &[1])?;
        file.require(TOTAL_VARIANCE, "positive", &total, |total| total > 0.0)?;
        Ok(Self { features, directions, variances, total_variance: total[0] })
    }
}

/// The covariance `[features, features]` of standardized rows.
fn covariance(
    rows: &Rows<'_>,
    standardizer: &Standardizer,
    monitor: &Monitor<'_>,
) -> Result<Mat<f64>, Cancelled> {
    let features = rows.features();
    let mut sums = vec![0.0; features * features]; // column by column
    let total = rows.count().div_ceil(BLOCK);
    for block in 0..total {
        let range = block * BLOCK..((block + 1) * BLOCK).min(rows.count());
        let count = range.len();
        let values = standardizer.apply(&rows.subrows(range));
        let values = MatRef::from_row_major_slice(&values[..], count, features);
        sums.par_chunks_mut(PANEL * features).enumerate().for_each(|(panel, sums)| {
            let columns = sums.len() / features;
            let right = values.subcols(panel * PANEL, columns); // [block, panel]
            let sums = MatMut::from_column_major_slice_mut(sums, features, columns);
            matmul(sums, Accum::Add, values.transpose(), right, 1.0, Par::Seq);
        });
        monitor.report(Progress::new(Stage::Statistics, block + 1, total))?;
    }
    // Standardized rows have the mean 0.
    let count = rows.count() as f64;
    Ok(Mat::from_fn(features, features, |i, j| sums[j * features + i] / count))
}

/// The direction or its opposite: the one whose largest coordinate is positive, so that the
/// solver's choice of sign does not matter.
fn oriented(mut direction: Vec<f64>) -> Vec<f64> {
    let largest =
        direction.iter().fold(0.0_f64, |best, v| if v.abs() > best.abs() { *v } else { best });
    if largest < 0.0 {
        direction.iter_mut().for_each(|value| *value = -*value);
    }
    direction
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use differnet_progress::CancelToken;

    use super::*;

    /// `count` rows of 6 features: three independent waves of falling strength, the sum of the
    /// first two, a constant, and the first again.
    fn rows(count: usize) -> Vec<f32> {
        // Few binary places, so that sums are exact in single precision.
        let wave = |at: usize, pace: f64| ((at as f64 * pace).sin() * 1000.0).round() / 1024.0;
        let row = |at: usize| {
            let [a, b, c] = [wave(at, 0.71), wave(at, 1.37), wave(at, 2.39)];
            [a, b, c, a + b, 5.0, 2.0 * a].map(|value| value as f32)
        };
        (0..count).flat_map(row).collect()
    }

    fn fit(values: &[f32], components: usize) -> Result<Pca, BaselineError> {
        let rows = Rows::new(values, 6)?;
        Pca::fit(&rows, &Standardizer::fit(&rows), components, &Monitor::silent())
    }

    #[test]
    fn directions_are_orthonormal_and_as_many_as_carry_variance() {
        let pca = fit(&rows(2500), 6).unwrap();
        assert_eq!(pca.components(), 3, "{:?}", pca.variances);
        for (i, a) in pca.directions.chunks_exact(6).enumerate() {
            for (j, b) in pca.directions.chunks_exact(6).enumerate() {
                let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12, "{i} {j}");
            }
        }
    }

    #[test]
    fn variances_fall_and_are_those_of_the_coordinates() {
        let values = rows(2500);
        let pca = fit(&values, 2).unwrap();
        assert_eq!(pca.components(), 2);
        assert!(pca.variances.is_sorted_by(|a, b| a >= b), "{:?}", pca.variances);
        // Five features of variance 1 and one without.
        assert!((pca.total_variance - 5.0).abs() < 1e-9);
        assert!(pca.variance_kept() > 0.7 && pca.variance_kept() < 1.0);
        let rows = Rows::new(&values, 6).unwrap();
        let coordinates = pca.project(&Standardizer::fit(&rows).apply(&rows)); // [2500, 2]
        for (component, variance) in pca.variances.iter().enumerate() {
            let squares = coordinates.iter().skip(component).step_by(2).map(|value| value * value);
            assert!((squares.sum::<f64>() / 2500.0 - variance).abs() < 1e-9);
        }
    }

    #[test]
    fn equal_rows_have_no_components() {
        let error = fit(&[1.5; 60], 2).unwrap_err();
        assert!(matches!(error, BaselineError::NoComponents));
    }

    #[test]
    fn a_cancelled_fit_ends_after_the_block() {
        let values = rows(3000);
        let rows = Rows::new(&values, 6).unwrap();
        let (blocks, cancel) = (AtomicUsize::new(0), CancelToken::new());
        let observer = |progress: &Progress| {
            blocks.fetch_add(1, Ordering::Relaxed);
            assert_eq!(progress.total, 3);
            cancel.cancel();
        };
        let monitor = Monitor::new(&observer, &cancel);
        let pca = Pca::fit(&rows, &Standardizer::fit(&rows), 2, &monitor);
        assert!(matches!(pca, Err(BaselineError::Cancelled(_))));
        assert_eq!(blocks.into_inner(), 1);
    }
}
