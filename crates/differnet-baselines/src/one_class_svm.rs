//! One-class support vector machine (Schölkopf et al. 2001) with a Gaussian kernel.
//!
//! It solves min ½ αᵀKα over 0 ≤ αᵢ ≤ 1, Σ αᵢ = νn, with K(x, y) = exp(−γ |x − y|²) of z-scored
//! rows. A row's decision value is Σ αᵢ K(xᵢ, x) − ρ, positive inside the region that holds about
//! a share 1 − ν of the training rows; its score is the decision value's opposite. This is the
//! scaling of LIBSVM and scikit-learn.

mod config;
mod kernel;
mod kernel_cache;
mod smo;

use differnet_files::NamedTensor;
use std::collections::BTreeMap;
use std::path::Path;

use differnet_onnx::{Graph, Value, bank};
use differnet_progress::Monitor;

use crate::distances::{Points, QUERIES};
use crate::error::BaselineError;
use crate::model_file::{self, ModelFile};
use crate::rng::{Purpose, stream};
use crate::rows::Rows;
use crate::scorer::{FittedModel, RowScorer};
use crate::standardizer::Standardizer;
use kernel::Kernel;
use kernel_cache::KernelCache;
use smo::Problem;

pub use config::{Gamma, OneClassSvmConfig};

/// The method's name in a model file.
const METHOD: &str = "ocsvm";
/// Names of the tables in a model file.
const SUPPORT_VECTORS: &str = "support_vectors";
const COEFFICIENTS: &str = "coefficients";
const OFFSET: &str = "rho";
const GAMMA: &str = "gamma";

/// A boundary around the training rows.
#[derive(Debug, Clone, PartialEq)]
pub struct OneClassSvm {
    config: OneClassSvmConfig,
    standardizer: Standardizer,
    kernel: Kernel,
    /// The training rows with a coefficient above 0; single precision, as in the file.
    support_vectors: Points,
    /// α of each support vector.
    coefficients: Vec<f64>,
    /// ρ
    offset: f64,
}

impl OneClassSvmConfig {
    /// The model of `rows`.
    ///
    /// Of more than [`max_rows`](Self::max_rows) rows, so many are drawn from `seed`; means and
    /// spreads are those of all rows. Besides, nothing is random.
    ///
    /// # Errors
    /// [`BaselineError`] if a setting is out of range, if there are no rows, if the optimum is not
    /// reached, or if `monitor` cancels.
    pub fn fit(
        &self,
        rows: &Rows<'_>,
        seed: u64,
        monitor: &Monitor<'_>,
    ) -> Result<OneClassSvm, BaselineError> {
        self.validate()?;
        rows.require_any()?;
        let standardizer = Standardizer::fit(rows);
        let mut draws = stream(seed, Purpose::Subsample, 0);
        let chosen = draws.subsample(rows.count(), self.max_rows);
        let mut values = Vec::with_capacity(chosen.len() * rows.features());
        for at in chosen {
            values.extend(standardizer.apply(&rows.subrows(at..at + 1)));
        }
        round_to_single(&mut values);
        let kernel = Kernel { gamma: self.gamma.value(&values, rows.features()) };
        let points = Points::new(values, rows.features());
        let problem = Problem { nu: self.nu, tolerance: self.tolerance };
        let mut cache = KernelCache::new(&kernel, &points);
        let solution = problem.solve(&mut cache, monitor)?;
        Ok(OneClassSvm::new(*self, standardizer, kernel, &points, &solution))
    }
}

impl OneClassSvm {
    /// The model of a solution for `points`.
    fn new(
        config: OneClassSvmConfig,
        standardizer: Standardizer,
        kernel: Kernel,
        points: &Points,
        solution: &smo::Solution,
    ) -> Self {
        let support: Vec<usize> =
            (0..points.count()).filter(|&at| solution.alphas[at] > 0.0).collect();
        let values = support.iter().flat_map(|&at| points.point(at)).copied().collect();
        Self {
            config,
            kernel,
            support_vectors: Points::new(values, standardizer.features()),
            standardizer,
            coefficients: support.iter().map(|&at| solution.alphas[at]).collect(),
            offset: solution.rho,
        }
    }

    /// The settings that the model was fitted with.
    pub fn config(&self) -> &OneClassSvmConfig {
        &self.config
    }

    /// The decision value of each row: Σ αᵢ K(xᵢ, x) − ρ; positive for those like the training
    /// rows.
    ///
    /// # Panics
    /// If the rows have another width than the training rows.
    pub fn decisions(&self, rows: &Rows<'_>) -> Vec<f64> {
        let mut decisions = Vec::with_capacity(rows.count());
        for start in (0..rows.count()).step_by(QUERIES) {
            let chunk = start..(start + QUERIES).min(rows.count());
            let mut values = self.standardizer.apply(&rows.subrows(chunk.clone()));
            round_to_single(&mut values);
            let queries = Points::new(values, rows.features());
            let mut sums = vec![0.0; chunk.len()];
            let all = 0..chunk.len();
            let blocks = self.support_vectors.map_blocks(&queries, all, |range, distances| {
                let coefficients = &self.coefficients[range.clone()];
                let rows = distances.chunks_exact(range.len());
                let sum = |row: &[f64]| {
                    let terms = row.iter().zip(coefficients);
                    terms.map(|(&distance, alpha)| alpha * self.kernel.of(distance)).sum()
                };
                rows.map(sum).collect::<Vec<f64>>()
            });
            for block in blocks {
                sums.iter_mut().zip(block).for_each(|(sum, part)| *sum += part);
            }
            decisions.extend(sums.iter().map(|sum| sum - self.offset));
        }
        decisions
    }

    /// The model stored at `path`.
    ///
    /// # Errors
    /// [`BaselineError`] names what is wrong with the file.
    pub fn load(path: &Path) -> Result<Self, BaselineError> {
        let mut file = ModelFile::open(path, METHOD)?;
        let config = file.config()?;
        let [count, features] = file.shape(SUPPORT_VECTORS)?;
        let values = file.singles(SUPPORT_VECTORS, &[count, features])?;
        let values = values.into_iter().map(f64::from).collect();
        let coefficients = file.doubles(COEFFICIENTS, &[count])?;
        file.require(COEFFICIENTS, "positive", &coefficients, |alpha| alpha > 0.0)?;
        let offset = file.doubles(OFFSET, &[1])?[0];
        let gamma = file.doubles(GAMMA, &[1])?;
        file.require(GAMMA, "positive", &gamma, |gamma| gamma > 0.0)?;
        let standardizer = Standardizer::load(&mut file, features)?;
        file.finish()?;
        Ok(Self {
            config,
            standardizer,
            kernel: Kernel { gamma: gamma[0] },
            support_vectors: Points::new(values, features),
            coefficients,
            offset,
        })
    }
}

/// Rounds to the single precision of the model file.
fn round_to_single(values: &mut [f64]) {
    values.iter_mut().for_each(|value| *value = f64::from(*value as f32));
}

impl RowScorer for OneClassSvm {
    fn features(&self) -> usize {
        self.standardizer.features()
    }

    fn scores(&self, rows: &Rows<'_>) -> Vec<f64> {
        self.decisions(rows).into_iter().map(|decision| -decision).collect()
    }

    fn graph(&self, graph: &mut Graph, rows: Value) -> Value {
        let rows = self.standardizer.graph(graph, rows);
        let vectors = self.support_vectors.singles();
        let squared = bank::squared_distances(graph, rows, &vectors, self.features()); // [n, count]
        let gamma = graph.float(-self.kernel.gamma as f32);
        let exponent = graph.mul(squared, gamma);
        let kernel = graph.exp(exponent);
        let coefficients = graph.rounded(&[self.coefficients.len()], &self.coefficients);
        let terms = graph.mul(kernel, coefficients);
        let sum = graph.sum(terms, &[1]); // [n]
        let offset = graph.float(self.offset as f32);
        graph.sub(offset, sum)
    }
}

impl FittedModel for OneClassSvm {
    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("support vectors", self.support_vectors.count().to_string()),
            ("gamma of the kernel", format!("{:.6e}", self.kernel.gamma)),
        ]
    }

    fn save(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), BaselineError> {
        let count = self.support_vectors.count();
        let values = self.support_vectors.singles();
        let doubles = |name, values| NamedTensor::doubles(name, &[<[f64]>::len(values)], values);
        let mut tensors: Vec<NamedTensor<'_>> = self.standardizer.tensors().into();
        tensors.extend([
            doubles(COEFFICIENTS, &self.coefficients),
            doubles(OFFSET, std::slice::from_ref(&self.offset)),
            doubles(GAMMA, std::slice::from_ref(&self.kernel.gamma)),
            NamedTensor::floats(SUPPORT_VECTORS, &[count, self.features()], &values),
        ]);
        model_file::save(path, METHOD, &self.config, &tensors, metadata)
    }
}
