//! Adam on a Burn module, with the checks that every training here needs.

use burn::module::Module;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Gradients, Tensor};

use crate::error::BaselineError;

/// Adam and its step size.
pub(crate) struct Optimizer {
    adam: ModuleOptimizer,
    learning_rate: f64,
}

impl Optimizer {
    /// Adam with these decays of its two means; ε is 1e-8, as Kingma and Ba advise.
    pub(crate) fn adam(learning_rate: f64, beta_1: f64, beta_2: f64) -> Self {
        Self::decaying(learning_rate, beta_1, beta_2, 0.0)
    }

    /// The same with an L2 penalty: `weight_decay` times the weight is added to its gradient.
    pub(crate) fn decaying(
        learning_rate: f64,
        beta_1: f64,
        beta_2: f64,
        weight_decay: f64,
    ) -> Self {
        let penalty = weight_decay as f32;
        let adam = AdamConfig::new()
            .with_beta_1(beta_1 as f32)
            .with_beta_2(beta_2 as f32)
            .with_epsilon(1e-8)
            .with_weight_decay((penalty > 0.0).then_some(WeightDecayConfig { penalty }));
        Self { adam: adam.init(), learning_rate }
    }

    /// `module` after one update along `gradients`, which may hold those of others besides.
    pub(crate) fn step<M: Module>(&mut self, module: M, gradients: &mut Gradients) -> M {
        let gradients = GradientsParams::from_module(gradients, &module);
        self.adam.step(self.learning_rate, module, gradients)
    }
}

/// The value of a loss `[1]`.
///
/// # Errors
/// [`BaselineError::NonFiniteLoss`] with the number of the update, which `update` counts from 0.
pub(crate) fn finite(loss: &Tensor<1>, update: usize) -> Result<f64, BaselineError> {
    let value = f64::from(loss.clone().into_scalar::<f32>());
    if value.is_finite() {
        Ok(value)
    } else {
        Err(BaselineError::NonFiniteLoss { step: update + 1 })
    }
}
