//! Convolutional networks: convolutions with explicit padding, pooling, residual blocks.

use crate::graph::{Attribute, Graph, Value};

/// Activation behind a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// None.
    Linear,
    /// max(x, 0)
    Relu,
    /// x between 0 and 6.
    Relu6,
}

/// A convolution and its weights.
#[derive(Debug, Clone, Copy)]
pub struct Convolution<'a> {
    /// `[outputs, inputs per group, kernel, kernel]`
    pub weight: &'a [f32],
    /// Shape of `weight`.
    pub shape: [usize; 4],
    /// `[outputs]`
    pub bias: &'a [f32],
    /// Cells from one output to the next.
    pub stride: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Zeros before the first row and column, and after the last.
    pub padding: [usize; 2],
    /// Activation.
    pub activation: Activation,
}

/// The convolution of maps `[n, channels, h, w]`.
///
/// # Panics
/// If weights do not fill their shape.
pub fn convolution(graph: &mut Graph, maps: Value, layer: &Convolution<'_>) -> Value {
    let weight = graph.floats(&layer.shape, layer.weight);
    let bias = graph.floats(&layer.shape[..1], layer.bias);
    let [before, after] = layer.padding.map(|zeros| zeros as i64);
    let attributes = vec![
        Attribute::Ints("kernel_shape", vec![layer.shape[2] as i64, layer.shape[3] as i64]),
        Attribute::Ints("strides", vec![layer.stride as i64; 2]),
        Attribute::Ints("pads", vec![before, before, after, after]),
        Attribute::Int("group", layer.groups as i64),
    ];
    let maps = graph.node("Conv", &[maps, weight, bias], attributes);
    match layer.activation {
        Activation::Linear => maps,
        Activation::Relu => graph.relu(maps),
        Activation::Relu6 => {
            let (zero, six) = (graph.float(0.0), graph.float(6.0));
            graph.node("Clip", &[maps, zero, six], Vec::new())
        }
    }
}

/// Levels `[n, 3, h, w]` less the `mean` of each colour, over its `deviation`, both in levels.
pub fn normalized(graph: &mut Graph, levels: Value, mean: [f32; 3], deviation: [f32; 3]) -> Value {
    let mean = graph.floats(&[1, 3, 1, 1], &mean);
    let deviation = graph.floats(&[1, 3, 1, 1], &deviation);
    let centred = graph.sub(levels, mean);
    graph.div(centred, deviation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Dimension, Element};
    use crate::messages::ModelProto;
    use prost::Message;

    #[test]
    fn padding_is_told_side_by_side() {
        let mut graph = Graph::default();
        let shape = [Dimension::Known(1); 4];
        let maps = graph.input("x", Element::Float, &shape);
        let layer = Convolution {
            weight: &[1.0; 25],
            shape: [1, 1, 5, 5],
            bias: &[0.0],
            stride: 2,
            groups: 1,
            padding: [1, 2],
            activation: Activation::Relu6,
        };
        let maps = convolution(&mut graph, maps, &layer);
        graph.output("y", maps, Element::Float, &shape);
        assert_eq!(graph.operators().collect::<Vec<_>>(), ["Conv", "Clip"]);
        let bytes = graph.to_file("test", "", &[]).unwrap();
        let node = &ModelProto::decode(&bytes[..]).unwrap().graph.unwrap().node[0];
        let pads = node.attribute.iter().find(|attribute| attribute.name == "pads").unwrap();
        // Top, left, bottom, right.
        assert_eq!(pads.ints, [1, 1, 2, 2]);
    }
}
