//! Eight numbers at a time: plain arrays whose arithmetic the compiler turns into vector instructions.

use std::array;
use std::ops::{Add, Mul, Sub};

use pulp::{Arch, Simd, WithSimd};

/// Number of channels processed together; every channel count of AlexNet is a multiple.
pub(crate) const LANES: usize = 8;

/// Eight neighbouring channels.
#[derive(Clone, Copy)]
pub(crate) struct Lanes(pub(crate) [f32; LANES]);

impl Lanes {
    pub(crate) const ZERO: Lanes = Lanes([0.0; LANES]);

    #[inline(always)]
    pub(crate) fn load(from: &[f32]) -> Self {
        let mut values = [0.0; LANES];
        values.copy_from_slice(&from[..LANES]);
        Self(values)
    }

    #[inline(always)]
    pub(crate) fn store(self, to: &mut [f32]) {
        to[..LANES].copy_from_slice(&self.0);
    }

    #[inline(always)]
    pub(crate) fn max(self, other: Self) -> Self {
        // A comparison, not f32::max: one instruction, and NaN cannot occur after finite inputs.
        Self(array::from_fn(|i| if self.0[i] > other.0[i] { self.0[i] } else { other.0[i] }))
    }

    /// These values where `condition` is above zero, zero elsewhere.
    #[inline(always)]
    pub(crate) fn where_positive(self, condition: Self) -> Self {
        Self(array::from_fn(|i| if condition.0[i] > 0.0 { self.0[i] } else { 0.0 }))
    }
}

/// Does `work`, compiled for the widest vectors of this processor.
///
/// The closure has to be marked `#[inline(always)]`, and all that it calls: else it is a function of its
/// own, compiled for vectors of four.
pub(crate) fn vectorized(work: impl FnMut()) {
    struct Work<F>(F);
    impl<F: FnMut()> WithSimd for Work<F> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _: S) {
            (self.0)();
        }
    }
    Arch::new().dispatch(Work(work));
}

impl Add for Lanes {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(array::from_fn(|i| self.0[i] + other.0[i]))
    }
}

impl Sub for Lanes {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(array::from_fn(|i| self.0[i] - other.0[i]))
    }
}

impl Mul<f32> for Lanes {
    type Output = Self;
    #[inline(always)]
    fn mul(self, factor: f32) -> Self {
        Self(array::from_fn(|i| self.0[i] * factor))
    }
}
