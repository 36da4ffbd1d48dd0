//! Products handed on tile by tile.

use std::ops::Deref;

use pulp::{Arch, Simd, WithSimd};

use crate::packed_matrix::PackedMatrix;

/// Rows of a tile.
pub const ROWS: usize = 8;
/// Columns of a tile.
pub const COLUMNS: usize = 48;

/// Values along the depth that are summed between two checks of where the rows end: with one for each
/// value, processors that decode four instructions at a time do little else.
const STEPS: usize = 8;

/// Some rows and columns of a product; those outside the matrices are without meaning.
pub type Tile = [[f32; COLUMNS]; ROWS];

/// Up to [`ROWS`] rows of the left factor; missing rows may be anything.
///
/// Implemented with `#[inline(always)]` throughout, without adapters of iterators: whatever the compiler
/// leaves as a call within the loop over the depth drives the sums out of their registers.
pub trait TileRows {
    /// The rows' values at 8 places.
    type Block: Block;

    /// The values from place `8 * index` on.
    fn block(&self, index: usize) -> Self::Block;

    /// The value of `row` at `place`, one of those after the last whole block.
    fn value(&self, row: usize, place: usize) -> f32;
}

/// Values of [`ROWS`] rows at 8 places.
pub trait Block: Copy {
    /// The value of `row` at `place`.
    fn value(self, row: usize, place: usize) -> f32;
}

/// Rows whose beginnings are `stride` values apart.
#[derive(Debug, Clone, Copy)]
pub struct Strided<'a> {
    /// From the first row's first value to the last row's last.
    pub values: &'a [f32],
    /// May be less than a row's length: then rows overlap.
    pub stride: usize,
}

impl<'a> Strided<'a> {
    /// `count` rows of `depth` values from `first` on.
    #[inline(always)]
    pub(crate) fn rows(self, first: usize, count: usize, depth: usize) -> impl TileRows + 'a {
        let row = |row: usize| {
            let row = first + if row < count { row } else { 0 };
            &self.values[row * self.stride..][..depth]
        };
        SomeRows([row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)])
    }
}

struct SomeRows<'a>([&'a [f32]; ROWS]);

impl<'a> TileRows for SomeRows<'a> {
    type Block = [&'a [f32; STEPS]; ROWS];

    #[inline(always)]
    fn block(&self, index: usize) -> Self::Block {
        let [a, b, c, d, e, f, g, h] = self.0;
        [
            steps(a, index),
            steps(b, index),
            steps(c, index),
            steps(d, index),
            steps(e, index),
            steps(f, index),
            steps(g, index),
            steps(h, index),
        ]
    }

    #[inline(always)]
    fn value(&self, row: usize, place: usize) -> f32 {
        self.0[row][place]
    }
}

/// The values of `row` from place `8 * index` on.
#[inline(always)]
fn steps(row: &[f32], index: usize) -> &[f32; STEPS] {
    &row.as_chunks().0[index]
}

impl Block for [&[f32; STEPS]; ROWS] {
    #[inline(always)]
    fn value(self, row: usize, place: usize) -> f32 {
        self[row][place]
    }
}

/// Rows side by side, `[depth][ROWS]`.
#[derive(Debug, Clone, Copy)]
pub struct Interleaved<'a>(pub &'a [[f32; ROWS]]);

impl<'a> TileRows for Interleaved<'a> {
    type Block = &'a [[f32; ROWS]; STEPS];

    #[inline(always)]
    fn block(&self, index: usize) -> Self::Block {
        &self.0.as_chunks().0[index]
    }

    #[inline(always)]
    fn value(&self, row: usize, place: usize) -> f32 {
        self.0[place][row]
    }
}

impl Block for &[[f32; ROWS]; STEPS] {
    #[inline(always)]
    fn value(self, row: usize, place: usize) -> f32 {
        self[place][row]
    }
}

/// Visitor of a product's tiles. No closure: a closure is not always compiled for the vectors
/// that the product was dispatched to.
pub trait Visit {
    /// Takes the tile whose first column is `column`; implemented with `#[inline(always)]`.
    fn visit(&mut self, column: usize, tile: &Tile);
}

/// Passes `visit` each tile of the product of `left` and `right`.
///
/// # Panics
/// If a row is shorter than `right` is deep, or `right` has no rows.
pub fn for_each_tile<V: Deref<Target = [f32]>>(
    left: &impl TileRows,
    right: &PackedMatrix<V>,
    visit: &mut impl Visit,
) {
    Arch::new().dispatch(Product { left, right, visit });
}

struct Product<'a, L, P, V> {
    left: &'a L,
    right: &'a PackedMatrix<P>,
    visit: &'a mut V,
}

impl<L: TileRows, P: Deref<Target = [f32]>, V: Visit> WithSimd for Product<'_, L, P, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { left, right, visit } = self;
        let mut tile = [[0.0; COLUMNS]; ROWS];
        for (column, count, panel) in right.iter() {
            fill_tile(simd, left, panel, count, tile.as_flattened_mut(), COLUMNS);
            visit.visit(column, &tile);
        }
    }
}

/// Writes the first `columns` columns of the tile `left · right`, to rows that begin `stride` values apart
/// in `to`, each with room for [`COLUMNS`].
#[inline(always)]
pub(crate) fn fill_tile<S: Simd>(
    simd: S,
    left: &impl TileRows,
    right: &[[f32; COLUMNS]],
    columns: usize,
    to: &mut [f32],
    stride: usize,
) {
    // Sums, columns and a row's value stay within the registers: 28 of 32 with 16 lanes, 11 of 16 with 8,
    // 21 of 32 with 4 on Arm. A sum that is put aside at each step costs half of the speed.
    match S::F32_LANES {
        16.. => match columns.div_ceil(S::F32_LANES) {
            1 => by_blocks::<S, 1, 8>(simd, left, right, columns, to, stride),
            2 => by_blocks::<S, 2, 8>(simd, left, right, columns, to, stride),
            _ => by_blocks::<S, 3, 8>(simd, left, right, columns, to, stride),
        },
        8.. => {
            let vectors = columns.div_ceil(S::F32_LANES);
            let paired = (vectors - vectors % 2) * S::F32_LANES;
            by_blocks::<S, 2, 4>(simd, left, right, paired, to, stride);
            if paired < columns {
                block::<S, 1, 8, 0>(simd, left, right, paired, to, stride);
            }
        }
        _ => by_blocks::<S, 4, 4>(simd, left, right, columns, to, stride),
    }
}

/// The same by blocks of `HEIGHT` rows, all or half of them, and `VECTORS` vectors of columns.
#[inline(always)]
fn by_blocks<S: Simd, const VECTORS: usize, const HEIGHT: usize>(
    simd: S,
    left: &impl TileRows,
    right: &[[f32; COLUMNS]],
    columns: usize,
    to: &mut [f32],
    stride: usize,
) {
    const { assert!(HEIGHT == ROWS || 2 * HEIGHT == ROWS) };
    // Bounds that are constants, so that sums have their own registers.
    for column in (0..COLUMNS).step_by(VECTORS * S::F32_LANES) {
        if column >= columns {
            break;
        }
        block::<S, VECTORS, HEIGHT, 0>(simd, left, right, column, to, stride);
        if HEIGHT < ROWS {
            block::<S, VECTORS, HEIGHT, HEIGHT>(simd, left, right, column, to, stride);
        }
    }
}

/// One block, of the rows from number `FIRST` on: a constant, because where a row lies would otherwise be
/// looked up in memory for each of its values.
#[inline(always)]
fn block<S: Simd, const VECTORS: usize, const HEIGHT: usize, const FIRST: usize>(
    simd: S,
    left: &impl TileRows,
    right: &[[f32; COLUMNS]],
    column: usize,
    to: &mut [f32],
    stride: usize,
) {
    let (blocks, rest) = right.as_chunks::<STEPS>();
    let whole = blocks.len() * STEPS;
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; HEIGHT];
    for (index, right) in blocks.iter().enumerate() {
        let left = left.block(index);
        for (at, right) in right.iter().enumerate() {
            let left = |y| left.value(FIRST + y, at);
            add_products(simd, left, &right[column..], &mut sums);
        }
    }
    for (at, right) in rest.iter().enumerate() {
        let left = |y| left.value(FIRST + y, whole + at);
        add_products(simd, left, &right[column..], &mut sums);
    }
    for (y, sums) in sums.iter().enumerate() {
        // A length that is known here keeps the sums in registers until then.
        let to = &mut to[(FIRST + y) * stride + column..][..VECTORS * S::F32_LANES];
        let (to, _) = S::as_mut_simd_f32s(to);
        to.copy_from_slice(sums);
    }
}

/// Adds the products of each row's value and the first columns of `right` to `sums`.
#[inline(always)]
fn add_products<S: Simd, const VECTORS: usize, const HEIGHT: usize>(
    simd: S,
    left: impl Fn(usize) -> f32,
    right: &[f32],
    sums: &mut [[S::f32s; VECTORS]; HEIGHT],
) {
    let (right, _) = S::as_simd_f32s(right);
    for (y, sums) in sums.iter_mut().enumerate() {
        let value = simd.splat_f32s(left(y));
        for (sum, right) in sums.iter_mut().zip(right) {
            *sum = simd.mul_add_e_f32s(value, *right, *sum);
        }
    }
}
