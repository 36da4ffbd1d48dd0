//! Matrix products in tiles that fit the vector registers, handed on as soon as they are known.
//!
//! A general product writes its result to memory and lets others read it again. Here the caller gets
//! each tile while it is in the innermost cache: a bias is added, or a weight updated, on the way.
//! Every element is one sum in the order of the depth, so that it depends neither on the tile that
//! it falls into nor on the number of threads.

use std::array::from_fn;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::buffers::{Buffer, Buffers};

/// Rows of a tile.
pub(super) const ROWS: usize = 12;
/// Columns of a tile.
pub(super) const COLUMNS: usize = 32;

/// Some rows and columns of a product; those outside the matrices are without meaning.
pub(super) type Tile = [[f32; COLUMNS]; ROWS];

/// The right factor `[depth, columns]` in panels of [`COLUMNS`] columns, each row by row.
pub(super) struct Panels<'a> {
    /// `[columns / COLUMNS][depth][COLUMNS]`, missing columns without meaning.
    values: Buffer<'a>,
    depth: usize,
}

impl<'a> Panels<'a> {
    /// The panels of a matrix `[depth, columns]`, row by row.
    pub(super) fn of(matrix: &[f32], columns: usize, buffers: &'a Buffers) -> Self {
        let depth = matrix.len() / columns;
        Self::fill(depth, columns, buffers, |first, panel| {
            let count = COLUMNS.min(columns - first);
            for (row, to) in matrix.chunks_exact(columns).zip(panel) {
                to[..count].copy_from_slice(&row[first..][..count]);
            }
        })
    }

    /// The panels of the transpose of a matrix `[columns, depth]`, row by row.
    pub(super) fn of_transposed(matrix: &[f32], depth: usize, buffers: &'a Buffers) -> Self {
        Self::fill(depth, matrix.len() / depth, buffers, |first, panel| {
            let rows = matrix[first * depth..].chunks_exact(depth).take(COLUMNS);
            for (column, row) in rows.enumerate() {
                panel.iter_mut().zip(row).for_each(|(to, value)| to[column] = *value);
            }
        })
    }

    /// Panels that `fill` writes, given each one's first column.
    fn fill(
        depth: usize,
        columns: usize,
        buffers: &'a Buffers,
        fill: impl Fn(usize, &mut [[f32; COLUMNS]]) + Sync,
    ) -> Self {
        let mut values = buffers.take(columns.div_ceil(COLUMNS) * depth * COLUMNS);
        let (rows, _) = values.as_chunks_mut();
        let panels = rows.par_chunks_mut(depth).enumerate();
        panels.for_each(|(index, panel)| fill(index * COLUMNS, panel));
        Self { values, depth }
    }
}

/// Up to [`ROWS`] rows of the left factor.
pub(super) trait Rows {
    /// The values of each row, for a depth of `depth`; missing rows may be anything.
    fn of_depth(&self, depth: usize) -> impl Fn(usize, usize) -> f32;
}

/// Rows one after another, `[rows, depth]`.
pub(super) struct Whole<'a>(pub(super) &'a [f32]);

/// Rows side by side, `[depth][ROWS]`.
pub(super) struct Interleaved<'a>(pub(super) &'a [[f32; ROWS]]);

impl Rows for Whole<'_> {
    #[inline(always)]
    fn of_depth(&self, depth: usize) -> impl Fn(usize, usize) -> f32 {
        let count = self.0.len() / depth;
        let rows: [&[f32]; ROWS] =
            from_fn(|row| &self.0[if row < count { row * depth } else { 0 }..][..depth]);
        move |row, at| rows[row][at]
    }
}

impl Rows for Interleaved<'_> {
    #[inline(always)]
    fn of_depth(&self, depth: usize) -> impl Fn(usize, usize) -> f32 {
        let rows = &self.0[..depth];
        move |row, at| rows[at][row]
    }
}

/// What happens to the tiles of a product. No closure: a closure is not always compiled for the vectors
/// that the product was dispatched to.
pub(super) trait Visit {
    /// Takes the tile whose first column is `column`; implemented with `#[inline(always)]`.
    fn visit(&mut self, column: usize, tile: &Tile);
}

/// Passes `visit` each tile of the product of `left` and `right`.
pub(super) fn for_each_tile(left: &impl Rows, right: &Panels<'_>, visit: &mut impl Visit) {
    Arch::new().dispatch(Product { left, right, visit });
}

struct Product<'a, L, V> {
    left: &'a L,
    right: &'a Panels<'a>,
    visit: &'a mut V,
}

impl<L: Rows, V: Visit> WithSimd for Product<'_, L, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { left, right, visit } = self;
        let mut tile = [[0.0; COLUMNS]; ROWS];
        let (rows, _) = right.values.as_chunks();
        for (index, panel) in rows.chunks_exact(right.depth).enumerate() {
            // As many sums at once as there are registers for.
            match S::F32_LANES {
                16.. => fill_tile::<S, 2, 12>(simd, left, panel, &mut tile),
                8.. => fill_tile::<S, 2, 6>(simd, left, panel, &mut tile),
                _ => fill_tile::<S, 4, 3>(simd, left, panel, &mut tile),
            }
            visit.visit(index * COLUMNS, &tile);
        }
    }
}

/// The tile `left · right`, by blocks of `HEIGHT` rows and `VECTORS` vectors of columns.
#[inline(always)]
fn fill_tile<S: Simd, const VECTORS: usize, const HEIGHT: usize>(
    simd: S,
    left: &impl Rows,
    right: &[[f32; COLUMNS]],
    tile: &mut Tile,
) {
    let left = left.of_depth(right.len());
    for row in (0..ROWS).step_by(HEIGHT) {
        for column in (0..COLUMNS).step_by(VECTORS * S::F32_LANES) {
            let mut sums = [[simd.splat_f32s(0.0); VECTORS]; HEIGHT];
            for at in 0..right.len() {
                let (right, _) = S::as_simd_f32s(&right[at][column..]);
                for (y, sums) in sums.iter_mut().enumerate() {
                    let value = simd.splat_f32s(left(row + y, at));
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = simd.mul_add_e_f32s(value, *right, *sum);
                    }
                }
            }
            for (to, sums) in tile[row..].iter_mut().zip(&sums) {
                let (to, _) = S::as_mut_simd_f32s(&mut to[column..]);
                to.iter_mut().zip(sums).for_each(|(to, sum)| *to = *sum);
            }
        }
    }
}
