//! A method and its settings, chosen at run time.

use std::path::PathBuf;

use crate::anomaly_detector::AnomalyDetector;
use crate::baseline::BaselineConfig;
use crate::config::DetectorConfig;
use crate::error::DetectorError;
use crate::method::Method;
use crate::progress::ProgressCallback;
use crate::shared_config::SharedConfig;
use crate::training::{Outcome, Training};

/// A method and its settings.
#[derive(Debug, Clone, PartialEq)]
pub enum MethodConfig {
    /// The paper's method.
    DifferNet(DetectorConfig),
    /// A competitor.
    Baseline(BaselineConfig),
}

impl MethodConfig {
    /// The method.
    pub fn method(&self) -> Method {
        match self {
            Self::DifferNet(_) => Method::DifferNet,
            Self::Baseline(config) => config.method(),
        }
    }

    /// The settings that every method has.
    pub fn shared(&self) -> SharedConfig {
        match self {
            Self::DifferNet(config) => config.shared(),
            Self::Baseline(config) => config.shared,
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`DetectorError::Config`] names the first setting that is out of range.
    pub fn validate(&self) -> Result<(), DetectorError> {
        match self {
            Self::DifferNet(config) => config.validate(),
            Self::Baseline(config) => config.validate(),
        }
    }
}

impl Training<'_, MethodConfig> {
    /// Fits the method to the good images `files`.
    ///
    /// # Errors
    /// As the training of the method itself.
    pub fn run(
        &self,
        files: &[PathBuf],
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Outcome<dyn AnomalyDetector>, DetectorError> {
        Ok(match self.config {
            MethodConfig::DifferNet(config) => match self.with(config).run(files, progress)? {
                Outcome::Finished(detector, bad) => Outcome::Finished(detector, bad),
                Outcome::Interrupted => Outcome::Interrupted,
            },
            MethodConfig::Baseline(config) => match self.with(config).run(files, progress)? {
                Outcome::Finished(baseline, bad) => Outcome::Finished(baseline, bad),
                Outcome::Interrupted => Outcome::Interrupted,
            },
        })
    }

    /// The same with the settings of one method.
    fn with<'a, C>(&'a self, config: &'a C) -> Training<'a, C> {
        let Self { source, device, checkpoints, bad_images, regions, .. } = *self;
        Training { config, source, device, checkpoints, bad_images, regions }
    }
}
