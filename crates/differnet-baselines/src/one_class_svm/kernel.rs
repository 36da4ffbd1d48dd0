//! The Gaussian kernel.

/// K(x, y) = exp(−γ |x − y|²).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kernel {
    /// γ
    pub(super) gamma: f64,
}

impl Kernel {
    /// The kernel of two points, given their squared distance.
    pub(super) fn of(&self, squared_distance: f64) -> f64 {
        (-self.gamma * squared_distance).exp()
    }
}
