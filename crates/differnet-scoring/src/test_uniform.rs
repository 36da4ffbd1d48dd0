//! Uniform numbers for simulations in tests.

/// Knuth's MMIX generator: its upper 53 bits are enough here.
pub(crate) struct Uniform(u64);

impl Uniform {
    pub(crate) fn new() -> Self {
        Self(1)
    }

    /// The next number in [0, 1).
    pub(crate) fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
