//! The affine move of one half of the features (Eq. 1 and 2), forwards and backwards, on host slices
//! stored feature by feature, `[features, batch]`.

use std::f32::consts::{FRAC_2_PI, PI};

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::buffers::{Buffer, Buffers};
use super::elementary::{arctan, exp};
use super::layer::LANES;

/// Values that one task moves.
const CHUNK: usize = 4096;

/// Trace of a move that the backward pass needs, both `[moved, batch]`.
pub(super) struct Moved<'a> {
    /// `exp(s)`
    scale: Buffer<'a>,
    /// Derivative of the soft clamp, `∂s/∂h`.
    slope: Buffer<'a>,
    /// Sum of `s` over features and batch: the log-determinants' total.
    pub(super) log_det: f64,
}

/// Moves `half`, `[moved, batch]`, by the subnetwork's output `raw`, `[2 × moved, batch]`.
pub(super) fn forward<'a>(
    half: &mut [f32],
    raw: &[f32],
    alpha: f32,
    buffers: &'a Buffers,
) -> Moved<'a> {
    let (raw_scales, shifts) = raw.split_at(half.len());
    let (mut scale, mut slope) = (buffers.take(half.len()), buffers.take(half.len()));
    let chunks = (
        half.par_chunks_mut(CHUNK),
        raw_scales.par_chunks(CHUNK),
        shifts.par_chunks(CHUNK),
        scale.par_chunks_mut(CHUNK),
        slope.par_chunks_mut(CHUNK),
    );
    let chunks = chunks.into_par_iter();
    let arch = Arch::new();
    let sums = chunks.map(|(half, raw_scales, shifts, scale, slope)| {
        arch.dispatch(Move { half, raw_scales, shifts, scale, slope, alpha })
    });
    // Collected in order first: the total must not depend on which thread was faster.
    let log_det = sums.collect::<Vec<f64>>().into_iter().sum();
    Moved { scale, slope, log_det }
}

/// Moves each row of `half`, `[rows, moved]`, by the subnetwork's output `raw`, `[rows, 2 × moved]`, and
/// adds the row's log-determinant to `log_det`.
pub(super) fn move_rows(half: &mut [f32], raw: &[f32], log_det: &mut [f64], alpha: f32) {
    let moved = half.len() / log_det.len();
    let (mut scale, mut slope) = (vec![0.0; moved], vec![0.0; moved]);
    let arch = Arch::new();
    let rows = half.chunks_exact_mut(moved).zip(raw.chunks_exact(2 * moved)).zip(log_det);
    for ((half, raw), log_det) in rows {
        let (raw_scales, shifts) = raw.split_at(moved);
        let (scale, slope) = (&mut scale[..], &mut slope[..]);
        *log_det += arch.dispatch(Move { half, raw_scales, shifts, scale, slope, alpha });
    }
}

/// Undoes [`move_rows`], log-determinants aside.
pub(super) fn move_rows_back(half: &mut [f32], raw: &[f32], rows: usize, alpha: f32) {
    let moved = half.len() / rows;
    let arch = Arch::new();
    for (half, raw) in half.chunks_exact_mut(moved).zip(raw.chunks_exact(2 * moved)) {
        let (raw_scales, shifts) = raw.split_at(moved);
        arch.dispatch(Undo { half, raw_scales, shifts, alpha });
    }
}

/// [`move_rows_back`] of some values.
struct Undo<'a> {
    half: &'a mut [f32],
    raw_scales: &'a [f32],
    shifts: &'a [f32],
    alpha: f32,
}

impl WithSimd for Undo<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { half, raw_scales, shifts, alpha } = self;
        for ((y, raw_scale), t) in half.iter_mut().zip(raw_scales).zip(shifts) {
            let s = 2.0 * alpha / PI * arctan(raw_scale / alpha);
            *y = (*y - t) * exp(-s);
        }
    }
}

/// [`forward`] of some values; the sum of `s` over them. No closure: one is not always compiled for
/// the vectors that it was dispatched to.
struct Move<'a> {
    half: &'a mut [f32],
    raw_scales: &'a [f32],
    shifts: &'a [f32],
    scale: &'a mut [f32],
    slope: &'a mut [f32],
    alpha: f32,
}

impl WithSimd for Move<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> f64 {
        let Self { half, raw_scales, shifts, scale, slope, alpha } = self;
        for ((raw_scale, scale), slope) in raw_scales.iter().zip(&mut *scale).zip(slope) {
            let h = raw_scale / alpha;
            *scale = 2.0 * alpha / PI * arctan(h);
            *slope = FRAC_2_PI / (1.0 + h * h);
        }
        let log_det = sum_f64(scale);
        for ((y, scale), t) in half.iter_mut().zip(scale).zip(shifts) {
            *scale = exp(*scale);
            *y = *y * *scale + t;
        }
        log_det
    }
}

/// The sum of `values` in double precision, in an order that vectorises.
#[inline(always)]
fn sum_f64(values: &[f32]) -> f64 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += f64::from(*value));
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|value| f64::from(*value)).sum::<f64>()
}

/// Carries the loss's gradient back through a move of `y`, `[moved, batch]`.
///
/// `gradient` is that to the moved half and becomes that to `y`; the result is that to the
/// subnetwork's output, `[2 × moved, batch]`. Each log-scale also lowers the loss by `weight`.
pub(super) fn backward<'a>(
    gradient: &mut [f32],
    y: &[f32],
    moved: &Moved<'_>,
    weight: f32,
    buffers: &'a Buffers,
) -> Buffer<'a> {
    let mut d_raw = buffers.take(2 * gradient.len());
    let (d_scales, d_shifts) = d_raw.split_at_mut(gradient.len());
    let Moved { scale, slope, .. } = moved;
    Arch::new().dispatch(MoveBack { gradient, y, scale, slope, weight, d_scales, d_shifts });
    d_raw
}

/// [`backward`] of some values.
struct MoveBack<'a> {
    gradient: &'a mut [f32],
    y: &'a [f32],
    scale: &'a [f32],
    slope: &'a [f32],
    weight: f32,
    d_scales: &'a mut [f32],
    d_shifts: &'a mut [f32],
}

impl WithSimd for MoveBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { gradient, y, scale, slope, weight, d_scales, d_shifts } = self;
        let values = gradient.iter_mut().zip(y).zip(scale).zip(slope).zip(d_scales).zip(d_shifts);
        for (((((gradient, y), scale), slope), d_scale), d_shift) in values {
            *d_shift = *gradient;
            let through_scale = *gradient * scale;
            *d_scale = (through_scale * y - weight) * slope;
            *gradient = through_scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_agrees_with_eq_1_and_2_by_hand() {
        let mut half = [5.0, 5.0];
        // σ₃(3) = 1.5 and σ₃(0) = 0.
        let buffers = Buffers::default();
        let moved = forward(&mut half, &[3.0, 0.0, 1.0, -1.0], 3.0, &buffers);
        assert!((half[0] - (5.0 * 1.5_f32.exp() + 1.0)).abs() < 1e-5 && half[1] == 4.0);
        assert!((moved.log_det - 1.5).abs() < 1e-6);
    }

    #[test]
    fn rows_are_moved_back_by_hand() {
        // σ₃(3) = 1.5 and σ₃(0) = 0; one row, then two.
        for rows in [1, 2] {
            let mut half = [5.0 * 1.5_f32.exp() + 1.0, 4.0];
            let raw = if rows == 1 { [3.0, 0.0, 1.0, -1.0] } else { [3.0, 1.0, 0.0, -1.0] };
            move_rows_back(&mut half, &raw, rows, 3.0);
            assert!((half[0] - 5.0).abs() < 1e-5 && half[1] == 5.0, "{half:?}");
        }
    }

    #[test]
    fn backward_agrees_with_finite_differences() {
        let (y, raw, weight) = ([0.7, -1.2], [2.0, -0.5, 0.3, 0.1], 0.25);
        let buffers = Buffers::default();
        // A loss with gradient (1.5, -2) to the moved half, less `weight` for each log-scale.
        let loss = |y: [f32; 2], raw: [f32; 4]| {
            let mut half = y;
            let moved = forward(&mut half, &raw, 3.0, &buffers);
            f64::from(1.5 * half[0] - 2.0 * half[1]) - f64::from(weight) * moved.log_det
        };
        let mut half = y;
        let moved = forward(&mut half, &raw, 3.0, &buffers);
        let mut gradient = [1.5, -2.0];
        let d_raw = backward(&mut gradient, &y, &moved, weight, &buffers);
        // Central differences of 0.01: errors of order 1e-4 of the third derivative.
        let slope = |plus: f64, minus: f64| ((plus - minus) / 0.02) as f32;
        for i in 0..4 {
            let (mut plus, mut minus) = (raw, raw);
            plus[i] += 0.01;
            minus[i] -= 0.01;
            let expected = slope(loss(y, plus), loss(y, minus));
            assert!((d_raw[i] - expected).abs() < 1e-3, "{i}: {}, {expected}", d_raw[i]);
        }
        for i in 0..2 {
            let (mut plus, mut minus) = (y, y);
            plus[i] += 0.01;
            minus[i] -= 0.01;
            let expected = slope(loss(plus, raw), loss(minus, raw));
            assert!((gradient[i] - expected).abs() < 1e-3, "{i}: {}, {expected}", gradient[i]);
        }
    }
}
