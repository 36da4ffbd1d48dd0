//! Resizing of pixels as Pillow does it: rows first, rounded to whole levels, then columns.

use crate::graph::{Graph, Value};
use crate::matrices::antialiased;
use crate::sides::Size;

/// Levels `[n, channels, h, w]`, 0 to 255, resized from one size to another: whole levels again.
pub fn resize(graph: &mut Graph, levels: Value, from: Size, to: Size) -> Value {
    let half = graph.float(0.5);
    let across = antialiased(graph, from.width, to.width); // [w', w]
    let across = graph.transpose(across, &[1, 0]);
    let rows = graph.matmul(levels, across); // [n, channels, h, w']
    let rows = graph.round(rows, half);
    let down = antialiased(graph, from.height, to.height); // [h', h]
    let resized = graph.matmul(down, rows); // [n, channels, h', w']
    graph.round(resized, half)
}
