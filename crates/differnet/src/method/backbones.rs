//! Networks of methods: which one by default, which others, how large they see images, and how many stages.

use differnet_features::Backbone;

use super::{Method, MethodConfig};

impl Method {
    /// The network that its features come from, unless another is given; `None` for methods on pixels.
    pub fn default_backbone(self) -> Option<Backbone> {
        match self {
            Self::DifferNet | Self::OneNearestNeighbour | Self::OneClassSvm => {
                Some(Backbone::AlexNet)
            }
            Self::LocalFlow | Self::PatchCore | Self::Padim => Some(Backbone::EfficientNetLite0),
            Self::GeoTrans | Self::Ganomaly | Self::Dsebm | Self::Adgan => None,
        }
    }

    /// Tells whether its models can carry a network whose weights are not compiled in.
    pub(crate) fn takes_loaded_networks(self) -> bool {
        matches!(self, Self::DifferNet | Self::LocalFlow | Self::PatchCore | Self::Padim)
    }
}

impl MethodConfig {
    /// The settings for the network `backbone` instead of `before`: what stood at the default for the one
    /// stands at that for the other.
    pub(crate) fn for_backbone(self, before: Backbone, backbone: Backbone) -> Self {
        match self {
            Self::LocalFlow(config) => Self::LocalFlow(config.for_backbone(before, backbone)),
            Self::PatchCore(config) => Self::PatchCore(config.for_backbone(before, backbone)),
            Self::Padim(config) => Self::Padim(config.for_backbone(before, backbone)),
            other => other,
        }
    }

    /// The settings for training images of so many pixels.
    pub(crate) fn for_areas(self, areas: Vec<usize>) -> Self {
        match self {
            Self::LocalFlow(config) => Self::LocalFlow(config.for_areas(areas)),
            other => other,
        }
    }

    /// Number of the last stage of `backbone` that a method fitted to `images` good images sees.
    pub(crate) fn last_stage(&self, backbone: Backbone, images: usize) -> usize {
        match self {
            Self::LocalFlow(config) => config.plan(backbone, images).last_stage(),
            Self::PatchCore(config) => config.plan(backbone).last_stage(),
            Self::Padim(config) => config.plan(backbone).last_stage(),
            _ => backbone.stages(),
        }
    }
}
