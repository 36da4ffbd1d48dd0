//! A network's stages as operators.

use differnet_features::{
    Backbone, BlockDescription, ConvolutionDescription, LayerActivation, LayerDescription,
    NetworkDescription,
};
use differnet_onnx::network::{Activation, Convolution, convolution, normalized};
use differnet_onnx::{Graph, Value};

/// The maps `[n, channels, h, w]` after `stages` (numbers from 1, rising) of levels `[n, 3, height, width]`.
pub(crate) fn stage_maps(
    graph: &mut Graph,
    backbone: Backbone,
    levels: Value,
    stages: &[usize],
) -> Vec<Value> {
    let description = backbone.description().expect("checked before: its weights are compiled in");
    let NetworkDescription { mean, deviation, stages: all } = description;
    let mut x = normalized(graph, levels, mean, deviation);
    let last = stages.iter().copied().max().unwrap_or(0);
    let mut maps = Vec::with_capacity(stages.len());
    for (number, blocks) in (1..=last).zip(&all) {
        for block in blocks {
            x = block_of(graph, x, block);
        }
        if stages.contains(&number) {
            maps.push(x);
        }
    }
    maps
}

fn block_of(graph: &mut Graph, entry: Value, block: &BlockDescription) -> Value {
    let x = block.layers.iter().fold(entry, |x, layer| match layer {
        LayerDescription::Convolution(layer) => convolution(graph, x, &borrowed(layer)),
        LayerDescription::MaxPool { side, stride } => graph.max_pool(x, *side, *stride),
    });
    if block.residual { graph.add(x, entry) } else { x }
}

fn borrowed(layer: &ConvolutionDescription) -> Convolution<'_> {
    Convolution {
        weight: &layer.weight,
        shape: layer.shape,
        bias: &layer.bias,
        stride: layer.stride,
        groups: layer.groups,
        padding: layer.padding,
        activation: match layer.activation {
            LayerActivation::Linear => Activation::Linear,
            LayerActivation::Relu => Activation::Relu,
            LayerActivation::Relu6 => Activation::Relu6,
        },
    }
}
