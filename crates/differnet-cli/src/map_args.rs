//! How maps are made.

use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use differnet::{AnomalyDetector, Detector, LocalizeConfig, MapKind};

/// How a map is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MapChoice {
    /// How far each place is from what training images showed there.
    Deviation,
    /// The paper's: the score's gradient with respect to each pixel.
    Gradient,
}

impl From<MapChoice> for MapKind {
    fn from(choice: MapChoice) -> Self {
        match choice {
            MapChoice::Deviation => Self::Deviation,
            MapChoice::Gradient => Self::Gradient,
        }
    }
}

/// The model in `path` as one that makes maps.
pub(crate) fn require_localizer<'a>(
    model: &'a dyn AnomalyDetector,
    path: &Path,
) -> anyhow::Result<&'a Detector> {
    model.localizer().with_context(|| {
        let method = model.summary().method;
        format!(
            "{} is a model of the method {method}, which does not say where a defect is: train one \
             with --method differnet for maps",
            path.display()
        )
    })
}

/// The map's name on the command line.
pub(crate) fn map_name(kind: MapKind) -> &'static str {
    match kind {
        MapKind::Deviation => "deviation",
        MapKind::Gradient => "gradient",
    }
}

/// The model's localization with what flags change.
pub(crate) fn localize_config(
    detector: &Detector,
    kind: MapChoice,
    transforms: Option<usize>,
) -> LocalizeConfig {
    let mut config = detector.localize_config();
    config.kind = kind.into();
    if let Some(transforms) = transforms {
        config.scoring.transforms = transforms;
    }
    config
}
