//! A network's stages as operators.

use differnet_features::{
    BlockDescription, ConvolutionDescription, LayerActivation, LayerDescription,
    NetworkDescription, Shortcut,
};
use differnet_onnx::network::{Activation, Convolution, convolution, normalized};
use differnet_onnx::{Graph, Value};

/// The maps `[n, channels, h, w]` after `stages` (numbers from 1, rising) of levels `[n, 3, height, width]`.
///
/// # Panics
/// If the network has fewer stages.
pub(crate) fn stage_maps(
    graph: &mut Graph,
    network: &NetworkDescription,
    levels: Value,
    stages: &[usize],
) -> Vec<Value> {
    let NetworkDescription { mean, deviation, stages: all } = network;
    let mut x = normalized(graph, levels, *mean, *deviation);
    let last = stages.iter().copied().max().unwrap_or(0);
    assert!(last <= all.len(), "the network has {} stages", all.len());
    let mut maps = Vec::with_capacity(stages.len());
    for (number, blocks) in (1..=last).zip(all) {
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
        LayerDescription::MaxPool { side, stride, padding } => {
            graph.max_pool(x, *side, *stride, *padding)
        }
    });
    match &block.shortcut {
        Shortcut::None => x,
        Shortcut::Input => graph.add(x, entry),
        Shortcut::InputThenRelu(layer) => {
            let entry = match layer {
                Some(layer) => convolution(graph, entry, &borrowed(layer)),
                None => entry,
            };
            let sum = graph.add(x, entry);
            graph.relu(sum)
        }
    }
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
