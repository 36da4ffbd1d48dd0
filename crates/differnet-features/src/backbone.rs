//! The frozen networks that features come from.

use std::fmt::{Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::efficientnet_lite::{self, efficientnet_lite_id};
use crate::extractor::{CHANNELS, SCALES};
use crate::local_features::{LOCAL_GRID, LocalGrid};
use crate::stage_means::POOLED_STAGES;
use crate::{alexnet, weights};

/// A frozen network, by the name that files and the command line use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Backbone {
    /// The paper's: five convolutions (Krizhevsky et al. 2012), with torchvision's weights.
    #[serde(rename = "alexnet")]
    AlexNet,
    /// EfficientNet-Lite0: six stages of inverted residual blocks (Tan and Le 2019).
    #[serde(rename = "efficientnet-lite0")]
    EfficientNetLite0,
}

impl Backbone {
    /// All networks, the paper's first.
    pub const ALL: [Self; 2] = [Self::AlexNet, Self::EfficientNetLite0];

    /// The network's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlexNet => "alexnet",
            Self::EfficientNetLite0 => "efficientnet-lite0",
        }
    }

    /// Name of the network with its weights, as the key of models on local features.
    pub fn id(self) -> String {
        match self {
            Self::AlexNet => format!("alexnet-{}", weights::digest()),
            Self::EfficientNetLite0 => efficientnet_lite_id(),
        }
    }

    /// Features of an image as a whole: spatial means at each of [`SCALES`].
    pub fn features(self) -> usize {
        SCALES.len() * self.scale_features()
    }

    /// Features of an image as a whole at one scale.
    pub fn scale_features(self) -> usize {
        match self {
            Self::AlexNet => CHANNELS,
            Self::EfficientNetLite0 => self.place_channels(&POOLED_STAGES),
        }
    }

    /// Stages after which it has maps that describe places; AlexNet's are its convolutions, the first two
    /// with the pooling behind them.
    pub fn stages(self) -> usize {
        self.table().len()
    }

    /// Numbers of each place that maps after `stages` (from 1) give.
    ///
    /// # Panics
    /// If it has no such stage.
    pub fn place_channels(self, stages: &[usize]) -> usize {
        stages.iter().map(|&stage| self.table()[stage - 1].channels).sum()
    }

    /// Pixels from one cell of the map after `stage` (from 1) to the next.
    ///
    /// # Panics
    /// If it has no such stage.
    pub fn cell_stride(self, stage: usize) -> usize {
        self.table()[stage - 1].stride
    }

    /// How the cells of [`LocalFeatures`](crate::LocalFeatures) lie on an image.
    pub fn local_grid(self) -> LocalGrid {
        let channels = match self {
            Self::AlexNet => CHANNELS,
            Self::EfficientNetLite0 => {
                self.place_channels(&POOLED_STAGES[POOLED_STAGES.len() - 1..])
            }
        };
        LocalGrid { channels, ..LOCAL_GRID }
    }

    fn table(self) -> &'static [StageShape] {
        match self {
            Self::AlexNet => &alexnet::STAGES,
            Self::EfficientNetLite0 => &efficientnet_lite::SHAPES,
        }
    }
}

/// Shape of the map after a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StageShape {
    /// Numbers of each cell.
    pub(crate) channels: usize,
    /// Pixels from one cell to the next.
    pub(crate) stride: usize,
}

impl Display for Backbone {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_use_the_names_of_networks() {
        for backbone in Backbone::ALL {
            let text = serde_json::to_string(&backbone).expect("a name");
            assert_eq!(text, format!("{:?}", backbone.name()));
            assert_eq!(serde_json::from_str::<Backbone>(&text).expect("its own text"), backbone);
        }
    }

    #[test]
    fn widths_follow_from_the_networks() {
        let [alexnet, lite] = Backbone::ALL;
        assert_eq!((alexnet.features(), lite.features()), (768, 3 * (40 + 80 + 112)));
        assert_eq!((alexnet.stages(), lite.stages()), (5, 6));
        assert_eq!(alexnet.place_channels(&[1, 2, 3, 4, 5]), 64 + 192 + 384 + 256 + 256);
        assert_eq!(lite.place_channels(&[4, 5, 6]), 80 + 112 + 192);
        assert_eq!([1, 2, 5].map(|stage| alexnet.cell_stride(stage)), [8, 16, 16]);
        assert_eq!([1, 3, 5, 6].map(|stage| lite.cell_stride(stage)), [2, 8, 16, 32]);
        assert_eq!((alexnet.local_grid().channels, lite.local_grid().channels), (256, 112));
    }
}
