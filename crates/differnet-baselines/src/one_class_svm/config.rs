//! The settings of the one-class SVM.

use serde::{Deserialize, Serialize};

use crate::error::BaselineError;

/// Settings of the method; defaults are those of LIBSVM and scikit-learn, and fitted to no data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneClassSvmConfig {
    /// ν: the share of the training rows that may lie outside, at most, and that are support
    /// vectors, at least.
    pub nu: f64,
    /// γ: how fast the kernel falls with the squared distance.
    pub gamma: Gamma,
    /// Largest violation of the optimality conditions in the end.
    pub tolerance: f64,
    /// Most rows that the SVM is fitted to; more are drawn from. Its time grows with their square.
    pub max_rows: usize,
}

/// Width γ of the kernel: how fast it falls with the squared distance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gamma {
    /// 1 / (features · variance of all values of the standardized training rows).
    Scale,
    /// This number.
    #[serde(untagged)]
    Fixed(f64),
}

impl Default for OneClassSvmConfig {
    fn default() -> Self {
        Self { nu: 0.5, gamma: Gamma::Scale, tolerance: 1e-3, max_rows: 8000 }
    }
}

impl OneClassSvmConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`BaselineError::Config`] names the first setting that is out of range.
    pub fn validate(&self) -> Result<(), BaselineError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let gamma = match self.gamma {
            Gamma::Scale => 1.0,
            Gamma::Fixed(gamma) => gamma,
        };
        let ranges = [
            ("nu", self.nu, self.nu > 0.0 && self.nu <= 1.0, "in (0, 1]"),
            ("gamma", gamma, positive(gamma), "\"scale\" or positive"),
            ("tolerance", self.tolerance, positive(self.tolerance), "positive"),
            ("max_rows", self.max_rows as f64, self.max_rows > 0, "at least 1"),
        ];
        for (name, value, fine, expected) in ranges {
            if !fine {
                let found = value.to_string();
                return Err(BaselineError::Config { name, expected, found });
            }
        }
        Ok(())
    }
}

impl Gamma {
    /// γ for the standardized training rows `values`; 1 where they do not vary.
    pub(super) fn value(self, values: &[f64], features: usize) -> f64 {
        match self {
            Self::Fixed(gamma) => gamma,
            Self::Scale => {
                let count = values.len() as f64;
                let mean = values.iter().sum::<f64>() / count;
                let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
                if squares > 0.0 { count / (features as f64 * squares) } else { 1.0 }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_of_gamma_by_hand() {
        // Mean 2, variance (1 + 1 + 4 + 4) / 4 = 2.5; 1 / (2 · 2.5).
        assert_eq!(Gamma::Scale.value(&[1.0, 3.0, 0.0, 4.0], 2), 0.2);
        assert_eq!(Gamma::Scale.value(&[7.0; 4], 2), 1.0);
        assert_eq!(Gamma::Fixed(0.3).value(&[7.0; 4], 2), 0.3);
    }

    #[test]
    fn settings_survive_text_and_bad_ones_are_named() {
        for gamma in [Gamma::Scale, Gamma::Fixed(0.25)] {
            let config = OneClassSvmConfig { gamma, ..OneClassSvmConfig::default() };
            config.validate().unwrap();
            let text = toml::to_string(&config).unwrap();
            assert_eq!(toml::from_str::<OneClassSvmConfig>(&text).unwrap(), config);
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<OneClassSvmConfig>(&text).unwrap(), config);
        }
        let base = OneClassSvmConfig::default();
        for (config, name) in [
            (OneClassSvmConfig { nu: 0.0, ..base }, "nu"),
            (OneClassSvmConfig { nu: f64::NAN, ..base }, "nu"),
            (OneClassSvmConfig { gamma: Gamma::Fixed(-1.0), ..base }, "gamma"),
            (OneClassSvmConfig { tolerance: f64::INFINITY, ..base }, "tolerance"),
            (OneClassSvmConfig { max_rows: 0, ..base }, "max_rows"),
        ] {
            assert!(config.validate().unwrap_err().to_string().starts_with(name));
        }
    }
}
