//! One nearest neighbour: how far a row lies from the nearest training row (Nazare et al. 2018).
//!
//! Features are z-scored and reduced to their first principal components, 64 in the paper
//! (Section 4.3); the score is the Euclidean distance there.

pub(crate) mod pca;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use differnet_files::NamedTensor;
use differnet_onnx::{Graph, Value, bank};
use differnet_progress::Monitor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::distances::{Points, QUERIES, squared_distance};
use crate::error::BaselineError;
use crate::model_file::{self, ModelFile};
use crate::rows::Rows;
use crate::scorer::{FittedModel, RowScorer};
use crate::standardizer::Standardizer;
use pca::Pca;

/// The method's name in a model file.
const METHOD: &str = "1nn";
/// Name of the table of training rows in a model file.
const POINTS: &str = "points";
/// Rows that one task projects.
const BLOCK: usize = 256;

/// Settings of the method; the default is the paper's (Section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneNearestNeighbourConfig {
    /// Principal components that rows are compared in; fewer if the training rows do not spread in
    /// so many directions.
    pub components: usize,
}

impl Default for OneNearestNeighbourConfig {
    fn default() -> Self {
        Self { components: 64 }
    }
}

/// Training rows that new ones are compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct OneNearestNeighbour {
    config: OneNearestNeighbourConfig,
    standardizer: Standardizer,
    pca: Pca,
    /// The training rows, `[rows, components]`; single precision, as in the file.
    points: Points,
}

impl OneNearestNeighbourConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`BaselineError::Config`] names the first setting that is out of range.
    pub fn validate(&self) -> Result<(), BaselineError> {
        if self.components == 0 {
            let (expected, found) = ("at least 1", self.components.to_string());
            return Err(BaselineError::Config { name: "components", expected, found });
        }
        Ok(())
    }

    /// The model of `rows`. Nothing in it is random.
    ///
    /// # Errors
    /// [`BaselineError`] if a setting is out of range, if there are no rows, if all are equal, or
    /// if `monitor` cancels.
    pub fn fit(
        &self,
        rows: &Rows<'_>,
        monitor: &Monitor<'_>,
    ) -> Result<OneNearestNeighbour, BaselineError> {
        self.validate()?;
        rows.require_any()?;
        let standardizer = Standardizer::fit(rows);
        let pca = Pca::fit(rows, &standardizer, self.components, monitor)?;
        let points = project(&standardizer, &pca, rows);
        Ok(OneNearestNeighbour { config: *self, standardizer, pca, points })
    }
}

impl OneNearestNeighbour {
    /// The settings that the model was fitted with.
    pub fn config(&self) -> &OneNearestNeighbourConfig {
        &self.config
    }

    /// The model stored at `path`.
    ///
    /// # Errors
    /// [`BaselineError`] names what is wrong with the file.
    pub fn load(path: &Path) -> Result<Self, BaselineError> {
        let mut file = ModelFile::open(path, METHOD)?;
        let config = file.config()?;
        let pca = Pca::load(&mut file)?;
        let standardizer = Standardizer::load(&mut file, pca.features())?;
        let [count, _] = file.shape(POINTS)?;
        let points = file.singles(POINTS, &[count, pca.components()])?;
        let points = Points::new(points.into_iter().map(f64::from).collect(), pca.components());
        file.finish()?;
        Ok(Self { config, standardizer, pca, points })
    }

    /// The distance of each query to the nearest training row that is not in `without`; infinite
    /// if there is none.
    fn distances(&self, queries: &Points, without: &Range<usize>) -> Vec<f64> {
        let mut distances = Vec::with_capacity(queries.count());
        for start in (0..queries.count()).step_by(QUERIES) {
            let chunk = start..(start + QUERIES).min(queries.count());
            let mut nearest = vec![f64::INFINITY; chunk.len()];
            let blocks = self.points.map_blocks(queries, chunk.clone(), |range, distances| {
                let rows = distances.chunks_exact(range.len()).zip(chunk.clone());
                let nearest = rows.map(|(row, query)| {
                    let found = nearest_in(row, &range, without);
                    // Term by term: equal rows are at distance 0.
                    let exact = |at| squared_distance(queries.point(query), self.points.point(at));
                    found.map_or(f64::INFINITY, exact)
                });
                nearest.collect::<Vec<f64>>()
            });
            for block in blocks {
                nearest.iter_mut().zip(block).for_each(|(best, found)| *best = best.min(found));
            }
            distances.extend(nearest.into_iter().map(f64::sqrt));
        }
        distances
    }
}

/// The index of the nearest point of the block `range`, given the distances to all of them.
fn nearest_in(distances: &[f64], range: &Range<usize>, without: &Range<usize>) -> Option<usize> {
    let mut best = None;
    let mut smallest = f64::INFINITY;
    for (&distance, at) in distances.iter().zip(range.clone()) {
        if distance < smallest && !without.contains(&at) {
            (best, smallest) = (Some(at), distance);
        }
    }
    best
}

/// The rows in principal components, rounded to the single precision of the model file.
fn project(standardizer: &Standardizer, pca: &Pca, rows: &Rows<'_>) -> Points {
    let blocks: Vec<Vec<f64>> = (0..rows.count().div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let range = block * BLOCK..((block + 1) * BLOCK).min(rows.count());
            let mut values = pca.project(&standardizer.apply(&rows.subrows(range)));
            values.iter_mut().for_each(|value| *value = f64::from(*value as f32));
            values
        })
        .collect();
    Points::new(blocks.concat(), pca.components())
}

impl RowScorer for OneNearestNeighbour {
    fn features(&self) -> usize {
        self.standardizer.features()
    }

    fn scores(&self, rows: &Rows<'_>) -> Vec<f64> {
        self.distances(&project(&self.standardizer, &self.pca, rows), &(0..0))
    }

    fn training_scores(&self, rows: &Rows<'_>, range: Range<usize>) -> Vec<f64> {
        // Every training row is its own nearest neighbour.
        let own = project(&self.standardizer, &self.pca, &rows.subrows(range.clone()));
        self.distances(&own, &range)
    }

    fn graph(&self, graph: &mut Graph, rows: Value) -> Value {
        let rows = self.standardizer.graph(graph, rows);
        let rows = self.pca.graph(graph, rows);
        bank::distances(graph, rows, &self.points.singles(), self.pca.components())
    }
}

impl FittedModel for OneNearestNeighbour {
    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("training rows", self.points.count().to_string()),
            ("principal components", self.pca.components().to_string()),
            ("share of the variance kept", format!("{:.4}", self.pca.variance_kept())),
        ]
    }

    fn save(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), BaselineError> {
        let points = self.points.singles();
        let mut tensors: Vec<NamedTensor<'_>> = self.standardizer.tensors().into();
        tensors.extend(self.pca.tensors());
        let shape = [self.points.count(), self.pca.components()];
        tensors.push(NamedTensor::floats(POINTS, &shape, &points));
        model_file::save(path, METHOD, &self.config, &tensors, metadata)
    }
}
