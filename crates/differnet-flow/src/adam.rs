//! Adam with L2 weight decay, as PyTorch's `torch.optim.Adam` computes it.
//!
//! The arithmetic only; [`crate::host`] and [`crate::tensor_step`] apply it.

use burn::config::Config;
use burn::tensor::Tensor;

use crate::error::TrainError;

/// Adam's settings; the defaults are those published with the paper.
#[derive(Config, Debug, PartialEq)]
pub struct AdamConfig {
    /// Step size.
    #[config(default = 2e-4)]
    pub learning_rate: f64,
    /// Decay of the gradients' running mean.
    #[config(default = 0.8)]
    pub beta_1: f64,
    /// Decay of the squared gradients' running mean.
    #[config(default = 0.8)]
    pub beta_2: f64,
    /// Added to the denominator.
    #[config(default = 1e-4)]
    pub epsilon: f64,
    /// L2 penalty: this times the weight is added to its gradient.
    #[config(default = 1e-5)]
    pub weight_decay: f64,
}

impl AdamConfig {
    /// The settings as text that [`from_text`](Self::from_text) reads back bit for bit.
    pub(crate) fn to_text(&self) -> String {
        let Self { learning_rate, beta_1, beta_2, epsilon, weight_decay } = self;
        format!("{learning_rate:?} {beta_1:?} {beta_2:?} {epsilon:?} {weight_decay:?}")
    }

    /// The settings written by [`to_text`](Self::to_text); JSON numbers may lose their last bit.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let values: Result<Vec<f64>, _> = text.split(' ').map(str::parse).collect();
        let [learning_rate, beta_1, beta_2, epsilon, weight_decay] =
            values.ok()?.try_into().ok()?;
        let settings = Self { learning_rate, beta_1, beta_2, epsilon, weight_decay };
        settings.validate().is_ok().then_some(settings)
    }

    /// Checks every setting's range.
    ///
    /// # Errors
    /// [`TrainError::Setting`] names the first that is out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let checks = [
            ("learning_rate", self.learning_rate, self.learning_rate >= 0.0, "finite, at least 0"),
            ("beta_1", self.beta_1, (0.0..1.0).contains(&self.beta_1), "in [0, 1)"),
            ("beta_2", self.beta_2, (0.0..1.0).contains(&self.beta_2), "in [0, 1)"),
            ("epsilon", self.epsilon, self.epsilon > 0.0, "finite and positive"),
            ("weight_decay", self.weight_decay, self.weight_decay >= 0.0, "finite, at least 0"),
        ];
        for (name, value, in_range, expected) in checks {
            if !(value.is_finite() && in_range) {
                return Err(TrainError::Setting { name, expected, found: value.to_string() });
            }
        }
        Ok(())
    }

    /// The factors of update `step`, counted from 1.
    pub(crate) fn update(&self, step: u64) -> Update {
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        Update {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            step_size: self.learning_rate / correction(self.beta_1),
            root: 1.0 / correction(self.beta_2).sqrt(),
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
        }
    }
}

/// The factors of one update, with the corrections for moments that started at zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Update {
    beta_1: f64,
    beta_2: f64,
    step_size: f64,
    root: f64,
    epsilon: f64,
    weight_decay: f64,
}

impl Update {
    /// Updates weights and moments in place; returns whether every weight is finite.
    pub(crate) fn apply(
        self,
        weights: &mut [f32],
        gradients: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) -> bool {
        // The widest vectors the processor has; the same bits on every width.
        let arch = pulp::Arch::new();
        arch.dispatch(|| self.apply_lanes(weights, gradients, first, second))
    }

    /// [`apply`](Self::apply), compiled for the vectors that it is called with.
    #[inline(always)]
    fn apply_lanes(
        self,
        weights: &mut [f32],
        gradients: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) -> bool {
        let (beta_1, rest_1) = (self.beta_1 as f32, (1.0 - self.beta_1) as f32);
        let (beta_2, rest_2) = (self.beta_2 as f32, (1.0 - self.beta_2) as f32);
        let (step_size, root) = (self.step_size as f32, self.root as f32);
        let (epsilon, weight_decay) = (self.epsilon as f32, self.weight_decay as f32);
        let mut finite = true;
        for (((w, g), m), v) in weights.iter_mut().zip(gradients).zip(first).zip(second) {
            let gradient = g + weight_decay * *w;
            *m = beta_1 * *m + rest_1 * gradient;
            *v = beta_2 * *v + rest_2 * gradient * gradient;
            *w -= step_size * *m / (v.sqrt() * root + epsilon);
            finite &= w.is_finite();
        }
        finite
    }

    /// The same by tensor operations, all `[count]`; returns the new weights.
    pub(crate) fn apply_to_tensor(
        self,
        weight: Tensor<1>,
        gradient: Tensor<1>,
        first: &mut Tensor<1>,
        second: &mut Tensor<1>,
    ) -> Tensor<1> {
        let gradient = gradient + weight.clone() * self.weight_decay;
        *first = first.clone() * self.beta_1 + gradient.clone() * (1.0 - self.beta_1);
        *second = second.clone() * self.beta_2 + gradient.square() * (1.0 - self.beta_2);
        let denominator = second.clone().sqrt() * self.root + self.epsilon;
        weight - first.clone() / denominator * self.step_size
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData, Tolerance};

    use super::*;

    #[test]
    fn the_first_update_agrees_with_a_calculation_by_hand() {
        // Without decay the corrected moments of the first update are g and g², so the weight
        // moves by lr · g / (|g| + ε) = 0.1 · 2 / 2.5.
        let config =
            AdamConfig::new().with_learning_rate(0.1).with_epsilon(0.5).with_weight_decay(0.0);
        let (mut w, mut m, mut v) = ([1.0_f32], [0.0_f32], [0.0_f32]);
        assert!(config.update(1).apply(&mut w, &[2.0], &mut m, &mut v));
        assert!((w[0] - 0.92).abs() < 1e-6, "{w:?}");
        assert!((m[0] - 0.4).abs() < 1e-6 && (v[0] - 0.8).abs() < 1e-6, "{m:?} {v:?}");
    }

    #[test]
    fn host_and_device_updates_agree() {
        let device = Device::flex();
        let config = AdamConfig::new().with_weight_decay(0.1).with_learning_rate(0.05);
        let mut w: Vec<f32> = (0..4003).map(|i| (i as f32 * 0.37).sin()).collect();
        let tensor = |values: &[f32]| Tensor::<1>::from_floats(values, &device);
        let (mut m, mut v) = (vec![0.0; w.len()], vec![0.0; w.len()]);
        let (mut weight, mut first, mut second) = (tensor(&w), tensor(&m), tensor(&v));
        for step in 1..=3 {
            let g: Vec<f32> = w.iter().map(|w| w * w - 0.3).collect();
            let update = config.update(step);
            weight = update.apply_to_tensor(weight, tensor(&g), &mut first, &mut second);
            assert!(update.apply(&mut w, &g, &mut m, &mut v));
        }
        // Three updates, each rounded to f32 in a different order.
        let close = Tolerance::absolute(1e-6);
        weight.into_data().assert_approx_eq::<f32>(&TensorData::from(w.as_slice()), close);
        second.into_data().assert_approx_eq::<f32>(&TensorData::from(v.as_slice()), close);
    }

    #[test]
    fn a_gradient_that_is_not_finite_is_noticed() {
        let (mut w, mut m, mut v) = ([1.0; 50], [0.0; 50], [0.0; 50]);
        let mut g = [0.5; 50];
        assert!(AdamConfig::new().update(1).apply(&mut w, &g, &mut m, &mut v));
        g[33] = f32::NAN;
        assert!(!AdamConfig::new().update(2).apply(&mut w, &g, &mut m, &mut v));
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let adam = AdamConfig::new;
        for (config, message) in [
            (adam().with_learning_rate(-1.0), "learning_rate must be finite, at least 0, found -1"),
            (adam().with_beta_1(1.0), "beta_1 must be in [0, 1), found 1"),
            (adam().with_beta_2(f64::NAN), "beta_2 must be in [0, 1), found NaN"),
            (adam().with_epsilon(0.0), "epsilon must be finite and positive, found 0"),
            (
                adam().with_weight_decay(f64::INFINITY),
                "weight_decay must be finite, at least 0, found inf",
            ),
        ] {
            assert_eq!(config.validate().unwrap_err().to_string(), message);
        }
    }
}
