//! Elementary functions in arithmetic alone, which compilers turn into vector instructions.
//!
//! The C library's work on one number at a time. Called between matrix products with wide vectors,
//! each call also makes the processor switch register modes, which costs more than the function.

use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, LOG2_E};

/// `ln 2` in two parts; a multiple of the first by a whole number below 2⁸ has no rounding error.
const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
/// Added to a number below 2²² in size it rounds it to a whole one, found in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// `exp(x)`, with a relative error of at most 2e-7 for |x| ≤ 87; larger sizes count as 87.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = x - whole * LN_2.0 - whole * LN_2.1; // |rest| ≤ ln 2 / 2
    // exp(r) = 1 + r + r² · p(r), with p the minimax polynomial of Cephes.
    let p = polynomial(
        rest,
        [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5],
    );
    let fraction = p * rest * rest + rest + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    fraction * f32::from_bits(exponent << 23)
}

/// `arctan(x)`, with an error of at most 2e-7.
#[inline(always)]
pub(super) fn arctan(x: f32) -> f32 {
    let size = x.abs();
    // arctan(x) = π/2 + arctan(-1/x) = π/4 + arctan((x - 1)/(x + 1)): |t| ≤ tan(π/8).
    let (base, numerator, denominator) = if size > 2.414_213_7 {
        (FRAC_PI_2, -1.0, size)
    } else if size > 0.414_213_57 {
        (FRAC_PI_4, size - 1.0, size + 1.0)
    } else {
        (0.0, size, 1.0)
    };
    let t = numerator / denominator;
    let square = t * t;
    let p = polynomial(square, [8.053_744_6e-2, -0.138_776_86, 0.199_777_1, -0.333_329_5]);
    (base + (p * square * t + t)).copysign(x)
}

/// The polynomial with `coefficients` from the highest power down, by Horner's rule.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    coefficients.into_iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_double_precision() {
        for i in -87_000..=87_000 {
            let x = i as f32 / 1000.0;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error <= 2e-7, "exp({x}): relative error {error:e}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!((exp(f32::INFINITY), exp(-1e30)), (exp(87.0), exp(-87.0)));
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn arctan_agrees_with_double_precision() {
        for i in -60_000..=60_000 {
            // From 1e-6 to 1e6 on both sides, evenly on a logarithmic scale.
            let x = f64::from(i).signum() * 10_f64.powf((f64::from(i).abs() - 30_000.0) / 5000.0);
            let x = x as f32;
            let error = (f64::from(arctan(x)) - f64::from(x).atan()).abs();
            assert!(error <= 2e-7, "arctan({x}): error {error:e}");
        }
        assert_eq!(arctan(0.0), 0.0);
        assert_eq!((arctan(f32::INFINITY), arctan(-1e30)), (FRAC_PI_2, -FRAC_PI_2));
        assert!(arctan(f32::NAN).is_nan());
    }
}
