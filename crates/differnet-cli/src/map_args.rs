//! How maps are made.

use clap::ValueEnum;
use differnet::{Detector, LocalizeConfig, MapKind};

/// How a map is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MapChoice {
    /// What each place of the last convolution adds to the score.
    Contribution,
    /// The paper's: the score's gradient with respect to each pixel.
    Gradient,
}

impl From<MapChoice> for MapKind {
    fn from(choice: MapChoice) -> Self {
        match choice {
            MapChoice::Contribution => Self::Contribution,
            MapChoice::Gradient => Self::Gradient,
        }
    }
}

/// The map's name on the command line.
pub(crate) fn map_name(kind: MapKind) -> &'static str {
    match kind {
        MapKind::Contribution => "contribution",
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
