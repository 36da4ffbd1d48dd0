//! Whitening: rows as coordinates in principal components of z-scored features, each of deviation 1.

use differnet_progress::Monitor;

use crate::error::BaselineError;
use crate::one_nearest_neighbour::pca::Pca;
use crate::rows::Rows;
use crate::standardizer::Standardizer;

/// Directions whose variance is below this share of the largest are left out: rounding of the features
/// would become as large as what is known of them.
const LEAST_VARIANCE: f64 = 1e-6;

/// Affine map `W x + b` of rows to whitened principal components.
#[derive(Debug, Clone, PartialEq)]
pub struct Whitening {
    /// W, `[components, features]`, row by row.
    pub matrix: Vec<f32>,
    /// b, `[components]`.
    pub offset: Vec<f32>,
}

impl Whitening {
    /// The whitening of `rows` to the `components` directions of the largest variance, or as many as
    /// carry more than rounding.
    ///
    /// # Errors
    /// [`BaselineError::NoComponents`] if all rows are alike; [`BaselineError::Cancelled`].
    pub fn fit(
        rows: &Rows<'_>,
        components: usize,
        monitor: &Monitor<'_>,
    ) -> Result<Self, BaselineError> {
        let standardizer = Standardizer::fit(rows);
        let pca = Pca::fit(rows, &standardizer, components, monitor)?;
        let (mut matrix, mut offset) = (Vec::new(), Vec::new());
        let largest = pca.directions().next().map_or(0.0, |(_, variance)| variance);
        let least = LEAST_VARIANCE * largest;
        for (direction, variance) in pca.directions().filter(|(_, variance)| *variance > least) {
            let mut shift = 0.0;
            for (along, (mean, scale)) in direction.iter().zip(standardizer.statistics()) {
                let weight = along / (scale * variance.sqrt());
                matrix.push(weight as f32);
                shift -= weight * mean;
            }
            offset.push(shift as f32);
        }
        Ok(Self { matrix, offset })
    }
}

impl Whitening {
    /// Each feature z-scored by `rows`, and nothing else.
    ///
    /// # Errors
    /// [`BaselineError::NoRows`] without rows.
    pub fn diagonal(rows: &Rows<'_>) -> Result<Self, BaselineError> {
        rows.require_any()?;
        let standardizer = Standardizer::fit(rows);
        let features = rows.features();
        let (mut matrix, mut offset) = (vec![0.0; features * features], Vec::new());
        for (feature, (mean, scale)) in standardizer.statistics().enumerate() {
            matrix[feature * (features + 1)] = (1.0 / scale) as f32;
            offset.push((-mean / scale) as f32);
        }
        Ok(Self { matrix, offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitened_rows_are_uncorrelated_and_of_deviation_1() {
        // Three features that two numbers move, and one that never moves.
        let row = |at: usize| {
            let (a, b) = ((at as f32 * 0.7).sin(), (at as f32 * 1.3 + 1.0).cos());
            [3.0 * a + 10.0, a + 0.1 * b, 100.0 * b, 5.0]
        };
        let values: Vec<f32> = (0..4000).flat_map(row).collect();
        let rows = Rows::new(&values, 4).unwrap();
        let found = Whitening::fit(&rows, 4, &Monitor::silent()).unwrap();
        let components = found.offset.len();
        assert_eq!(components, 2);
        let whitened: Vec<Vec<f64>> = values
            .chunks_exact(4)
            .map(|row| {
                let weights = found.matrix.chunks_exact(4).zip(&found.offset);
                let one = |(weights, offset): (&[f32], &f32)| {
                    let terms = weights.iter().zip(row).map(|(w, x)| f64::from(*w) * f64::from(*x));
                    terms.sum::<f64>() + f64::from(*offset)
                };
                weights.map(one).collect()
            })
            .collect();
        for i in 0..components {
            for j in 0..components {
                let sum: f64 = whitened.iter().map(|row| row[i] * row[j]).sum();
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((sum / 4000.0 - expected).abs() < 1e-2, "{i} {j}: {}", sum / 4000.0);
            }
        }
    }
}
