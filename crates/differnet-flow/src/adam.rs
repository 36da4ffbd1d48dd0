//! Adam with L2 weight decay, as PyTorch's `torch.optim.Adam` computes it.
//!
//! The arithmetic only; [`crate::host`] and [`crate::tensor_step`] apply it.

use burn::tensor::Tensor;
use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// Adam's settings; the defaults are those published with the paper.
///
/// Stored without the settings that it lacks: not Burn's `Config`, which stores all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdamConfig {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the gradients' running mean.
    pub beta_1: f64,
    /// Decay of the squared gradients' running mean.
    pub beta_2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// L2 penalty: this times the weight is added to its gradient.
    pub weight_decay: f64,
    /// Largest norm of the whole gradient, decay aside: a longer one is shortened to it. `None` takes
    /// every gradient as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_gradient_norm: Option<f64>,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl AdamConfig {
    /// The settings published with the paper.
    pub fn new() -> Self {
        Self {
            learning_rate: 2e-4,
            beta_1: 0.8,
            beta_2: 0.8,
            epsilon: 1e-4,
            weight_decay: 1e-5,
            max_gradient_norm: None,
        }
    }

    /// The same with another [`learning_rate`](Self::learning_rate).
    pub fn with_learning_rate(self, learning_rate: f64) -> Self {
        Self { learning_rate, ..self }
    }

    /// The same with another [`beta_1`](Self::beta_1).
    pub fn with_beta_1(self, beta_1: f64) -> Self {
        Self { beta_1, ..self }
    }

    /// The same with another [`beta_2`](Self::beta_2).
    pub fn with_beta_2(self, beta_2: f64) -> Self {
        Self { beta_2, ..self }
    }

    /// The same with another [`epsilon`](Self::epsilon).
    pub fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// The same with another [`weight_decay`](Self::weight_decay).
    pub fn with_weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay, ..self }
    }

    /// The same with another [`max_gradient_norm`](Self::max_gradient_norm).
    pub fn with_max_gradient_norm(self, max_gradient_norm: Option<f64>) -> Self {
        Self { max_gradient_norm, ..self }
    }

    /// The settings as JSON, which [`from_json`](Self::from_json) reads back bit for bit.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers are plain data")
    }

    /// The settings written by [`to_json`](Self::to_json), if they are within their ranges.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|settings: &Self| settings.validate().is_ok())
    }

    /// Checks every setting's range.
    ///
    /// # Errors
    /// [`TrainError::Setting`] names the first that is out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let max_norm = self.max_gradient_norm.unwrap_or(1.0);
        let checks = [
            ("learning_rate", self.learning_rate, self.learning_rate >= 0.0, "finite, at least 0"),
            ("beta_1", self.beta_1, (0.0..1.0).contains(&self.beta_1), "in [0, 1)"),
            ("beta_2", self.beta_2, (0.0..1.0).contains(&self.beta_2), "in [0, 1)"),
            ("epsilon", self.epsilon, self.epsilon > 0.0, "finite and positive"),
            ("weight_decay", self.weight_decay, self.weight_decay >= 0.0, "finite, at least 0"),
            ("max_gradient_norm", max_norm, max_norm > 0.0, "finite and positive"),
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
            max_gradient_norm: self.max_gradient_norm,
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
    max_gradient_norm: Option<f64>,
}

impl Update {
    /// Tells whether the norm of the whole gradient matters.
    pub(crate) fn clips(self) -> bool {
        self.max_gradient_norm.is_some()
    }

    /// The factor for a whole gradient of this norm, as PyTorch's `clip_grad_norm_` has it.
    pub(crate) fn clipping(self, norm: f64) -> f64 {
        self.max_gradient_norm.map_or(1.0, |largest| (largest / (norm + 1e-6)).min(1.0))
    }

    /// Updates weights and moments in place; returns whether every weight is finite.
    pub(crate) fn apply(
        self,
        weights: &mut [f32],
        gradients: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) -> bool {
        // The widest vectors the processor has; the same bits on every width.
        Arch::new().dispatch(Apply { update: self, weights, gradients, first, second })
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

/// [`Update::apply`]. No closure: one is not always compiled for the vectors that it was dispatched to.
struct Apply<'a> {
    update: Update,
    weights: &'a mut [f32],
    gradients: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl WithSimd for Apply<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> bool {
        let Self { update, weights, gradients, first, second } = self;
        let (beta_1, rest_1) = (update.beta_1 as f32, (1.0 - update.beta_1) as f32);
        let (beta_2, rest_2) = (update.beta_2 as f32, (1.0 - update.beta_2) as f32);
        let (step_size, root) = (update.step_size as f32, update.root as f32);
        let (epsilon, weight_decay) = (update.epsilon as f32, update.weight_decay as f32);
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
            (
                adam().with_max_gradient_norm(Some(0.0)),
                "max_gradient_norm must be finite and positive, found 0",
            ),
        ] {
            assert_eq!(config.validate().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn long_gradients_are_shortened_and_short_ones_left_alone() {
        let update = AdamConfig::new().with_max_gradient_norm(Some(1.5)).update(1);
        assert!(update.clips());
        assert_eq!(update.clipping(1.0), 1.0);
        // 1.5 / 3, but for the millionth that guards against a norm of zero.
        assert!((update.clipping(3.0) - 0.5).abs() < 1e-6);
        let update = AdamConfig::new().update(1);
        assert!(!update.clips());
        assert_eq!(update.clipping(1e9), 1.0);
    }

    #[test]
    fn settings_survive_as_json_and_those_out_of_range_do_not() {
        for norm in [None, Some(1.0 / 3.0)] {
            let config =
                AdamConfig::new().with_learning_rate(1e-3 / 3.0).with_max_gradient_norm(norm);
            assert_eq!(AdamConfig::from_json(&config.to_json()), Some(config));
        }
        let text = AdamConfig::new().to_json();
        let golden = r#"{"learning_rate":0.0002,"beta_1":0.8,"beta_2":0.8,"epsilon":0.0001,"weight_decay":0.00001}"#;
        assert_eq!(text, golden);
        let negative = text.replace("0.0001", "-0.0001");
        for wrong in [&text[..10], "0.0002 0.8 0.8 0.0001 1e-5", &negative] {
            assert_eq!(AdamConfig::from_json(wrong), None, "{wrong}");
        }
    }
}
