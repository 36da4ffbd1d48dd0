//! The soft clamp that keeps scaling coefficients moderate (Section 3.1.1, Eq. 2).

use std::f64::consts::PI;

use burn::tensor::Tensor;

/// `σ_α(h) = 2α/π · arctan(h/α)`, which lies within `(-alpha, alpha)` (Eq. 2).
///
/// Works on any shape, elementwise. The paper uses `alpha` = 3.
pub fn soft_clamp<const D: usize>(raw: Tensor<D>, alpha: f64) -> Tensor<D> {
    (raw / alpha).atan() * (2.0 * alpha / PI)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData, Tolerance};

    use super::*;

    #[test]
    fn soft_clamp_agrees_with_eq_2_by_hand() {
        // arctan(±1) = ±π/4, hence σ₃(±3) = ±1.5; arctan(√3) = π/3, hence σ₃(3√3) = 2.
        let raw = Tensor::<1>::from_floats([-3.0, 0.0, 3.0, 5.196_152_4], &Device::flex());
        let golden = TensorData::from([-1.5_f32, 0.0, 1.5, 2.0]);
        soft_clamp(raw, 3.0)
            .into_data()
            .assert_approx_eq::<f32>(&golden, Tolerance::absolute(1e-6));
    }

    #[test]
    fn soft_clamp_never_leaves_its_interval() {
        let raw = Tensor::<1>::from_floats([-1e30, -1e6, 1e6, 1e30], &Device::flex());
        let clamped = soft_clamp(raw, 3.0).into_data();
        for &value in clamped.as_slice::<f32>().unwrap() {
            assert!((2.99..=3.0).contains(&value.abs()), "{value}");
        }
    }
}
