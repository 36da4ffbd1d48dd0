//! Mahalanobis distance to a Gaussian at each place.

use crate::graph::{Graph, Value};

/// Distance of the rows `[n, places, width]` to the Gaussians of their places: `[n, places]`.
///
/// - `means`: `[places, width]`
/// - `factors`: L⁻¹ of each place's covariance L Lᵀ, its lower triangle row by row
pub fn distances(
    graph: &mut Graph,
    rows: Value,
    means: &[f32],
    factors: &[f32],
    width: usize,
) -> Value {
    let places = means.len() / width;
    let means = graph.floats(&[1, places, width], means);
    let full: Vec<f32> = factors
        .chunks_exact(width * (width + 1) / 2)
        .flat_map(|place| square(place, width))
        .collect();
    let factors = graph.floats(&[places, width, width], &full);
    let residual = graph.sub(rows, means);
    let residual = graph.unsqueeze(residual, &[3]); // [n, places, width, 1]
    let whitened = graph.matmul(factors, residual);
    let squares = graph.mul(whitened, whitened);
    let sum = graph.sum(squares, &[2, 3]);
    graph.sqrt(sum)
}

/// A lower triangle, row by row, as a matrix `[width, width]`.
fn square(triangle: &[f32], width: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; width * width];
    for (row, to) in matrix.chunks_exact_mut(width).enumerate() {
        to[..=row].copy_from_slice(&triangle[row * (row + 1) / 2..][..=row]);
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triangle_becomes_a_matrix() {
        let found = square(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3);
        assert_eq!(found, [1.0, 0.0, 0.0, 2.0, 3.0, 0.0, 4.0, 5.0, 6.0]);
    }
}
