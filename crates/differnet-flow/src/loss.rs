//! Likelihood and training loss (Section 3.1.2, Eq. 4).

use std::f64::consts::TAU;

use burn::tensor::Tensor;

use crate::flow::Latents;

/// Negative log-likelihood `‖z‖²/2 − log|det ∂z/∂y|` of each row, `[batch]`, in nats (Eq. 4).
///
/// As in the paper, without the constant `features/2 · log 2π`; smaller is likelier.
pub fn nll(latents: &Latents) -> Tensor<1> {
    let half_norm = latents.z.clone().square().sum_dim(1).squeeze_dim::<1>(1) * 0.5; // [batch]
    half_norm - latents.log_det.clone()
}

/// `log p_Y(y)` of each row, `[batch]`, in nats: Eq. 4 with its constant.
pub(crate) fn log_likelihood(latents: &Latents) -> Tensor<1> {
    let features = latents.z.dims()[1] as f64;
    -nll(latents) - 0.5 * features * TAU.ln()
}

/// The training loss, `[1]`: the mean of [`nll`] over the batch, divided by the feature count.
pub(crate) fn training_loss(latents: &Latents) -> Tensor<1> {
    let [_, features] = latents.z.dims();
    nll(latents).mean() / features as f64 // [1]
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData, Tolerance};

    use super::*;

    fn latents() -> Latents {
        let device = Device::flex();
        Latents {
            z: Tensor::from_floats([[3.0, 4.0], [0.0, 0.0]], &device), // [2, 2]
            log_det: Tensor::from_floats([0.5, -1.0], &device),        // [2]
        }
    }

    #[test]
    fn nll_agrees_with_eq_4_by_hand() {
        // 25/2 − 0.5 = 12 and 0 + 1 = 1.
        nll(&latents()).into_data().assert_eq(&TensorData::from([12.0_f32, 1.0]), true);
    }

    #[test]
    fn training_loss_is_the_mean_per_feature() {
        training_loss(&latents()).into_data().assert_eq(&TensorData::from([3.25_f32]), true);
    }

    #[test]
    fn log_likelihood_includes_the_gaussian_constant() {
        // For two features the constant is log 2π = 1.8378770664.
        let golden = TensorData::from([-13.837_877_f32, -2.837_877]);
        log_likelihood(&latents())
            .into_data()
            .assert_approx_eq::<f32>(&golden, Tolerance::absolute(1e-5));
    }
}
