//! The plain product.

use std::ops::Deref;

use pulp::{Arch, Simd, WithSimd};

use crate::packed_matrix::PackedMatrix;
use crate::tiles::{COLUMNS, ROWS, Strided, Tile, fill_tile};

/// Treatment of the sums that were there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sums {
    /// The product takes its place.
    Replace,
    /// The product is added to it.
    Add,
}

/// Writes the product of `rows` rows of `left` and `right` to `to`, `[rows, columns]` row by row.
///
/// On one thread: products of a network are many and small.
///
/// # Panics
/// If `left` or `to` is too short, or `right` has no rows.
pub fn multiply<V: Deref<Target = [f32]>>(
    left: Strided<'_>,
    rows: usize,
    right: &PackedMatrix<V>,
    sums: Sums,
    to: &mut [f32],
) {
    Arch::new().dispatch(Multiply { left, rows, right, sums, to });
}

struct Multiply<'a, V> {
    left: Strided<'a>,
    rows: usize,
    right: &'a PackedMatrix<V>,
    sums: Sums,
    to: &'a mut [f32],
}

impl<V: Deref<Target = [f32]>> WithSimd for Multiply<'_, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { left, rows, right, sums, to } = self;
        let (depth, columns) = (right.depth(), right.columns());
        let to = &mut to[..rows * columns];
        let mut tile: Tile = [[0.0; COLUMNS]; ROWS];
        // A panel stays in the cache while all rows pass it.
        for (column, count, panel) in right.iter() {
            for row in (0..rows).step_by(ROWS) {
                let rows = ROWS.min(rows - row);
                let left = left.rows(row, rows, depth);
                let to = &mut to[row * columns..];
                if (rows, count, sums) == (ROWS, COLUMNS, Sums::Replace) {
                    fill_tile(simd, &left, panel, count, &mut to[column..], columns);
                    continue;
                }
                fill_tile(simd, &left, panel, count, tile.as_flattened_mut(), COLUMNS);
                for (to, tile) in to.chunks_exact_mut(columns).zip(&tile).take(rows) {
                    let to = &mut to[column..][..count];
                    match sums {
                        Sums::Replace => to.copy_from_slice(&tile[..count]),
                        Sums::Add => to.iter_mut().zip(tile).for_each(|(to, sum)| *to += sum),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pulp::{Scalar, Scalar128b, Scalar256b, Scalar512b};

    use super::*;

    /// Small integers: sums are exact in any order.
    fn integers(count: usize, step: usize) -> Vec<f32> {
        (0..count).map(|at| ((at * step) % 13) as f32 - 6.0).collect()
    }

    /// What a product writes to a copy of `to`, by this processor's vectors and by those of 1, 4, 8 and 16
    /// values, which are arrays wherever the processor has none.
    fn by_all_vectors(
        left: Strided<'_>,
        rows: usize,
        right: &PackedMatrix,
        sums: Sums,
        to: &[f32],
    ) -> [Vec<f32>; 5] {
        let mut found = [(); 5].map(|()| to.to_vec());
        let [own, one, four, eight, sixteen] = &mut found;
        multiply(left, rows, right, sums, own);
        Scalar.vectorize(Multiply { left, rows, right, sums, to: one });
        Scalar128b.vectorize(Multiply { left, rows, right, sums, to: four });
        Scalar256b.vectorize(Multiply { left, rows, right, sums, to: eight });
        Scalar512b.vectorize(Multiply { left, rows, right, sums, to: sixteen });
        found
    }

    #[test]
    fn products_are_those_of_the_definition() {
        // Whole tiles, parts of tiles in either direction, an odd number of vectors, and less than one.
        for (rows, depth, columns) in [
            (8, 5, 48),
            (16, 1, 96),
            (1, 7, 1),
            (9, 3, 49),
            (23, 30, 65),
            (7, 11, 80),
            (3, 2, 130),
            (8, 9, 24),
            (12, 17, 40),
        ] {
            // Rows that overlap, follow each other, and have gaps between them.
            for stride in [1, depth, depth + 3] {
                let left = integers((rows - 1) * stride + depth, 5);
                let right = integers(depth * columns, 7);
                let expected = |row: usize, column: usize| -> f32 {
                    let terms =
                        (0..depth).map(|at| left[row * stride + at] * right[at * columns + column]);
                    terms.sum()
                };
                let packed = PackedMatrix::pack(&right, columns, |count| vec![f32::NAN; count]);
                let strided = Strided { values: &left, stride };
                let product: Vec<f32> =
                    (0..rows * columns).map(|at| expected(at / columns, at % columns)).collect();
                let before = vec![0.5; rows * columns];
                for found in by_all_vectors(strided, rows, &packed, Sums::Replace, &before) {
                    assert_eq!(found, product, "{rows} × {depth} × {columns}");
                }
                let twice: Vec<f32> = product.iter().map(|value| 2.0 * value).collect();
                for found in by_all_vectors(strided, rows, &packed, Sums::Add, &product) {
                    assert_eq!(found, twice, "{rows} × {depth} × {columns}");
                }
            }
        }
    }

    #[test]
    fn a_packed_transpose_is_the_packed_matrix() {
        let (depth, columns) = (5, 61);
        let matrix = integers(depth * columns, 3);
        let transposed: Vec<f32> =
            (0..columns * depth).map(|at| matrix[at % depth * columns + at / depth]).collect();
        let left = integers(2 * depth, 11);
        let product = |packed: PackedMatrix| {
            let mut to = vec![0.0; 2 * columns];
            let left = Strided { values: &left, stride: depth };
            multiply(left, 2, &packed, Sums::Replace, &mut to);
            to
        };
        let take = |count| vec![0.0; count];
        let of = product(PackedMatrix::pack(&matrix, columns, take));
        assert_eq!(of, product(PackedMatrix::pack_transposed(&transposed, depth, take)));
    }
}
