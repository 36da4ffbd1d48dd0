//! Resizing of pixels as Pillow does it: rows first, rounded to whole levels, then columns.

use crate::graph::{Graph, Value};
use crate::matrices::{FixedPoint, HALF_PRECISION, antialiased};
use crate::sides::Size;

/// Levels `[n, channels, h, w]`, whole numbers from 0 to 255, resized from one size to another: whole levels again,
/// to the last of them Pillow's.
pub fn resize(graph: &mut Graph, levels: Value, from: Size, to: Size) -> Value {
    let FixedPoint { high, low } = antialiased(graph, from.width, to.width); // [w', w]
    let mut across = |weights: Value| {
        let weights = graph.transpose(weights, &[1, 0]);
        graph.matmul(levels, weights) // [n, channels, h, w']
    };
    let sums = FixedPoint { high: across(high), low: across(low) };
    let rows = rounded(graph, sums);
    let FixedPoint { high, low } = antialiased(graph, from.height, to.height); // [h', h]
    let sums = FixedPoint { high: graph.matmul(high, rows), low: graph.matmul(low, rows) };
    rounded(graph, sums) // [n, channels, h', w']
}

/// The nearest whole level to sums in units of 2⁻²²; halves are rounded up.
fn rounded(graph: &mut Graph, sums: FixedPoint) -> Value {
    let unit = graph.float((1_u32 << HALF_PRECISION) as f32);
    let half = graph.float((1_u32 << (HALF_PRECISION - 1)) as f32);
    // ⌊(high · 2¹¹ + low + 2²¹) / 2²²⌋ = ⌊(high + 2¹⁰ + ⌊low / 2¹¹⌋) / 2¹¹⌋, every term of which is exact.
    let carry = graph.div(sums.low, unit);
    let carry = graph.floor(carry);
    let sum = graph.add(sums.high, carry);
    let sum = graph.add(sum, half);
    let level = graph.div(sum, unit);
    graph.floor(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decomposition_is_that_of_one_sum() {
        // As the graph computes it, of weights and levels at the borders of rounding.
        for sum in (0..255_u64 << 22).step_by(1_048_573).chain((1 << 21) - 3..(1 << 21) + 3) {
            let (high, low) = (sum >> 11, sum & 2047);
            for moved in [0, 1, 7].map(|moved: u64| moved.min(high)) {
                // Parts of several weights add up to more than 2¹¹.
                let (high, low) = (high - moved, low + (moved << 11));
                let carry = (low as f32 / 2048.0).floor();
                let level = ((high as f32 + carry + 1024.0) / 2048.0).floor();
                assert_eq!(level as u64, (sum + (1 << 21)) >> 22);
            }
        }
    }

    #[test]
    fn rows_come_before_columns() {
        let mut graph = Graph::default();
        let levels = graph.float(0.0);
        resize(&mut graph, levels, Size::known(9, 7), Size::known(4, 5));
        let products = graph.operators().filter(|operator| *operator == "MatMul").count();
        assert_eq!(products, 4);
        assert!(graph.operators().all(|operator| operator != "Resize"));
    }
}
