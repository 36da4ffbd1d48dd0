//! Architectures of ResNets and of VGG-16, layer by layer, with the names of their tensors.

use crate::backbone::{Backbone, StageShape};

/// Shapes of the maps after ResNet-18's stages.
pub(crate) const RESNET18: [StageShape; 4] = resnet_shapes(64);
/// Shapes of the maps after the stages of ResNet-50 and of Wide ResNet-50-2.
pub(crate) const RESNET50: [StageShape; 4] = resnet_shapes(256);
/// Shapes of the maps after VGG-16's poolings.
pub(crate) const VGG16: [StageShape; 5] = [
    StageShape { channels: 64, stride: 2 },
    StageShape { channels: 128, stride: 4 },
    StageShape { channels: 256, stride: 8 },
    StageShape { channels: 512, stride: 16 },
    StageShape { channels: 512, stride: 32 },
];
/// Channels and number of the convolutions before each of VGG-16's poolings (Simonyan and Zisserman 2015,
/// configuration D).
const VGG16_CONVOLUTIONS: [(usize, usize); 5] = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];

const fn resnet_shapes(first: usize) -> [StageShape; 4] {
    let mut shapes = [StageShape { channels: first, stride: 4 }; 4];
    let mut stage = 1;
    while stage < shapes.len() {
        shapes[stage] = StageShape { channels: first << stage, stride: 4 << stage };
        stage += 1;
    }
    shapes
}

/// One step of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layer {
    /// A convolution and a ReLU.
    Convolution(Convolution),
    /// Max-pooling, padding of which never wins.
    MaxPool(MaxPool),
    /// A residual block.
    Residual(Residual),
}

/// A square convolution, padded by half its side, and the names of its tensors in torchvision's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Convolution {
    /// Prefix of its weight, and of its bias if no norm follows.
    pub(crate) name: String,
    /// Prefix of the tensors of the batch norm behind it.
    pub(crate) norm: Option<String>,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Side of the kernel; odd.
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
}

/// Max-pooling over squares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MaxPool {
    /// Side of the square.
    pub(crate) size: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

/// A residual block (He et al. 2016): a ReLU between its convolutions, and one after the shortcut is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Residual {
    pub(crate) body: Vec<Convolution>,
    /// `None` to add the block's input as it is.
    pub(crate) shortcut: Option<Convolution>,
}

/// Kind of a ResNet's blocks.
#[derive(Debug, Clone, Copy)]
enum Block {
    /// Two 3 × 3 convolutions.
    Basic,
    /// 1 × 1, 3 × 3 and 1 × 1, the first two with `width` times the stage's base channels; stride in the
    /// second, as torchvision has it.
    Bottleneck { width: usize },
}

/// Channels of a bottleneck's output over the stage's base channels.
const EXPANSION: usize = 4;

/// The layers of each stage of `backbone`; none for a network whose weights are compiled in.
pub(crate) fn stages(backbone: Backbone) -> Vec<Vec<Layer>> {
    match backbone {
        Backbone::AlexNet | Backbone::EfficientNetLite0 => Vec::new(),
        Backbone::ResNet18 => resnet([2, 2, 2, 2], Block::Basic),
        Backbone::ResNet50 => resnet([3, 4, 6, 3], Block::Bottleneck { width: 1 }),
        Backbone::WideResNet50 => resnet([3, 4, 6, 3], Block::Bottleneck { width: 2 }),
        Backbone::Vgg16 => vgg16(),
    }
}

fn resnet(blocks: [usize; 4], kind: Block) -> Vec<Vec<Layer>> {
    let mut inputs = 64;
    let stage = |(stage, count): (usize, usize)| {
        let base = 64 << stage;
        let mut layers = if stage == 0 { stem(inputs) } else { Vec::new() };
        for block in 0..count {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let name = format!("layer{}.{block}", stage + 1);
            let convolution = |number: usize, inputs, outputs, kernel, stride| Convolution {
                name: format!("{name}.conv{number}"),
                norm: Some(format!("{name}.bn{number}")),
                inputs,
                outputs,
                kernel,
                stride,
            };
            let (body, outputs) = match kind {
                Block::Basic => {
                    let first = convolution(1, inputs, base, 3, stride);
                    (vec![first, convolution(2, base, base, 3, 1)], base)
                }
                Block::Bottleneck { width } => {
                    let (width, outputs) = (base * width, base * EXPANSION);
                    let first = convolution(1, inputs, width, 1, 1);
                    let second = convolution(2, width, width, 3, stride);
                    (vec![first, second, convolution(3, width, outputs, 1, 1)], outputs)
                }
            };
            let shortcut = (stride != 1 || inputs != outputs).then(|| Convolution {
                name: format!("{name}.downsample.0"),
                norm: Some(format!("{name}.downsample.1")),
                inputs,
                outputs,
                kernel: 1,
                stride,
            });
            layers.push(Layer::Residual(Residual { body, shortcut }));
            inputs = outputs;
        }
        layers
    };
    blocks.into_iter().enumerate().map(stage).collect()
}

/// Returns the stem of a ResNet: the layers before its first block.
fn stem(outputs: usize) -> Vec<Layer> {
    let (name, norm) = ("conv1".to_owned(), Some("bn1".to_owned()));
    let convolution = Convolution { name, norm, inputs: 3, outputs, kernel: 7, stride: 2 };
    vec![
        Layer::Convolution(convolution),
        Layer::MaxPool(MaxPool { size: 3, stride: 2, padding: 1 }),
    ]
}

fn vgg16() -> Vec<Vec<Layer>> {
    let (mut inputs, mut position) = (3, 0);
    let stage = |(outputs, count): (usize, usize)| {
        let mut layers = Vec::with_capacity(count + 1);
        for _ in 0..count {
            let name = format!("features.{position}");
            let convolution =
                Convolution { name, norm: None, inputs, outputs, kernel: 3, stride: 1 };
            layers.push(Layer::Convolution(convolution));
            // The ReLU has a number of its own, and so has the pooling below.
            (inputs, position) = (outputs, position + 2);
        }
        layers.push(Layer::MaxPool(MaxPool { size: 2, stride: 2, padding: 0 }));
        position += 1;
        layers
    };
    VGG16_CONVOLUTIONS.into_iter().map(stage).collect()
}

impl Layer {
    /// Its convolutions.
    pub(crate) fn convolutions(&self) -> Vec<&Convolution> {
        match self {
            Self::Convolution(convolution) => vec![convolution],
            Self::MaxPool(_) => Vec::new(),
            Self::Residual(Residual { body, shortcut }) => body.iter().chain(shortcut).collect(),
        }
    }
}

impl Convolution {
    /// Zeros around its input.
    pub(crate) fn padding(&self) -> usize {
        self.kernel / 2
    }

    /// Shape of its weight.
    pub(crate) fn shape(&self) -> [usize; 4] {
        [self.outputs, self.inputs, self.kernel, self.kernel]
    }

    /// Names and shapes of its tensors and of its batch norm's.
    pub(crate) fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut tensors = vec![(format!("{}.weight", self.name), self.shape().to_vec())];
        let vector = |name: String| (name, vec![self.outputs]);
        match &self.norm {
            None => tensors.push(vector(format!("{}.bias", self.name))),
            Some(norm) => {
                let parts = ["weight", "bias", "running_mean", "running_var"];
                tensors.extend(parts.map(|part| vector(format!("{norm}.{part}"))));
            }
        }
        tensors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_as_many_as_torchvision_counts_without_the_classifier() {
        // torchvision's counts, less those of the classifier, plus two running statistics per norm.
        for (backbone, parameters, classifier, norms) in [
            (Backbone::ResNet18, 11_689_512, 513_000, 4_800),
            (Backbone::ResNet50, 25_557_032, 2_049_000, 26_560),
            (Backbone::WideResNet50, 68_883_240, 2_049_000, 34_112),
            (Backbone::Vgg16, 138_357_544, 123_642_856, 0),
        ] {
            let layers = stages(backbone).into_iter().flatten();
            let values: usize = layers
                .flat_map(|layer| {
                    let convolutions = layer.convolutions().into_iter();
                    convolutions.flat_map(Convolution::tensors).collect::<Vec<_>>()
                })
                .map(|(_, shape)| shape.iter().product::<usize>())
                .sum();
            assert_eq!(values, parameters - classifier + 2 * norms, "{backbone}");
        }
    }

    #[test]
    fn the_last_layers_of_stages_have_the_channels_of_the_table() {
        for backbone in Backbone::ALL.into_iter().filter(|backbone| !backbone.is_embedded()) {
            let stages = stages(backbone);
            assert_eq!(stages.len(), backbone.stages());
            for (number, stage) in (1..).zip(&stages) {
                let last = stage.iter().rev().find_map(|layer| match layer {
                    Layer::Convolution(convolution) => Some(convolution.outputs),
                    Layer::Residual(Residual { body, .. }) => Some(body[body.len() - 1].outputs),
                    Layer::MaxPool(_) => None,
                });
                assert_eq!(last, Some(backbone.place_channels(&[number])), "{backbone} {number}");
            }
        }
    }
}
