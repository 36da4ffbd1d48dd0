//! The methods that the tables compare, and the seam through which a cell trains and scores with one.
//!
//! [`train`] tells DifferNet from its competitors; everything else treats methods alike.

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use clap::ValueEnum;
use differnet::{DetectorConfig, FeatureSource};
use serde::{Deserialize, Serialize};

use super::cell::TestSpec;
use super::{baseline_method, differnet_method};

/// A column of the paper's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// Classification of geometric transforms (Golan and El-Yaniv 2018).
    #[value(name = "geotrans")]
    GeoTrans,
    /// GANomaly (Akcay et al. 2018).
    Ganomaly,
    /// Deep structured energy-based model (Zhai et al. 2016).
    Dsebm,
    /// ADGAN, the paper's reference 6.
    Adgan,
    /// One-class support vector machine on the same features.
    Ocsvm,
    /// Nearest neighbour on the same features.
    #[value(name = "1nn")]
    OneNn,
    /// DifferNet.
    #[value(name = "differnet")]
    DifferNet,
    /// DifferNet trained on a few images: `--shots`, 16 unless another number is given.
    #[value(name = "differnet-16-shot")]
    DifferNetShots,
}

impl Method {
    /// The name in arguments and files.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value().expect("no method is hidden");
        value.get_name().to_owned()
    }

    /// The name in tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::GeoTrans => "GeoTrans",
            Self::Ganomaly => "GANomaly",
            Self::Dsebm => "DSEBM",
            Self::Adgan => "ADGAN",
            Self::Ocsvm => "OCSVM",
            Self::OneNn => "1-NN",
            Self::DifferNet => "DifferNet",
            Self::DifferNetShots => "DifferNet (16 shots)",
        }
    }

    /// What the library calls the competitor; `None` for DifferNet.
    fn baseline(self) -> Option<differnet::Method> {
        Some(match self {
            Self::GeoTrans => differnet::Method::GeoTrans,
            Self::Ganomaly => differnet::Method::Ganomaly,
            Self::Dsebm => differnet::Method::Dsebm,
            Self::Adgan => differnet::Method::Adgan,
            Self::Ocsvm => differnet::Method::OneClassSvm,
            Self::OneNn => differnet::Method::OneNearestNeighbour,
            Self::DifferNet | Self::DifferNetShots => return None,
        })
    }
}

/// What a method works with.
pub(crate) struct Bench<'a> {
    /// Where features come from.
    pub(crate) source: &'a FeatureSource,
    /// Where networks run.
    pub(crate) device: &'a Device,
    /// Folder for what takes an interrupted training up again.
    pub(crate) partial: &'a Path,
    /// Hears how far the work is and may ask to stop.
    pub(crate) tell: &'a mut dyn FnMut(Stage) -> ControlFlow<()>,
}

/// How far a cell is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stage {
    /// What is being done.
    pub(crate) name: String,
    /// Steps done.
    pub(crate) done: usize,
    /// Steps in all.
    pub(crate) total: usize,
}

/// A method after training.
pub(crate) trait Trained {
    /// Anomaly score of each image, in order; larger is more anomalous.
    ///
    /// # Errors
    /// [`Stopped`] if the bench was told to stop; an image that cannot be used.
    fn score(
        &self,
        files: &[PathBuf],
        test: &TestSpec,
        bench: &mut Bench<'_>,
    ) -> anyhow::Result<Vec<f64>>;

    /// The threshold that training set for scores under `test`, if it set one.
    fn threshold(&self, test: &TestSpec) -> Option<f64>;
}

/// `method` trained on the good images `files`.
///
/// # Errors
/// [`Stopped`] if the bench was told to stop; what the method says, such as unusable images.
pub(crate) fn train(
    method: Method,
    config: &DetectorConfig,
    files: &[PathBuf],
    bench: &mut Bench<'_>,
) -> anyhow::Result<Box<dyn Trained>> {
    Ok(match method.baseline() {
        Some(baseline) => Box::new(baseline_method::train(baseline, config, files, bench)?),
        None => Box::new(differnet_method::train(config, files, bench, &mut |_, _| {
            ControlFlow::Continue(())
        })?),
    })
}

/// Somebody asked to stop.
#[derive(Debug)]
pub(crate) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("stopped")
    }
}

impl std::error::Error for Stopped {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_arguments() {
        let names: Vec<String> = Method::value_variants().iter().map(|m| m.name()).collect();
        let golden = [
            "geotrans",
            "ganomaly",
            "dsebm",
            "adgan",
            "ocsvm",
            "1nn",
            "differnet",
            "differnet-16-shot",
        ];
        assert_eq!(names, golden);
    }
}
