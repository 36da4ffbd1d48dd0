//! Settings of a flow within those of a method: its widths follow from the features and are none.

use differnet_flow::{AdamConfig, FlowConfig, FlowError, TrainError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;

/// Width of a flow in the settings, where it means nothing.
pub(super) const WIDTH: usize = 2;
/// Fields of a [`FlowConfig`] that are no settings.
const NO_SETTINGS: [&str; 2] = ["features", "condition"];

pub(super) fn write<S: Serializer>(flow: &FlowConfig, serializer: S) -> Result<S::Ok, S::Error> {
    let mut table = toml::Table::try_from(flow).map_err(serde::ser::Error::custom)?;
    NO_SETTINGS.iter().for_each(|name| drop(table.remove(*name)));
    table.serialize(serializer)
}

pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FlowConfig, D::Error> {
    let mut table = toml::Table::deserialize(deserializer)?;
    table.insert("features".to_owned(), (WIDTH as i64).into());
    table.insert("condition".to_owned(), 0.into());
    table.try_into().map_err(serde::de::Error::custom)
}

/// Checks the ranges of an optimizer and a flow.
pub(super) fn validate(adam: &AdamConfig, flow: &FlowConfig) -> Result<(), Error> {
    let rate = adam.learning_rate;
    crate::config::require("learning_rate", rate, rate > 0.0, "positive")?;
    adam.validate().map_err(|error| match error {
        TrainError::Setting { name, expected, found } => Error::Config { name, expected, found },
        other => other.into(),
    })?;
    flow.validate().map_err(|error| match error {
        FlowError::Config { name, expected, found } => Error::Config { name, expected, found },
        other => other.into(),
    })
}
