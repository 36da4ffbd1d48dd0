//! The one-dimensional transforms of Winograd's filtering: polynomials at a few points, and back.
//!
//! With G, Bᵀ and Aᵀ for outputs y of a kernel g over inputs d: y = Aᵀ ((G g) ⊙ (Bᵀ d)).

use super::super::lanes::Lanes;
use super::OUTPUTS;

/// Rows of G: the kernel's polynomial at 0, 1, −1, 2, −2 (scaled), for 5 × 5 at 1/2 and −1/2, and at ∞.
pub(super) fn kernel_transform(kernel: usize) -> Vec<Vec<f64>> {
    let points: &[(f64, f64)] = match kernel {
        3 => &[
            (0.0, 1.0 / 4.0),
            (1.0, -1.0 / 6.0),
            (-1.0, -1.0 / 6.0),
            (2.0, 1.0 / 24.0),
            (-2.0, 1.0 / 24.0),
        ],
        5 => &[
            (0.0, 1.0),
            (1.0, -2.0 / 9.0),
            (-1.0, -2.0 / 9.0),
            (2.0, 1.0 / 90.0),
            (-2.0, 1.0 / 90.0),
            (0.5, 32.0 / 45.0),
            (-0.5, 32.0 / 45.0),
        ],
        _ => panic!("no tile size for kernels of {kernel}"),
    };
    let at = |&(point, scale): &(f64, f64)| {
        (0..kernel).map(|power| scale * point.powi(power as i32)).collect()
    };
    let mut infinity = vec![0.0; kernel];
    infinity[kernel - 1] = 1.0;
    points.iter().map(at).chain([infinity]).collect()
}

/// The transforms of inputs and of products for tiles of `TILE` rows and columns.
///
/// Functions of a type: as values they would be calls, compiled for vectors of four.
pub(super) trait Points<const TILE: usize> {
    /// Bᵀ d
    fn of_inputs(d: [Lanes; TILE]) -> [Lanes; TILE];
    /// Aᵀ m
    fn to_outputs(m: [Lanes; TILE]) -> [Lanes; OUTPUTS];
}

/// For kernels of 3 × 3.
pub(super) struct Points6;

impl Points<6> for Points6 {
    #[inline(always)]
    fn of_inputs(d: [Lanes; 6]) -> [Lanes; 6] {
        let even = d[4] - d[2] * 4.0;
        let odd = d[3] - d[1] * 4.0;
        let even_2 = d[4] - d[2];
        let odd_2 = (d[3] - d[1]) * 2.0;
        [
            d[0] * 4.0 - d[2] * 5.0 + d[4],
            even + odd,
            even - odd,
            even_2 + odd_2,
            even_2 - odd_2,
            d[1] * 4.0 - d[3] * 5.0 + d[5],
        ]
    }

    #[inline(always)]
    fn to_outputs(m: [Lanes; 6]) -> [Lanes; OUTPUTS] {
        let (sum_1, difference_1) = (m[1] + m[2], m[1] - m[2]);
        let (sum_2, difference_2) = (m[3] + m[4], m[3] - m[4]);
        [
            m[0] + sum_1 + sum_2,
            difference_1 + difference_2 * 2.0,
            sum_1 + sum_2 * 4.0,
            difference_1 + difference_2 * 8.0 + m[5],
        ]
    }
}

/// For kernels of 5 × 5.
pub(super) struct Points8;

impl Points<8> for Points8 {
    #[inline(always)]
    fn of_inputs(d: [Lanes; 8]) -> [Lanes; 8] {
        // At ±1, ±2, ±1/2: what both share, and what changes its sign.
        let even = d[2] - d[4] * 4.25 + d[6];
        let odd = d[1] - d[3] * 4.25 + d[5];
        let even_2 = d[2] * 0.25 - d[4] * 1.25 + d[6];
        let odd_2 = d[1] * 0.5 - d[3] * 2.5 + d[5] * 2.0;
        let even_half = d[2] * 4.0 - d[4] * 5.0 + d[6];
        let odd_half = d[1] * 2.0 - d[3] * 2.5 + d[5] * 0.5;
        [
            d[0] - d[6] + (d[4] - d[2]) * 5.25,
            even + odd,
            even - odd,
            even_2 + odd_2,
            even_2 - odd_2,
            even_half + odd_half,
            even_half - odd_half,
            d[7] - d[1] + (d[3] - d[5]) * 5.25,
        ]
    }

    #[inline(always)]
    fn to_outputs(m: [Lanes; 8]) -> [Lanes; OUTPUTS] {
        let (sum_1, difference_1) = (m[1] + m[2], m[1] - m[2]);
        let (sum_2, difference_2) = (m[3] + m[4], m[3] - m[4]);
        let (sum_half, difference_half) = (m[5] + m[6], m[5] - m[6]);
        [
            m[0] + sum_1 + sum_2 + sum_half,
            difference_1 + difference_2 * 2.0 + difference_half * 0.5,
            sum_1 + sum_2 * 4.0 + sum_half * 0.25,
            difference_1 + difference_2 * 8.0 + difference_half * 0.125 + m[7],
        ]
    }
}
