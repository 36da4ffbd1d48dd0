//! Kind of the maps.

use std::path::Path;

use anyhow::ensure;
use clap::ValueEnum;
use differnet::{LocalizeConfig, MapKind, Model};

use crate::exit::UsageError;

/// Kind of anomaly map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MapChoice {
    /// Deviation of each place from what training images showed there.
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

/// Checks that the model in `path` makes maps.
pub(crate) fn require_localizer(model: &Model, path: &Path) -> anyhow::Result<()> {
    let method = model.header().config.method.method();
    ensure!(
        model.localizes(),
        "{} is a model of the method {method}, which does not say where a defect is: train one with \
         --method local-flow for maps",
        path.display()
    );
    Ok(())
}

/// The map's name on the command line.
pub(crate) fn map_name(kind: MapKind) -> &'static str {
    match kind {
        MapKind::Deviation => "deviation",
        MapKind::Gradient => "gradient",
    }
}

/// The model's localization with what flags change, or `None` if its method makes no maps; an error if flags ask for
/// maps that it does not make.
pub(crate) fn localize_config_if_any(
    model: &Model,
    kind: MapChoice,
    transforms: Option<usize>,
) -> anyhow::Result<Option<LocalizeConfig>> {
    if model.localizes() {
        return localize_config(model, kind, transforms).map(Some);
    }
    if kind == MapChoice::Gradient || transforms.is_some() {
        let method = model.header().config.method.method();
        let text = "--map and --map-transforms are for methods that make maps";
        return Err(UsageError(format!("{text}: {method} makes none")).into());
    }
    Ok(None)
}

/// The model's localization with what flags change; an error if it makes no such maps.
pub(crate) fn localize_config(
    model: &Model,
    kind: MapChoice,
    transforms: Option<usize>,
) -> anyhow::Result<LocalizeConfig> {
    let mut config = model.localize_config()?;
    let method = model.header().config.method.method();
    if method.looks_at_places() && transforms.is_some_and(|transforms| transforms > 1) {
        let text = "maps that average transforms are for the method differnet";
        return Err(UsageError(format!("{text}: {method} sees an image once")).into());
    }
    if method.looks_at_places() && kind == MapChoice::Gradient {
        let text = "--map gradient is for the method differnet";
        return Err(UsageError(format!("{text}: maps of {method} are of the deviation")).into());
    }
    config.kind = kind.into();
    if let Some(transforms) = transforms {
        config.scoring.transforms = transforms;
    }
    Ok(config)
}
