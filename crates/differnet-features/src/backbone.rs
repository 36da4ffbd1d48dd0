//! The frozen networks that features come from.

use std::fmt::{Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::efficientnet_lite::{self, efficientnet_lite_id};
use crate::extractor::{CHANNELS, SCALES};
use crate::local_features::{LOCAL_GRID, LocalGrid};
use crate::torchvision::architecture;
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
    /// ResNet-18 (He et al. 2016), with weights that are loaded.
    #[serde(rename = "resnet18")]
    ResNet18,
    /// ResNet-50 (He et al. 2016), with weights that are loaded.
    #[serde(rename = "resnet50")]
    ResNet50,
    /// Wide ResNet-50-2 (Zagoruyko and Komodakis 2016), with weights that are loaded.
    #[serde(rename = "wide-resnet50-2")]
    WideResNet50,
    /// VGG-16 (Simonyan and Zisserman 2015), with weights that are loaded.
    #[serde(rename = "vgg16")]
    Vgg16,
}

impl Backbone {
    /// All networks, the paper's first.
    pub const ALL: [Self; 6] = [
        Self::AlexNet,
        Self::EfficientNetLite0,
        Self::ResNet18,
        Self::ResNet50,
        Self::WideResNet50,
        Self::Vgg16,
    ];

    /// Those whose weights are compiled in, the paper's first.
    pub const EMBEDDED: [Self; 2] = [Self::AlexNet, Self::EfficientNetLite0];

    /// The network's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlexNet => "alexnet",
            Self::EfficientNetLite0 => "efficientnet-lite0",
            Self::ResNet18 => "resnet18",
            Self::ResNet50 => "resnet50",
            Self::WideResNet50 => "wide-resnet50-2",
            Self::Vgg16 => "vgg16",
        }
    }

    /// Tells whether its weights are compiled in; else they are
    /// [loaded](crate::PretrainedWeights::read).
    pub fn is_embedded(self) -> bool {
        Self::EMBEDDED.contains(&self)
    }

    /// A command that downloads its weights and writes their file; `None` if they are compiled in.
    pub fn weights_command(self) -> Option<String> {
        let model = match self {
            Self::AlexNet | Self::EfficientNetLite0 => return None,
            Self::ResNet18 | Self::ResNet50 | Self::Vgg16 => self.name(),
            Self::WideResNet50 => "wide_resnet50_2",
        };
        Some(format!(
            "python3 -c \"import torchvision, safetensors.torch; safetensors.torch.save_file(\
             torchvision.models.{model}(weights='IMAGENET1K_V1').state_dict(), '{model}.safetensors')\""
        ))
    }

    /// Name of a network whose weights are compiled in, with its weights.
    ///
    /// # Panics
    /// If they are not.
    pub(crate) fn embedded_id(self) -> String {
        match self {
            Self::AlexNet => format!("alexnet-{}", weights::digest()),
            Self::EfficientNetLite0 => efficientnet_lite_id(),
            _ => panic!("{self}'s weights are not compiled in"),
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
            _ => self.place_channels(self.pooled_stages()),
        }
    }

    /// Stages whose maps are averaged to features of an image as a whole; AlexNet's map is pooled once more
    /// before.
    pub fn pooled_stages(self) -> &'static [usize] {
        match self {
            Self::AlexNet | Self::Vgg16 => &[5],
            // Those that local features are taken from as well.
            Self::EfficientNetLite0 => &[3, 4, 5],
            Self::ResNet18 | Self::ResNet50 | Self::WideResNet50 => &[4],
        }
    }

    /// The stage of [`LocalFeatures`](crate::LocalFeatures), with a cell every 16 pixels.
    pub(crate) fn local_stage(self) -> usize {
        match self {
            Self::AlexNet | Self::EfficientNetLite0 => 5,
            Self::ResNet18 | Self::ResNet50 | Self::WideResNet50 => 3,
            Self::Vgg16 => 4,
        }
    }

    /// The cell of that stage's map, along each side, that [`local_grid`](Self::local_grid) begins with.
    pub(crate) fn first_local_cell(self) -> usize {
        match self {
            Self::AlexNet | Self::EfficientNetLite0 | Self::Vgg16 => 0,
            // Centred on the image's edge.
            Self::ResNet18 | Self::ResNet50 | Self::WideResNet50 => 1,
        }
    }

    /// Stages after which it has maps that describe places; AlexNet's are its convolutions, the first two
    /// with the pooling behind them, a ResNet's its groups of blocks, and VGG-16's end with its poolings.
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

    /// Returns the grid in which the cells of [`LocalFeatures`](crate::LocalFeatures) lie on an image.
    ///
    /// ResNets' convolutions and poolings, padded on both sides, are centred on pixels 16i; of the cells the
    /// first, on the image's edge, is left out. VGG-16's poolings are centred on 16i + 7.5.
    pub fn local_grid(self) -> LocalGrid {
        let channels = self.place_channels(&[self.local_stage()]);
        let (side, first) = match self {
            Self::AlexNet | Self::EfficientNetLite0 => (LOCAL_GRID.side, LOCAL_GRID.first),
            Self::ResNet18 | Self::ResNet50 | Self::WideResNet50 => (27, 16.0),
            Self::Vgg16 => (28, 7.5),
        };
        LocalGrid { side, channels, first, ..LOCAL_GRID }
    }

    fn table(self) -> &'static [StageShape] {
        match self {
            Self::AlexNet => &alexnet::STAGES,
            Self::EfficientNetLite0 => &efficientnet_lite::SHAPES,
            Self::ResNet18 => &architecture::RESNET18,
            Self::ResNet50 | Self::WideResNet50 => &architecture::RESNET50,
            Self::Vgg16 => &architecture::VGG16,
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
    fn local_grids_lie_in_the_middle_of_the_image() {
        for backbone in Backbone::ALL {
            let LocalGrid { side, first, stride, .. } = backbone.local_grid();
            assert_eq!(backbone.cell_stride(backbone.local_stage()), stride as usize);
            let centre = first + stride * (side - 1) as f32 / 2.0;
            assert!((centre - 223.5).abs() <= 0.5, "{backbone}: {centre}");
        }
    }

    #[test]
    fn commands_for_weights_name_the_model_of_torchvision() {
        assert_eq!(Backbone::AlexNet.weights_command(), None);
        let command = Backbone::WideResNet50.weights_command().expect("a command");
        assert!(command.contains("torchvision.models.wide_resnet50_2("), "{command}");
        assert!(command.ends_with("'wide_resnet50_2.safetensors')\""), "{command}");
    }

    #[test]
    fn widths_follow_from_the_networks() {
        let [alexnet, lite] = Backbone::EMBEDDED;
        assert_eq!((alexnet.features(), lite.features()), (768, 3 * (40 + 80 + 112)));
        assert_eq!((alexnet.stages(), lite.stages()), (5, 6));
        assert_eq!(alexnet.place_channels(&[1, 2, 3, 4, 5]), 64 + 192 + 384 + 256 + 256);
        assert_eq!(lite.place_channels(&[4, 5, 6]), 80 + 112 + 192);
        assert_eq!([1, 2, 5].map(|stage| alexnet.cell_stride(stage)), [8, 16, 16]);
        assert_eq!([1, 3, 5, 6].map(|stage| lite.cell_stride(stage)), [2, 8, 16, 32]);
        assert_eq!((alexnet.local_grid().channels, lite.local_grid().channels), (256, 112));
        let [.., small, large, wide, vgg] = Backbone::ALL;
        let features = [small, large, wide, vgg].map(Backbone::features);
        assert_eq!(features, [3 * 512, 3 * 2048, 3 * 2048, 3 * 512]);
        assert_eq!([1, 2, 3, 4].map(|stage| large.cell_stride(stage)), [4, 8, 16, 32]);
        assert_eq!(large.place_channels(&[2, 3]), 512 + 1024);
        assert_eq!(vgg.place_channels(&[1, 2, 3, 4, 5]), 64 + 128 + 256 + 512 + 512);
    }
}
