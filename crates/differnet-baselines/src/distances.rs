//! Distances between many points, by blocked matrix products: |a − b|² = |a|² + |b|² − 2 a·b.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Points that one task compares with: a block and its distances stay in a core's cache. Fixed, and
/// a product within it runs on one thread, so that results do not depend on the number of threads.
const BLOCK: usize = 512;
/// Queries that are compared at once.
pub(crate) const QUERIES: usize = 64;

/// Points `[count, features]` with their squared norms.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Points {
    features: usize,
    values: Vec<f64>,
    squared_norms: Vec<f64>,
}

impl Points {
    /// The points in `values`, row by row.
    pub(crate) fn new(values: Vec<f64>, features: usize) -> Self {
        let squared_norm = |point: &[f64]| point.iter().map(|value| value * value).sum();
        let squared_norms = values.chunks_exact(features).map(squared_norm).collect();
        Self { features, values, squared_norms }
    }

    /// Number of points.
    pub(crate) fn count(&self) -> usize {
        self.squared_norms.len()
    }

    /// All values in single precision, row by row.
    pub(crate) fn singles(&self) -> Vec<f32> {
        self.values.iter().map(|value| *value as f32).collect()
    }

    /// The point numbered `index`.
    pub(crate) fn point(&self, index: usize) -> &[f64] {
        &self.values[index * self.features..][..self.features]
    }

    /// Maps each block of these points, in order: `map` gets the block's range and the
    /// squared distances `[queries, block]` of the queries numbered `chunk`.
    ///
    /// Distances are exact up to rounding of the norms: those of equal points may differ from 0.
    pub(crate) fn map_blocks<T: Send>(
        &self,
        queries: &Self,
        chunk: Range<usize>,
        map: impl Fn(Range<usize>, &[f64]) -> T + Sync,
    ) -> Vec<T> {
        let blocks = self.count().div_ceil(BLOCK);
        let blocks = (0..blocks).into_par_iter().map(|block| {
            let range = block * BLOCK..((block + 1) * BLOCK).min(self.count());
            let mut distances = vec![0.0; chunk.len() * range.len()];
            self.squared_distances(range.clone(), queries, chunk.clone(), &mut distances);
            map(range, &distances)
        });
        blocks.collect()
    }

    /// Squared distances `[chunk, range]` between queries and points.
    fn squared_distances(
        &self,
        range: Range<usize>,
        queries: &Self,
        chunk: Range<usize>,
        distances: &mut [f64],
    ) {
        let matrix = |points: &'_ Self, range: &Range<usize>| {
            range.start * points.features..range.end * points.features
        };
        let width = range.len();
        let a = &queries.values[matrix(queries, &chunk)];
        let a = MatRef::from_row_major_slice(a, chunk.len(), self.features);
        let b = &self.values[matrix(self, &range)];
        let b = MatRef::from_row_major_slice(b, width, self.features);
        let products = MatMut::from_row_major_slice_mut(distances, chunk.len(), width);
        matmul(products, Accum::Replace, a, b.transpose(), -2.0, Par::Seq); // [chunk, range]
        let norms = &self.squared_norms[range];
        for (row, norm_a) in distances.chunks_exact_mut(width).zip(&queries.squared_norms[chunk]) {
            for (distance, norm_b) in row.iter_mut().zip(norms) {
                *distance = (*distance + norm_a + norm_b).max(0.0);
            }
        }
    }
}

/// The squared distance of two points, term by term.
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_all_points_and_agree_with_the_definition() {
        let wave = |count: usize, phase: f64| -> Vec<f64> {
            (0..count).map(|at| (at as f64 * 0.37 + phase).sin() * 3.0).collect()
        };
        let points = Points::new(wave(1100 * 5, 0.0), 5);
        let queries = Points::new(wave(7 * 5, 1.0), 5);
        let blocks = points.map_blocks(&queries, 2..6, |range, distances| {
            for (at, distance) in distances.iter().enumerate() {
                let (query, point) = (2 + at / range.len(), range.start + at % range.len());
                let expected = squared_distance(queries.point(query), points.point(point));
                // Norms are below 5 · 9; 1e-13 is a few hundred roundings.
                assert!((distance - expected).abs() < 45.0 * 1e-13);
            }
            range
        });
        assert_eq!(blocks, [0..512, 512..1024, 1024..1100]);
    }
}
