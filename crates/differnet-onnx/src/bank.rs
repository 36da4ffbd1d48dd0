//! Distance to the nearest of remembered rows.

use crate::graph::{Graph, Value};
use crate::places::transposed;

/// Distance of each of the rows `[n, places, width]` to the nearest row of `bank`, `[count, width]`: `[n, places]`.
pub fn distances(graph: &mut Graph, rows: Value, bank: &[f32], width: usize) -> Value {
    let count = bank.len() / width;
    // ‖a − b‖² = ‖a‖² + ‖b‖² − 2 a·b, and ‖a‖² is the same for all b.
    let squares: Vec<f32> =
        bank.chunks_exact(width).map(|row| row.iter().map(|value| value * value).sum()).collect();
    let doubled: Vec<f32> = bank.iter().map(|value| -2.0 * value).collect();
    let doubled = graph.floats(&[width, count], &transposed(&doubled, width));
    let squares = graph.floats(&[count], &squares);
    let products = graph.matmul(rows, doubled); // [n, places, count]
    let rest = graph.add(products, squares);
    let nearest = graph.position_of_least(rest); // [n, places]
    // Term by term: the sum of large terms leaves nothing of a small distance, and may fall below 0.
    let bank = graph.floats(&[count, width], bank);
    let nearest = graph.gather(bank, nearest, 0); // [n, places, width]
    distance(graph, rows, nearest)
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
