//! Distances to remembered rows.

use crate::graph::{Graph, Value};
use crate::places::transposed;

/// Distance of each of the rows `[.., width]` to the nearest row of `bank`, `[count, width]`: `[..]`.
pub fn distances(graph: &mut Graph, rows: Value, bank: &[f32], width: usize) -> Value {
    let rest = without_own_square(graph, rows, bank, width); // [.., count]
    let nearest = graph.position_of_least(rest); // [..]
    // Term by term: the sum of large terms leaves nothing of a small distance, and may fall below 0.
    let bank = graph.floats(&[bank.len() / width, width], bank);
    let nearest = graph.gather(bank, nearest, 0); // [.., width]
    distance(graph, rows, nearest)
}

/// Squared distance of each of the rows `[.., width]` to each row of `bank`, `[count, width]`: `[.., count]`.
pub fn squared_distances(graph: &mut Graph, rows: Value, bank: &[f32], width: usize) -> Value {
    let rest = without_own_square(graph, rows, bank, width);
    let squares = graph.mul(rows, rows);
    let squares = graph.sum_kept(squares);
    let sum = graph.add(rest, squares);
    // Rounding may leave less than nothing.
    graph.relu(sum)
}

/// ‖b‖² − 2 a·b of each row a and each b of the bank: ‖a − b‖² but for ‖a‖², which is the same for all b.
fn without_own_square(graph: &mut Graph, rows: Value, bank: &[f32], width: usize) -> Value {
    let count = bank.len() / width;
    let squares: Vec<f32> =
        bank.chunks_exact(width).map(|row| row.iter().map(|value| value * value).sum()).collect();
    let doubled: Vec<f32> = bank.iter().map(|value| -2.0 * value).collect();
    let doubled = graph.floats(&[width, count], &transposed(&doubled, width));
    let squares = graph.floats(&[count], &squares);
    let products = graph.matmul(rows, doubled);
    graph.add(products, squares)
}

/// √Σ(a − b)² over the last axis.
fn distance(graph: &mut Graph, a: Value, b: Value) -> Value {
    let difference = graph.sub(a, b);
    let square = graph.mul(difference, difference);
    let sum = graph.sum(square, &[-1]);
    graph.sqrt(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Dimension, Element};

    #[test]
    fn the_distance_is_taken_to_the_row_that_was_found() {
        let mut graph = Graph::default();
        let rows = graph.input("rows", Element::Float, &[Dimension::Known(2); 3]);
        distances(&mut graph, rows, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2);
        let found: Vec<_> = graph.operators().collect();
        let golden = ["MatMul", "Add", "ArgMin", "Gather", "Sub", "Mul", "ReduceSum", "Sqrt"];
        assert_eq!(found, golden);
    }
}
