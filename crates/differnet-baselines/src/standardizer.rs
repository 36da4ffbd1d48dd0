//! Features on a common scale: zero mean and unit spread over the training rows.

use differnet_files::NamedTensor;
use differnet_onnx::{Graph, Value};
use rayon::prelude::*;

use crate::error::BaselineError;
use crate::model_file::ModelFile;
use crate::rows::Rows;

/// Rows that one task sums. Fixed, so that sums do not depend on the number of threads.
const BLOCK: usize = 1024;
/// Names of the tables in a model file.
const MEANS: &str = "standardizer.means";
const SCALES: &str = "standardizer.scales";

/// Turns each feature into its z-score, (value − mean) / standard deviation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standardizer {
    means: Vec<f64>,
    /// The standard deviations; 1 for a feature that is the same in all training rows.
    scales: Vec<f64>,
}

impl Standardizer {
    /// The standardizer of `rows`.
    ///
    /// A feature without spread keeps its unit: in training rows its score is 0, and a row that
    /// differs in it is as far away as its value says.
    pub(crate) fn fit(rows: &Rows<'_>) -> Self {
        let count = rows.count() as f64;
        let mean = |sum: f64| sum / count;
        let means: Vec<f64> = sums(rows, |_, value| value).into_iter().map(mean).collect();
        let squares = sums(rows, |feature, value| (value - means[feature]).powi(2));
        let scale = |sum: f64| if sum > 0.0 { (sum / count).sqrt() } else { 1.0 };
        Self { scales: squares.into_iter().map(scale).collect(), means }
    }

    /// Width of the rows.
    pub(crate) fn features(&self) -> usize {
        self.means.len()
    }

    /// The z-scores of `rows`, `[rows, features]`.
    pub(crate) fn apply(&self, rows: &Rows<'_>) -> Vec<f64> {
        assert_eq!(rows.features(), self.features(), "rows of another width");
        let mut values = Vec::with_capacity(rows.values().len());
        for row in rows.values().chunks_exact(self.features()) {
            let scaled = row.iter().zip(&self.means).zip(&self.scales);
            values.extend(scaled.map(|((value, mean), scale)| (f64::from(*value) - mean) / scale));
        }
        values
    }

    /// The z-scores of `rows`, `[n, features]`, in a graph.
    pub(crate) fn graph(&self, graph: &mut Graph, rows: Value) -> Value {
        let means = graph.rounded(&[self.features()], &self.means);
        let scales = graph.rounded(&[self.features()], &self.scales);
        let centred = graph.sub(rows, means);
        graph.div(centred, scales)
    }

    /// Mean and standard deviation of each feature.
    pub(crate) fn statistics(&self) -> impl Iterator<Item = (f64, f64)> {
        self.means.iter().copied().zip(self.scales.iter().copied())
    }

    /// The tensors of a model file.
    pub(crate) fn tensors(&self) -> [NamedTensor<'_>; 2] {
        let tensor = |name, values| NamedTensor::doubles(name, &[self.features()], values);
        [tensor(MEANS, &self.means), tensor(SCALES, &self.scales)]
    }

    /// The standardizer in `file`, of rows of this width.
    pub(crate) fn load(file: &mut ModelFile, features: usize) -> Result<Self, BaselineError> {
        let means = file.doubles(MEANS, &[features])?;
        let scales = file.doubles(SCALES, &[features])?;
        file.require(SCALES, "positive", &scales, |scale| scale > 0.0)?;
        Ok(Self { means, scales })
    }
}

/// The sum of `term` over all rows, for each feature.
fn sums(rows: &Rows<'_>, term: impl Fn(usize, f64) -> f64 + Sync) -> Vec<f64> {
    let features = rows.features();
    let block_sums: Vec<Vec<f64>> = rows
        .values()
        .par_chunks(BLOCK * features)
        .map(|block| {
            let mut sums = vec![0.0; features];
            for row in block.chunks_exact(features) {
                for (feature, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
                    *sum += term(feature, f64::from(value));
                }
            }
            sums
        })
        .collect();
    let mut totals = vec![0.0; features];
    for sums in block_sums {
        totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn z_scores_by_hand() {
        // Means 2 and 5, standard deviations 1 and 0.
        let rows = Rows::new(&[1.0, 5.0, 3.0, 5.0], 2).unwrap();
        let standardizer = Standardizer::fit(&rows);
        assert_eq!(standardizer.apply(&rows), [-1.0, 0.0, 1.0, 0.0]);
        // A feature without spread keeps its unit.
        let other = Rows::new(&[2.5, 4.25], 2).unwrap();
        assert_eq!(standardizer.apply(&other), [0.5, -0.75]);
    }

    #[test]
    fn a_constant_that_is_no_round_number_has_exactly_no_spread() {
        let values: Vec<f32> = (0..5000).flat_map(|row| [0.1, row as f32]).collect();
        let rows = Rows::new(&values, 2).unwrap();
        let scores = Standardizer::fit(&rows).apply(&rows);
        assert!(scores.iter().step_by(2).all(|&score| score == 0.0));
    }
}
