//! Names of networks on the command line.

use clap::ValueEnum;
use differnet_features::Backbone;
use serde::Serialize;

/// A network that features come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
pub(crate) enum BackboneChoice {
    /// The paper's.
    #[value(name = "alexnet")]
    #[serde(rename = "alexnet")]
    AlexNet,
    /// Smaller and faster.
    #[value(name = "efficientnet-lite0")]
    #[serde(rename = "efficientnet-lite0")]
    EfficientNetLite0,
}

impl From<BackboneChoice> for Backbone {
    fn from(choice: BackboneChoice) -> Self {
        match choice {
            BackboneChoice::AlexNet => Self::AlexNet,
            BackboneChoice::EfficientNetLite0 => Self::EfficientNetLite0,
        }
    }
}
