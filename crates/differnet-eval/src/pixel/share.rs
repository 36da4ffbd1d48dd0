//! Fractions that add up to the same sum in any order.

use std::ops::AddAssign;

/// The number 1; leaves 32 bits for the whole part of a sum.
const ONE: u128 = 1 << 96;

/// A sum of up to 2³² fractions in \[0, 1\], in fixed point.
///
/// Floating-point sums depend on the order of their terms, and so on how images are spread over
/// threads; integers do not. A fraction `part / whole` is at most `part / 2⁹⁶` too small.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share(u128);

impl Share {
    /// `part / whole`; the part must not exceed the whole, and the whole must be positive.
    pub(super) fn of(part: usize, whole: usize) -> Self {
        Self(part as u128 * (ONE / whole as u128))
    }

    /// The nearest floating-point number.
    pub(super) fn to_f64(self) -> f64 {
        self.0 as f64 / ONE as f64
    }
}

impl AddAssign for Share {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_whole_add_up_to_one() {
        for whole in [1, 3, 7, 1000, 200_704] {
            let mut sum = Share::default();
            for _ in 0..whole {
                sum += Share::of(1, whole);
            }
            assert_eq!(sum.to_f64(), 1.0, "{whole} parts");
        }
    }

    #[test]
    fn a_share_is_the_quotient() {
        assert_eq!(Share::of(0, 5).to_f64(), 0.0);
        assert_eq!(Share::of(5, 5).to_f64(), 1.0);
        assert_eq!(Share::of(2, 3).to_f64(), 2.0 / 3.0);
        assert_eq!(Share::of(1, 200_704).to_f64(), 1.0 / 200_704.0);
    }
}
