//! Tiles of products: the sums that vector registers hold at once.

use pulp::Simd;

use crate::left::Rows;

/// Rows of a tile.
pub const ROWS: usize = 8;
/// Columns of a tile.
pub const COLUMNS: usize = 48;

/// Values along the depth that are summed between two looks at where the rows end: with one look for
/// each value, processors that decode four instructions at a time do little else.
pub(crate) const STEPS: usize = 8;

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
