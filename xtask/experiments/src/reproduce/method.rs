//! The methods that the tables compare.

use std::fmt;
use std::path::Path;

use clap::ValueEnum;
use differnet::progress::CancelToken;
use differnet::{Config, Runtime};
use differnet_features::Backbone;
use serde::{Deserialize, Serialize};

use super::trained::competitor;

/// A column of the paper's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PaperMethod {
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
    /// Not the paper's: DifferNet on pooled features of EfficientNet-Lite0.
    #[value(name = "differnet-efficientnet-lite0")]
    #[serde(rename = "differnet-efficientnet-lite0")]
    DifferNetLite,
    /// Not the paper's: normalizing flows of local features and a bank of them.
    LocalFlow,
    /// The same trained on a few images.
    #[value(name = "local-flow-16-shot")]
    LocalFlowShots,
    /// Not the paper's: PatchCore on the same local features.
    #[value(name = "patchcore")]
    PatchCore,
    /// Not the paper's: PaDiM on the same local features.
    Padim,
}

/// Columns that tables have besides the paper's.
pub(crate) const NOT_THE_PAPERS: [PaperMethod; 5] = [
    PaperMethod::DifferNetLite,
    PaperMethod::LocalFlow,
    PaperMethod::LocalFlowShots,
    PaperMethod::PatchCore,
    PaperMethod::Padim,
];

impl PaperMethod {
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
            Self::DifferNetLite => "DifferNet (EfficientNet-Lite0)",
            Self::LocalFlow => "local flow",
            Self::LocalFlowShots => "local flow (16 shots)",
            Self::PatchCore => "PatchCore",
            Self::Padim => "PaDiM",
        }
    }

    /// Tells whether it is trained on a few images.
    pub(crate) fn is_few_shot(self) -> bool {
        matches!(self, Self::DifferNetShots | Self::LocalFlowShots)
    }

    /// The library's method.
    fn library(self) -> differnet::Method {
        match self {
            Self::GeoTrans => differnet::Method::GeoTrans,
            Self::Ganomaly => differnet::Method::Ganomaly,
            Self::Dsebm => differnet::Method::Dsebm,
            Self::Adgan => differnet::Method::Adgan,
            Self::Ocsvm => differnet::Method::OneClassSvm,
            Self::OneNn => differnet::Method::OneNearestNeighbour,
            Self::DifferNet | Self::DifferNetShots | Self::DifferNetLite => {
                differnet::Method::DifferNet
            }
            Self::LocalFlow | Self::LocalFlowShots => differnet::Method::LocalFlow,
            Self::PatchCore => differnet::Method::PatchCore,
            Self::Padim => differnet::Method::Padim,
        }
    }

    /// The settings that the method is trained with, where DifferNet has `config`.
    pub(crate) fn config(self, config: &Config) -> Config {
        match (self, self.library()) {
            (Self::DifferNetLite, _) => config.clone().with_backbone(Backbone::EfficientNetLite0),
            (_, differnet::Method::DifferNet) => config.clone(),
            (_, method) => competitor(method, config),
        }
    }
}

/// Context of a cell: runtime, folder, progress, cancelling.
pub(crate) struct CellContext<'a> {
    /// Runtime of the models.
    pub(crate) runtime: &'a Runtime,
    /// Folder for what takes an interrupted training up again.
    pub(crate) partial: &'a Path,
    /// Hears how far the work is.
    pub(crate) tell: &'a (dyn Fn(&Step) + Sync),
    /// Cancelled if somebody asks to stop.
    pub(crate) cancel: &'a CancelToken,
}

/// Step of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Name of the step.
    pub(crate) name: String,
    /// Steps done.
    pub(crate) done: usize,
    /// Steps in all.
    pub(crate) total: usize,
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
        let names: Vec<String> = PaperMethod::value_variants().iter().map(|m| m.name()).collect();
        let golden = [
            "geotrans",
            "ganomaly",
            "dsebm",
            "adgan",
            "ocsvm",
            "1nn",
            "differnet",
            "differnet-16-shot",
            "differnet-efficientnet-lite0",
            "local-flow",
            "local-flow-16-shot",
            "patchcore",
            "padim",
        ];
        assert_eq!(names, golden);
    }
}
