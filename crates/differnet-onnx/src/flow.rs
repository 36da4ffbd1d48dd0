//! Normalizing flows: coupling blocks (paper, Eq. 1 and 2), from rows to energies.

use std::f64::consts::PI;

use crate::graph::{Graph, Value};
use crate::places::transposed;

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

/// What every subnetwork reads beside its half.
#[derive(Debug, Clone, Copy)]
pub struct Condition {
    /// `[1, .., width]`
    pub values: Value,
    /// Numbers of each row.
    pub width: usize,
}

/// Energy ‖z‖²/2 of each of the rows `[.., features]`, in nats: `[..]`.
///
/// - `clamp`: α of Eq. 2
pub fn energy<'a>(
    graph: &mut Graph,
    rows: Value,
    condition: Option<Condition>,
    blocks: impl Iterator<Item = Coupling<'a>>,
    clamp: f64,
) -> Value {
    let mut halves: Option<[Value; 2]> = None;
    for block in blocks {
        let features = match halves {
            None => rows,
            Some([first, second]) => graph.concat(&[first, second], -1),
        };
        halves = Some(coupled(graph, features, condition, &block, clamp));
    }
    let squares: Vec<Value> = match halves {
        None => vec![rows],
        Some(halves) => halves.into(),
    };
    let squares = squares.into_iter().map(|half| {
        let square = graph.mul(half, half);
        graph.sum(square, &[-1])
    });
    let squares: Vec<Value> = squares.collect();
    let both = squares.into_iter().reduce(|a, b| graph.add(a, b)).expect("one part at least");
    let half = graph.float(0.5);
    graph.mul(both, half)
}

fn coupled(
    graph: &mut Graph,
    rows: Value,
    condition: Option<Condition>,
    block: &Coupling<'_>,
    clamp: f64,
) -> [Value; 2] {
    let (first, second) = block.permutation.split_at(block.permutation.len() / 2);
    let mut half = |indices: &[usize]| {
        let indices: Vec<i64> = indices.iter().map(|&index| index as i64).collect();
        let indices = graph.ints(&indices);
        graph.gather(rows, indices, -1)
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

/// W x + b, of which the last columns of W read the condition.
fn dense(
    graph: &mut Graph,
    x: Value,
    condition: Option<Condition>,
    weight: &[f32],
    bias: &[f32],
) -> Value {
    let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
    let weight = transposed(weight, inputs); // [inputs, outputs]
    let mut shift = graph.floats(&[outputs], bias);
    let read = inputs - condition.map_or(0, |condition| condition.width);
    if let Some(Condition { values, width }) = condition {
        // The same for all images: one row for each place.
        let weight = graph.floats(&[width, outputs], &weight[read * outputs..]);
        let part = graph.matmul(values, weight);
        shift = graph.add(part, shift);
    }
    let weight = graph.floats(&[read, outputs], &weight[..read * outputs]);
    let product = graph.matmul(x, weight);
    graph.add(product, shift)
}
