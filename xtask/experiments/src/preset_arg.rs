//! The values of `--preset`.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use differnet::Preset;

/// Reads the name of a preset as files of settings spell it; the help texts say what each costs.
pub(crate) fn preset_parser() -> impl TypedValueParser<Value = Preset> {
    PossibleValuesParser::new([
        PossibleValue::new("quick").help("Minutes a category"),
        PossibleValue::new("standard").help("An hour or so a category"),
        PossibleValue::new("paper").help("The paper's; meant for a GPU"),
    ])
    .try_map(|name| toml::Value::from(name).try_into::<Preset>())
}
