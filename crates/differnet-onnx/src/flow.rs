//! Normalizing flows: coupling blocks (paper, Eq. 1 and 2), from features to energies.
//!
//! Features come first, `[.., features, rows]`: a permutation moves whole lines of memory, and weights stay as they
//! are.

use std::f64::consts::PI;

use crate::graph::{Graph, Value};

/// A fully connected layer.
#[derive(Debug, Clone, Copy)]
pub struct Dense<'a> {
    /// `[outputs, inputs]`
    pub weight: &'a [f32],
    /// `[outputs]`
    pub bias: &'a [f32],
}

/// A coupling block: permutes, then moves each half by amounts regressed from the other.
#[derive(Debug, Clone)]
pub struct Coupling<'a> {
    /// The features in the order in which they are split, the first ⌊features / 2⌋ in the first half.
    pub permutation: &'a [usize],
    /// Reads the first half, and moves the second.
    pub net1: Vec<Dense<'a>>,
    /// Reads the moved second half, and moves the first.
    pub net2: Vec<Dense<'a>>,
}

/// Condition of a flow: input of every subnetwork beside its half.
#[derive(Debug, Clone, Copy)]
pub struct Condition {
    /// `[.., width, rows]`
    pub values: Value,
    /// Numbers for each row.
    pub width: usize,
}

/// Energy ‖z‖²/2 of each row of `features`, `[.., features, rows]`, in nats: `[.., rows]`.
///
/// - `clamp`: α of Eq. 2
pub fn energy<'a>(
    graph: &mut Graph,
    features: Value,
    condition: Option<Condition>,
    blocks: impl Iterator<Item = Coupling<'a>>,
    clamp: f64,
) -> Value {
    let mut halves: Option<[Value; 2]> = None;
    for block in blocks {
        let entry = match halves {
            None => features,
            Some([first, second]) => graph.concat(&[first, second], -2),
        };
        halves = Some(coupled(graph, entry, condition, &block, clamp));
    }
    let squares: Vec<Value> = match halves {
        None => vec![features],
        Some(halves) => halves.into(),
    };
    let squares = squares.into_iter().map(|half| {
        let square = graph.mul(half, half);
        graph.sum(square, &[-2])
    });
    let squares: Vec<Value> = squares.collect();
    let both = squares.into_iter().reduce(|a, b| graph.add(a, b)).expect("one part at least");
    let half = graph.float(0.5);
    graph.mul(both, half)
}

fn coupled(
    graph: &mut Graph,
    features: Value,
    condition: Option<Condition>,
    block: &Coupling<'_>,
    clamp: f64,
) -> [Value; 2] {
    let (first, second) = block.permutation.split_at(block.permutation.len() / 2);
    let mut half = |indices: &[usize]| {
        let indices: Vec<i64> = indices.iter().map(|&index| index as i64).collect();
        let indices = graph.ints(&indices);
        graph.gather(features, indices, -2)
    };
    let (y1, y2) = (half(first), half(second));
    let z2 = moved(graph, y2, y1, condition, &block.net1, clamp);
    let z1 = moved(graph, y1, z2, condition, &block.net2, clamp);
    [z1, z2]
}

/// `half · exp(s) + t`, with s and t regressed from `read`.
fn moved(
    graph: &mut Graph,
    half: Value,
    read: Value,
    condition: Option<Condition>,
    net: &[Dense<'_>],
    clamp: f64,
) -> Value {
    let (last, hidden) = net.split_last().expect("a subnetwork has an output layer");
    let mut x = read;
    let mut condition = condition;
    for layer in hidden {
        x = dense(graph, x, condition.take(), layer.weight, layer.bias);
        x = graph.relu(x);
    }
    // Scales and shifts by a product each: no part of a tensor has to be taken out.
    let outputs = last.bias.len() / 2;
    let inputs = last.weight.len() / last.bias.len();
    let (scale_weight, shift_weight) = last.weight.split_at(outputs * inputs);
    let (scale_bias, shift_bias) = last.bias.split_at(outputs);
    let raw = dense(graph, x, condition, scale_weight, scale_bias);
    let shift = dense(graph, x, condition, shift_weight, shift_bias);
    let (width, height) = (graph.float(1.0 / clamp as f32), graph.float((2.0 * clamp / PI) as f32));
    let angle = graph.mul(raw, width);
    let angle = graph.atan(angle);
    let scale = graph.mul(angle, height);
    let scale = graph.exp(scale);
    let scaled = graph.mul(half, scale);
    graph.add(scaled, shift)
}

/// W x + b of `x`, `[.., inputs, rows]`; the last columns of W read the condition.
fn dense(
    graph: &mut Graph,
    x: Value,
    condition: Option<Condition>,
    weight: &[f32],
    bias: &[f32],
) -> Value {
    let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
    let mut shift = graph.floats(&[outputs, 1], bias);
    let read = inputs - condition.map_or(0, |condition| condition.width);
    let columns = |range: std::ops::Range<usize>| -> Vec<f32> {
        weight.chunks_exact(inputs).flat_map(|row| &row[range.clone()]).copied().collect()
    };
    if let Some(Condition { values, width }) = condition {
        // The same for all images.
        let weight = graph.floats(&[outputs, width], &columns(read..inputs));
        let part = graph.matmul(weight, values);
        shift = graph.add(part, shift);
    }
    let weight = graph.floats(&[outputs, read], &columns(0..read));
    let product = graph.matmul(weight, x);
    graph.add(product, shift)
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::graph::{Dimension, Element};
    use crate::messages::ModelProto;

    #[test]
    fn weights_are_split_between_the_half_and_the_condition() {
        let mut graph = Graph::default();
        let shape = [Dimension::Known(2), Dimension::Named("rows")];
        let features = graph.input("features", Element::Float, &shape);
        let values = graph.input("condition", Element::Float, &shape);
        // One output layer: reads one feature and two numbers of the condition, gives s and t.
        let net = || vec![Dense { weight: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], bias: &[7.0, 8.0] }];
        let block = Coupling { permutation: &[1, 0], net1: net(), net2: net() };
        let condition = Some(Condition { values, width: 2 });
        let energy = energy(&mut graph, features, condition, [block].into_iter(), 3.0);
        graph.output("energy", energy, Element::Float, &shape[1..]);
        let operators: Vec<_> = graph.operators().collect();
        assert_eq!(operators[..2], ["Gather", "Gather"]);
        // Scales and shifts, each of the half and of the condition, of both subnetworks.
        assert_eq!(operators.iter().filter(|operator| **operator == "MatMul").count(), 8);
        let bytes = graph.to_file("flow", "", &[]).unwrap();
        let constants = ModelProto::decode(&bytes[..]).unwrap().graph.unwrap().initializer;
        let floats = |at: usize| -> Vec<f32> {
            let (words, _) = constants[at].raw_data.as_chunks::<4>();
            words.iter().map(|word| f32::from_le_bytes(*word)).collect()
        };
        // After the two halves of the permutation: b, the condition's and the half's weights of s, then of t.
        let found: Vec<_> = (2..8).map(floats).collect();
        let golden: [&[f32]; 6] = [&[7.0], &[2.0, 3.0], &[1.0], &[8.0], &[5.0, 6.0], &[4.0]];
        assert_eq!(found, golden);
    }
}
