//! Description of a network by layers and weights, for other programs to compute it.

use crate::backbone::Backbone;
use crate::efficientnet_lite::{self, CENTRE, SPREAD, same_padding};
use crate::normalize::{MEAN, STANDARD_DEVIATION};
use crate::pretrained_weights::PretrainedWeights;
use crate::torchvision::architecture::{self, Convolution, Layer, MaxPool, Residual};
use crate::weights::{self, ConvolutionWeights};

/// A network of stages: normalisation of levels, then the blocks of each stage.
#[derive(Debug, Clone)]
pub struct NetworkDescription {
    /// Level of each colour that becomes 0.
    pub mean: [f32; 3],
    /// Levels of each colour that become 1.
    pub deviation: [f32; 3],
    /// Blocks of each stage, one after the other.
    pub stages: Vec<Vec<BlockDescription>>,
}

/// Layers one after the other.
#[derive(Debug, Clone)]
pub struct BlockDescription {
    /// The layers.
    pub layers: Vec<LayerDescription>,
    /// Term added to the output of the last layer.
    pub shortcut: Shortcut,
}

/// Term added to a block's output.
#[derive(Debug, Clone)]
pub enum Shortcut {
    /// Nothing.
    None,
    /// The block's input.
    Input,
    /// The block's input, convolved if a layer is given; a ReLU follows.
    InputThenRelu(Option<ConvolutionDescription>),
}

/// A layer.
#[derive(Debug, Clone)]
pub enum LayerDescription {
    /// A convolution with its activation.
    Convolution(ConvolutionDescription),
    /// The largest of `side` × `side` cells, `stride` apart.
    MaxPool {
        /// Side of the window.
        side: usize,
        /// Cells from one window to the next.
        stride: usize,
        /// Cells around the map that never win.
        padding: usize,
    },
}

/// A convolution.
#[derive(Debug, Clone)]
pub struct ConvolutionDescription {
    /// `[outputs, inputs per group, kernel, kernel]`
    pub weight: Vec<f32>,
    /// Shape of `weight`.
    pub shape: [usize; 4],
    /// `[outputs]`
    pub bias: Vec<f32>,
    /// Cells from one output to the next.
    pub stride: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Zeros before the first row and column, and after the last, of maps whose sides are multiples of the stride.
    pub padding: [usize; 2],
    /// Activation behind it.
    pub activation: LayerActivation,
}

/// Activation behind a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerActivation {
    /// None.
    Linear,
    /// max(x, 0)
    Relu,
    /// x between 0 and 6.
    Relu6,
}

/// Side and stride of AlexNet's pooling.
const POOL: (usize, usize) = (3, 2);

impl Backbone {
    /// The network by its layers and weights; `None` if they are not compiled in but
    /// [loaded](PretrainedWeights::description).
    pub fn description(self) -> Option<NetworkDescription> {
        match self {
            Self::AlexNet => Some(alexnet()),
            Self::EfficientNetLite0 => Some(efficientnet()),
            Self::ResNet18 | Self::ResNet50 | Self::WideResNet50 | Self::Vgg16 => None,
        }
    }

    /// Side and stride of the pooling of the maps whose spatial means are features; `None` for the maps themselves.
    pub fn mean_pool(self) -> Option<(usize, usize)> {
        match self {
            Self::AlexNet => Some(POOL),
            _ => None,
        }
    }
}

impl PretrainedWeights {
    /// The network by its layers and weights, as far as these suffice.
    pub fn description(&self) -> NetworkDescription {
        let stages = architecture::stages(self.backbone()).into_iter().take(self.stages());
        let block = |layer: &Layer| self.block(layer);
        let [mean, deviation] = imagenet_levels();
        let stages = stages.map(|layers| layers.iter().map(block).collect()).collect();
        NetworkDescription { mean, deviation, stages }
    }

    fn block(&self, layer: &Layer) -> BlockDescription {
        let convolution = |shape: &Convolution, activation| {
            let ConvolutionWeights { weight, shape: sides, bias } = self.folded(shape);
            ConvolutionDescription {
                weight,
                shape: sides,
                bias,
                stride: shape.stride,
                groups: 1,
                padding: [shape.padding(); 2],
                activation,
            }
        };
        let alone = |layer| BlockDescription { layers: vec![layer], shortcut: Shortcut::None };
        match layer {
            Layer::Convolution(shape) => {
                alone(LayerDescription::Convolution(convolution(shape, LayerActivation::Relu)))
            }
            Layer::MaxPool(MaxPool { size: side, stride, padding }) => {
                let (side, stride, padding) = (*side, *stride, *padding);
                alone(LayerDescription::MaxPool { side, stride, padding })
            }
            Layer::Residual(Residual { body, shortcut }) => {
                let (last, first) = body.split_last().expect("a block has convolutions");
                let first = first.iter().map(|shape| convolution(shape, LayerActivation::Relu));
                let layers = first.chain([convolution(last, LayerActivation::Linear)]);
                let linear = |shape| convolution(shape, LayerActivation::Linear);
                BlockDescription {
                    layers: layers.map(LayerDescription::Convolution).collect(),
                    shortcut: Shortcut::InputThenRelu(shortcut.as_ref().map(linear)),
                }
            }
        }
    }
}

/// Mean and deviation of each colour that torchvision's networks are normalised by, levels.
fn imagenet_levels() -> [[f32; 3]; 2] {
    [MEAN, STANDARD_DEVIATION].map(|values| values.map(|value| 255.0 * value))
}

fn alexnet() -> NetworkDescription {
    let stage = |(index, weights): (usize, weights::ConvolutionWeights)| {
        let (stride, padding) = crate::alexnet::GEOMETRY[index];
        let convolution = LayerDescription::Convolution(ConvolutionDescription {
            shape: weights.shape,
            weight: weights.weight,
            bias: weights.bias,
            stride,
            groups: 1,
            padding: [padding; 2],
            activation: LayerActivation::Relu,
        });
        let (side, stride) = POOL;
        let pool = LayerDescription::MaxPool { side, stride, padding: 0 };
        let pool = crate::alexnet::is_pooled(index).then_some(pool);
        vec![BlockDescription {
            layers: [convolution].into_iter().chain(pool).collect(),
            shortcut: Shortcut::None,
        }]
    };
    let [mean, deviation] = imagenet_levels();
    let stages = weights::embedded().into_iter().enumerate().map(stage).collect();
    NetworkDescription { mean, deviation, stages }
}

fn efficientnet() -> NetworkDescription {
    let weights = efficientnet_lite::embedded();
    let convolution = |folded: efficientnet_lite::Folded, stride, groups, activation| {
        let kernel = folded.shape[2];
        // Sides are even where the stride is 2.
        let before = same_padding(2 * kernel, kernel, stride).1;
        LayerDescription::Convolution(ConvolutionDescription {
            weight: folded.weight,
            shape: folded.shape,
            bias: folded.bias,
            stride,
            groups,
            padding: [before, kernel - stride - before],
            activation,
        })
    };
    let stem = BlockDescription {
        layers: vec![convolution(weights.stem, 2, 1, LayerActivation::Relu6)],
        shortcut: Shortcut::None,
    };
    let block = |block: efficientnet_lite::BlockWeights| {
        let channels = block.depthwise.shape[0];
        let inputs = block.expand.as_ref().map_or(channels, |expand| expand.shape[1]);
        let residual = block.stride == 1 && inputs == block.project.shape[0];
        let shortcut = if residual { Shortcut::Input } else { Shortcut::None };
        let expand = block.expand.map(|expand| convolution(expand, 1, 1, LayerActivation::Relu6));
        let layers = expand.into_iter().chain([
            convolution(block.depthwise, block.stride, channels, LayerActivation::Relu6),
            convolution(block.project, 1, 1, LayerActivation::Linear),
        ]);
        BlockDescription { layers: layers.collect(), shortcut }
    };
    let mut stages: Vec<Vec<BlockDescription>> =
        weights.stages.into_iter().map(|blocks| blocks.into_iter().map(block).collect()).collect();
    stages[0].insert(0, stem);
    NetworkDescription { mean: [CENTRE; 3], deviation: [SPREAD; 3], stages }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_channels_and_padding_are_those_of_the_networks() {
        let loaded = [Backbone::ResNet18, Backbone::ResNet50, Backbone::Vgg16];
        for backbone in Backbone::EMBEDDED.into_iter().chain(loaded) {
            let description = backbone
                .description()
                .unwrap_or_else(|| PretrainedWeights::untrained(backbone, 1).description());
            assert_eq!(description.stages.len(), backbone.stages());
            let (mut stride, mut channels) = (1, 3);
            for (number, blocks) in (1..).zip(&description.stages) {
                for block in blocks {
                    let entry = channels;
                    for layer in &block.layers {
                        match layer {
                            LayerDescription::Convolution(layer) => {
                                let [outputs, inputs, kernel, _] = layer.shape;
                                assert_eq!(inputs * layer.groups, channels);
                                assert_eq!(layer.bias.len(), outputs);
                                assert_eq!(
                                    layer.weight.len(),
                                    layer.shape.iter().product::<usize>()
                                );
                                let [before, after] = layer.padding;
                                assert!(before <= after && before + after < kernel);
                                (stride, channels) = (stride * layer.stride, outputs);
                            }
                            LayerDescription::MaxPool { stride: by, .. } => stride *= by,
                        }
                    }
                    match &block.shortcut {
                        Shortcut::None => {}
                        Shortcut::Input | Shortcut::InputThenRelu(None) => {
                            assert_eq!(entry, channels);
                        }
                        Shortcut::InputThenRelu(Some(layer)) => {
                            assert_eq!(layer.shape[..2], [channels, entry]);
                        }
                    }
                }
                assert_eq!(stride, backbone.cell_stride(number));
                assert_eq!(channels, backbone.place_channels(&[number]));
            }
        }
        assert!(Backbone::ResNet18.description().is_none());
        let [alexnet, lite] = [alexnet(), efficientnet()];
        // (127.5 - 255 · 0.485) / (255 · 0.229): as of a level over 255.
        let found = (127.5 - alexnet.mean[0]) / alexnet.deviation[0];
        assert!((found - (0.5 - 0.485) / 0.229).abs() < 1e-6);
        assert_eq!((255.0 - lite.mean[1]) / lite.deviation[1], efficientnet_lite::normalized(255));
        let inputs = |block: &&BlockDescription| matches!(block.shortcut, Shortcut::Input);
        let residual = lite.stages.iter().flatten().filter(inputs).count();
        // All blocks but the first of each stage.
        assert_eq!(residual, 1 + 1 + 2 + 2 + 3);
    }
}
