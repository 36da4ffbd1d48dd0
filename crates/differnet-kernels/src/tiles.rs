//! Products handed on tile by tile.

use std::array::from_fn;
use std::ops::Deref;

use pulp::{Arch, Simd, WithSimd};

use crate::panels::Panels;

/// Rows of a tile.
pub const ROWS: usize = 8;
/// Columns of a tile.
pub const COLUMNS: usize = 48;

/// Values along the depth that are summed between two looks at where the rows end: with one look for
/// each value, processors that decode four instructions at a time do little else.
const STEPS: usize = 8;

/// Some rows and columns of a product; those outside the matrices are without meaning.
pub type Tile = [[f32; COLUMNS]; ROWS];

/// Up to [`ROWS`] rows of the left factor; missing rows may be anything.
pub trait Rows {
    /// Each whole block of 8 values up to `depth`: its values by row and place.
    fn blocks(&self, depth: usize) -> impl Iterator<Item = impl Fn(usize, usize) -> f32>;

    /// The values after the last whole block up to `depth`, by row and place.
    fn rest(&self, depth: usize) -> impl Fn(usize, usize) -> f32;
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
    /// `count` rows from `first` on.
    #[inline(always)]
    pub fn rows(self, first: usize, count: usize) -> impl Rows + 'a {
        let Self { values, stride } = self;
        SomeRows { values: &values[first * stride..], stride, count }
    }
}

struct SomeRows<'a> {
    values: &'a [f32],
    stride: usize,
    count: usize,
}

impl SomeRows<'_> {
    #[inline(always)]
    fn row(&self, row: usize, depth: usize) -> (&[[f32; STEPS]], &[f32]) {
        let row = if row < self.count { row } else { 0 };
        self.values[row * self.stride..][..depth].as_chunks()
    }
}

impl Rows for SomeRows<'_> {
    #[inline(always)]
    fn blocks(&self, depth: usize) -> impl Iterator<Item = impl Fn(usize, usize) -> f32> {
        let rows: [&[[f32; STEPS]]; ROWS] = from_fn(|row| self.row(row, depth).0);
        (0..depth / STEPS).map(move |block| {
            let rows: [&[f32; STEPS]; ROWS] = from_fn(|row| &rows[row][block]);
            move |row: usize, at: usize| rows[row][at]
        })
    }

    #[inline(always)]
    fn rest(&self, depth: usize) -> impl Fn(usize, usize) -> f32 {
        let rows: [&[f32]; ROWS] = from_fn(|row| self.row(row, depth).1);
        move |row, at| rows[row][at]
    }
}

/// Rows side by side, `[depth][ROWS]`.
#[derive(Debug, Clone, Copy)]
pub struct Interleaved<'a>(pub &'a [[f32; ROWS]]);

impl Rows for Interleaved<'_> {
    #[inline(always)]
    fn blocks(&self, depth: usize) -> impl Iterator<Item = impl Fn(usize, usize) -> f32> {
        let (blocks, _) = self.0[..depth].as_chunks::<STEPS>();
        blocks.iter().map(|block| move |row: usize, at: usize| block[at][row])
    }

    #[inline(always)]
    fn rest(&self, depth: usize) -> impl Fn(usize, usize) -> f32 {
        let (_, rest) = self.0[..depth].as_chunks::<STEPS>();
        move |row, at| rest[at][row]
    }
}

/// What happens to the tiles of a product. No closure: a closure is not always compiled for the vectors
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
    left: &impl Rows,
    right: &Panels<V>,
    visit: &mut impl Visit,
) {
    Arch::new().dispatch(Product { left, right, visit });
}

struct Product<'a, L, P, V> {
    left: &'a L,
    right: &'a Panels<P>,
    visit: &'a mut V,
}

impl<L: Rows, P: Deref<Target = [f32]>, V: Visit> WithSimd for Product<'_, L, P, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { left, right, visit } = self;
        let mut tile = [[0.0; COLUMNS]; ROWS];
        for (column, count, panel) in right.iter() {
            fill_tile(simd, left, panel, count, &mut tile.each_mut().map(|row| &mut row[..]));
            visit.visit(column, &tile);
        }
    }
}

/// Writes the first `columns` columns of the tile `left · right`, to rows `to` with room for [`COLUMNS`].
#[inline(always)]
pub(crate) fn fill_tile<S: Simd>(
    simd: S,
    left: &impl Rows,
    right: &[[f32; COLUMNS]],
    columns: usize,
    to: &mut [&mut [f32]; ROWS],
) {
    // As many sums at once as there are registers for.
    match S::F32_LANES {
        16.. => match columns.div_ceil(S::F32_LANES) {
            1 => by_blocks::<S, 1, 8>(simd, left, right, columns, to),
            2 => by_blocks::<S, 2, 8>(simd, left, right, columns, to),
            _ => by_blocks::<S, 3, 8>(simd, left, right, columns, to),
        },
        8.. => by_blocks::<S, 3, 4>(simd, left, right, columns, to),
        _ => by_blocks::<S, 4, 4>(simd, left, right, columns, to),
    }
}

/// The same by blocks of `HEIGHT` rows and `VECTORS` vectors of columns.
#[inline(always)]
fn by_blocks<S: Simd, const VECTORS: usize, const HEIGHT: usize>(
    simd: S,
    left: &impl Rows,
    right: &[[f32; COLUMNS]],
    columns: usize,
    to: &mut [&mut [f32]; ROWS],
) {
    let depth = right.len();
    let (right, right_rest) = right.as_chunks::<STEPS>();
    let left_rest = left.rest(depth);
    for row in (0..ROWS).step_by(HEIGHT) {
        // Bounds that are constants, so that sums have their own registers.
        for column in (0..COLUMNS).step_by(VECTORS * S::F32_LANES) {
            if column >= columns {
                break;
            }
            let mut sums = [[simd.splat_f32s(0.0); VECTORS]; HEIGHT];
            for (left, right) in left.blocks(depth).zip(right) {
                for (at, right) in right.iter().enumerate() {
                    add_products(simd, |y| left(row + y, at), &right[column..], &mut sums);
                }
            }
            for (at, right) in right_rest.iter().enumerate() {
                add_products(simd, |y| left_rest(row + y, at), &right[column..], &mut sums);
            }
            for (to, sums) in to[row..].iter_mut().zip(&sums) {
                // A length that is known here keeps the sums in registers until then.
                let to = &mut to[column..][..VECTORS * S::F32_LANES];
                let (to, _) = S::as_mut_simd_f32s(to);
                to.iter_mut().zip(sums).for_each(|(to, sum)| *to = *sum);
            }
        }
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
