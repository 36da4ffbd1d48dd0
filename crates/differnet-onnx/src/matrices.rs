//! Matrices that resize one axis, `[to, from]`: computed by the graph, whatever the sizes.
//!
//! Runtimes disagree on how `Resize` places and rounds; a product with a matrix is the same everywhere.

use crate::graph::{Element, Graph, Value};
use crate::sides::Side;

/// Half of the fractional bits of a weight of [`antialiased`]: Pillow's fixed-point numbers have 22.
pub(crate) const HALF_PRECISION: u32 = 11;

/// Whole numbers as high and low parts: high · 2¹¹ + low, each small enough that sums of products with levels
/// are exact in single precision.
#[derive(Debug, Clone, Copy)]
pub struct FixedPoint {
    /// Multiples of 2¹¹.
    pub high: Value,
    /// Remainder, up to 2¹¹.
    pub low: Value,
}

/// Weights of bilinear resizing with antialiasing, `[to, from]`, in units of 2⁻²²: a triangle as wide as the larger
/// of the two pixel pitches.
///
/// Computed in whole numbers of 32 bits, for sides up to 10,000: every runtime gets the same.
pub fn antialiased(graph: &mut Graph, from: Side, to: Side) -> FixedPoint {
    let (old, new) = (from.value(graph), to.value(graph));
    let (samples, centres) = (odd_numbers(graph, old), odd_numbers(graph, new));
    // Sample j lies |(2j + 1) new − (2i + 1) old| / (2 new) pixels from the centre of output i.
    let samples = graph.mul(samples, new); // [from]
    let centres = graph.mul(centres, old);
    let centres = graph.unsqueeze(centres, &[1]); // [to, 1]
    let apart = graph.sub(samples, centres); // [to, from]
    let apart = graph.abs(apart);
    let (zero, two) = (graph.int(0), graph.int(2));
    let reach = graph.max(old, new);
    let reach = graph.mul(reach, two);
    let triangle = graph.sub(reach, apart);
    let triangle = graph.max(triangle, zero);
    let total = graph.sum_kept(triangle); // [to, 1]
    let unit = graph.int(1 << HALF_PRECISION);
    let scaled = graph.mul(triangle, unit);
    let high = graph.div(scaled, total);
    let whole = graph.mul(high, total);
    let rest = graph.sub(scaled, whole);
    // Rounded: (rest · 2¹¹ / total) + ½.
    let double_unit = graph.int(2 << HALF_PRECISION);
    let rest = graph.mul(rest, double_unit);
    let rest = graph.add(rest, total);
    let double_total = graph.mul(total, two);
    let low = graph.div(rest, double_total);
    FixedPoint { high: graph.cast(high, Element::Float), low: graph.cast(low, Element::Float) }
}

/// 1, 3, 5, …: `count` of them.
fn odd_numbers(graph: &mut Graph, count: Value) -> Value {
    let (one, two) = (graph.int(1), graph.int(2));
    let numbers = graph.range(count);
    let numbers = graph.mul(numbers, two);
    graph.add(numbers, one)
}

/// Weights of bilinear interpolation between the centres of cells, `[to, from]`; beyond the outermost, constant.
pub fn interpolation(graph: &mut Graph, from: Side, to: Side) -> Value {
    let half = graph.double(0.5);
    let (old, new) = (from.double(graph), to.double(graph));
    let exact = cells(graph, to, half);
    let exact = graph.mul(exact, old);
    let exact = graph.div(exact, new);
    let exact = graph.sub(exact, half);
    let (zero, one) = (graph.double(0.0), graph.double(1.0));
    let last = graph.sub(old, one);
    let exact = graph.max(exact, zero);
    let exact = graph.min(exact, last);
    let exact = graph.unsqueeze(exact, &[1]); // [to, 1]
    let cells = cells(graph, from, zero); // [from]
    let distances = graph.sub(cells, exact); // [to, from]
    let distances = graph.abs(distances);
    let weights = triangle(graph, distances);
    graph.cast(weights, Element::Float)
}

/// Weights of the mean of the cells that a coarser grid's cell touches, `[to, from]`.
pub fn averaging(graph: &mut Graph, from: Side, to: Side) -> Value {
    let (zero, one) = (graph.double(0.0), graph.double(1.0));
    let (old, new) = (from.double(graph), to.double(graph));
    let mut edge = |shift: Value| {
        let edges = cells(graph, to, shift);
        let edges = graph.mul(edges, old);
        let edges = graph.div(edges, new);
        graph.unsqueeze(edges, &[1]) // [to, 1]
    };
    let (first, end) = (edge(zero), edge(one));
    let first = graph.floor(first);
    // Cell j is touched if first ≤ j < end.
    let cells = cells(graph, from, zero); // [from]
    let from_first = graph.greater_or_equal(cells, first);
    let to_end = graph.less(cells, end);
    let touched = graph.and(from_first, to_end);
    let touched = graph.cast(touched, Element::Double);
    let total = graph.sum_kept(touched);
    let weights = graph.div(touched, total);
    graph.cast(weights, Element::Float)
}

/// Weights of a Gaussian blur with mirrored borders, `[side, side]`.
///
/// - `half_kernel`: weights at distances 0, 1, 2, …, of which there are no more than cells
pub fn blur(graph: &mut Graph, side: Side, half_kernel: &[f32]) -> Value {
    let count = side.value(graph);
    let at = graph.range(count); // [side]
    let row = graph.unsqueeze(at, &[1]); // [side, 1]
    let one = graph.int(1);
    let apart = graph.sub(row, at);
    // c b a | a b c | c b a: the mirror image of cell j lies at -1 - j, or at 2n - 1 - j.
    let sum = graph.add(row, at);
    let sum = graph.add(sum, one);
    let twice = graph.add(count, count);
    let rest = graph.sub(twice, sum);
    let beyond = graph.int(half_kernel.len() as i64);
    let kernel: Vec<f32> = half_kernel.iter().copied().chain([0.0]).collect();
    let kernel = graph.floats(&[kernel.len()], &kernel);
    let mut weights = |distances: Value| {
        let distances = graph.abs(distances);
        let distances = graph.min(distances, beyond);
        graph.gather(kernel, distances, 0)
    };
    let (apart, before, after) = (weights(apart), weights(sum), weights(rest));
    let inside = graph.add(apart, before);
    graph.add(inside, after)
}

/// The numbers of `side` cells from 0, as doubles, moved by `shift`.
fn cells(graph: &mut Graph, side: Side, shift: Value) -> Value {
    let count = side.value(graph);
    let range = graph.range(count);
    let range = graph.cast(range, Element::Double);
    graph.add(range, shift)
}

/// max(0, 1 − |x|) of distances that are not negative.
fn triangle(graph: &mut Graph, distances: Value) -> Value {
    let (zero, one) = (graph.double(0.0), graph.double(1.0));
    let triangle = graph.sub(one, distances);
    graph.max(triangle, zero)
}
