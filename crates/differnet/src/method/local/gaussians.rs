//! A Gaussian at each place (PaDiM, Defard et al. 2021).

use differnet_flow::AuxiliaryTensor;
use rayon::prelude::*;

use super::tables::{Tables, table};

/// Added to variances of whitened features, of deviation 1.
const RIDGE: f64 = 1e-3;
/// Images that the covariance of all places together counts for.
const SHARED_IMAGES: f64 = 30.0;

/// Mean and whitening of the rows of each place.
#[derive(Debug)]
pub(super) struct PlaceGaussians {
    width: usize,
    /// `[places, width]`
    means: Vec<f32>,
    /// L⁻¹ of each place's covariance L Lᵀ: its lower triangle row by row, `[places, width (width + 1) / 2]`.
    factors: Vec<f32>,
}

impl PlaceGaussians {
    /// The Gaussians of `images`, each `[places, width]`; covariances are shrunk to that of all places
    /// together.
    pub(super) fn fit(images: &[Vec<f32>], width: usize) -> Self {
        let places = images[0].len() / width;
        let count = images.len() as f64;
        let mut means = vec![0.0_f64; places * width];
        for image in images {
            means.iter_mut().zip(image).for_each(|(sum, value)| *sum += f64::from(*value) / count);
        }
        let covariance = |place: usize| -> Vec<f64> {
            let mean = &means[place * width..][..width];
            let mut sums = vec![0.0_f64; width * width];
            for image in images {
                let row = image[place * width..][..width].iter().zip(mean);
                let residual: Vec<f64> = row.map(|(x, mean)| f64::from(*x) - mean).collect();
                for (row, x) in sums.chunks_exact_mut(width).zip(&residual) {
                    row.iter_mut().zip(&residual).for_each(|(sum, y)| *sum += x * y);
                }
            }
            sums.iter_mut().for_each(|sum| *sum /= (count - 1.0).max(1.0));
            sums
        };
        // In runs of places, one after the other: sums do not depend on the number of threads.
        let mut shared = vec![0.0_f64; width * width];
        for place in 0..places {
            let own = covariance(place);
            shared.iter_mut().zip(own).for_each(|(sum, own)| *sum += own / places as f64);
        }
        let shrink = (SHARED_IMAGES / count).min(1.0);
        let factor = |place: usize| {
            let mut covariance = covariance(place);
            for (own, shared) in covariance.iter_mut().zip(&shared) {
                *own = (1.0 - shrink) * *own + shrink * shared;
            }
            covariance.iter_mut().step_by(width + 1).for_each(|variance| *variance += RIDGE);
            inverse_factor(&covariance, width).into_iter().map(|value| value as f32)
        };
        let factors: Vec<f32> = (0..places).into_par_iter().flat_map_iter(factor).collect();
        Self { width, means: means.into_iter().map(|mean| mean as f32).collect(), factors }
    }

    /// The Mahalanobis distance of each place of an image, `[places, width]`, to its Gaussian.
    pub(super) fn distances(&self, rows: &[f32]) -> Vec<f64> {
        let width = self.width;
        let places = rows.par_chunks_exact(width).zip(self.means.par_chunks_exact(width));
        let factors = self.factors.par_chunks_exact(triangle(width));
        let distance = |((row, mean), factor): ((&[f32], &[f32]), &[f32])| {
            let residual: Vec<f32> = row.iter().zip(mean).map(|(x, mean)| x - mean).collect();
            let rows = (0..width).map(|at| &factor[triangle(at)..][..=at]);
            let whitened =
                rows.map(|factor| factor.iter().zip(&residual).map(|(a, b)| a * b).sum::<f32>());
            whitened.map(|value| f64::from(value * value)).sum::<f64>().sqrt()
        };
        places.zip(factors).map(distance).collect()
    }

    /// Means `[places, width]`, lower triangles of L⁻¹, and the width.
    pub(super) fn description(&self) -> (&[f32], &[f32], usize) {
        (&self.means, &self.factors, self.width)
    }

    /// Places that it knows.
    pub(super) fn places(&self) -> usize {
        self.means.len() / self.width
    }

    /// The tables of the Gaussians of the part numbered `number`.
    pub(super) fn tables(&self, number: usize) -> [AuxiliaryTensor; 2] {
        let [means, factors] = names(number);
        let places = self.places();
        [
            table(means, &[places, self.width], &self.means),
            table(factors, &[places, triangle(self.width)], &self.factors),
        ]
    }

    /// The Gaussians of the part numbered `number`, of rows of `width`, at `places` places, from the tables
    /// of a file; the reason if there are none.
    pub(super) fn load(
        number: usize,
        width: usize,
        places: usize,
        tables: &Tables,
    ) -> Result<Self, String> {
        let [means, factors] = names(number);
        let means = tables.shaped(&means, &[places, width])?.to_vec();
        let factors = tables.shaped(&factors, &[places, triangle(width)])?.to_vec();
        Ok(Self { width, means, factors })
    }
}

/// Names of the tables in a model file.
fn names(number: usize) -> [String; 2] {
    ["gaussian_means", "gaussian_factors"].map(|name| format!("parts.{number}.{name}"))
}

/// Numbers of a triangle of `width` rows.
fn triangle(width: usize) -> usize {
    width * (width + 1) / 2
}

/// L⁻¹ of a positive definite matrix L Lᵀ, `[width, width]`: its lower triangle, row by row.
fn inverse_factor(matrix: &[f64], width: usize) -> Vec<f64> {
    // Cholesky: L, row by row.
    let mut lower = vec![0.0_f64; triangle(width)];
    for row in 0..width {
        for column in 0..=row {
            let (a, b) = (&lower[triangle(row)..], &lower[triangle(column)..]);
            let known: f64 = a[..column].iter().zip(&b[..column]).map(|(a, b)| a * b).sum();
            let rest = matrix[row * width + column] - known;
            lower[triangle(row) + column] = if row == column {
                rest.max(RIDGE * RIDGE).sqrt()
            } else {
                rest / lower[triangle(column) + column]
            };
        }
    }
    // L X = 1, column by column.
    let mut inverse = vec![0.0_f64; triangle(width)];
    for column in 0..width {
        for row in column..width {
            let unit = if row == column { 1.0 } else { 0.0 };
            let known: f64 = (column..row)
                .map(|k| lower[triangle(row) + k] * inverse[triangle(k) + column])
                .sum();
            inverse[triangle(row) + column] = (unit - known) / lower[triangle(row) + row];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_whiten() {
        // [4 2; 2 5] = L Lᵀ with L = [2 0; 1 2], whose inverse is [1/2 0; -1/4 1/2].
        assert_eq!(inverse_factor(&[4.0, 2.0, 2.0, 5.0], 2), [0.5, -0.25, 0.5]);
    }

    #[test]
    fn each_place_has_a_mean_and_a_deviation_of_its_own() {
        // At the first place values of ±1, at the second 10 ± 3, in one number; many images.
        let image = |at: usize| {
            let sign = if at.is_multiple_of(2) { 1.0 } else { -1.0 };
            vec![sign, 10.0 + 3.0 * sign]
        };
        let images: Vec<Vec<f32>> = (0..3000).map(image).collect();
        let gaussians = PlaceGaussians::fit(&images, 1);
        let found = gaussians.distances(&[0.0, 10.0]);
        assert!(found.iter().all(|distance| *distance < 1e-6));
        // A hundredth of the variances is the mean of 1 and 9.
        let found = gaussians.distances(&[2.0, 4.0]);
        let expected = [2.0 / (0.99_f64 + 0.05).sqrt(), 6.0 / (0.99 * 9.0_f64 + 0.05).sqrt()];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 2e-3, "{found} {expected}");
        }
    }
}
