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
    /// With --weights.
    #[value(name = "resnet18")]
    #[serde(rename = "resnet18")]
    ResNet18,
    /// With --weights.
    #[value(name = "resnet50")]
    #[serde(rename = "resnet50")]
    ResNet50,
    /// With --weights.
    #[value(name = "wide-resnet50-2")]
    #[serde(rename = "wide-resnet50-2")]
    WideResNet50,
    /// With --weights.
    #[value(name = "vgg16")]
    #[serde(rename = "vgg16")]
    Vgg16,
}

impl From<BackboneChoice> for Backbone {
    fn from(choice: BackboneChoice) -> Self {
        match choice {
            BackboneChoice::AlexNet => Self::AlexNet,
            BackboneChoice::EfficientNetLite0 => Self::EfficientNetLite0,
            BackboneChoice::ResNet18 => Self::ResNet18,
            BackboneChoice::ResNet50 => Self::ResNet50,
            BackboneChoice::WideResNet50 => Self::WideResNet50,
            BackboneChoice::Vgg16 => Self::Vgg16,
        }
    }
}
