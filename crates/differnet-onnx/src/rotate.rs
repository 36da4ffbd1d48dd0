//! Rotations of square images by nearest sampling, pixel for pixel as PIL walks the source image.

use crate::graph::{Graph, Value};

/// Fractional bits of a place in the source image.
const FRACTION: i64 = 1 << 16;
/// Pixels added before places are rounded down, so that none is negative.
const MARGIN: i64 = 1024;

/// Walk through the source image, in 16.16 fixed-point pixels: column and row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    /// Source of the first pixel.
    pub start: [i64; 2],
    /// Step for a column to the right.
    pub column: [i64; 2],
    /// Step for a row down.
    pub line: [i64; 2],
}

/// Images `[n, 3, side, side]` turned as each of the walks says: `[n · walks, 3, side, side]`; 0 where a walk leaves
/// the image.
pub fn rotated(graph: &mut Graph, levels: Value, side: usize, walks: &[Walk]) -> Value {
    let (columns, rows) = (axis(graph, side, &[1, 1, -1]), axis(graph, side, &[1, -1, 1]));
    let mut place = |number: usize| {
        let mut steps = |of: fn(&Walk) -> [i64; 2]| {
            let values: Vec<i64> = walks.iter().map(|walk| of(walk)[number]).collect();
            let values = graph.ints(&values);
            graph.unsqueeze(values, &[1, 2]) // [walks, 1, 1]
        };
        let (start, column, line) =
            (steps(|walk| walk.start), steps(|walk| walk.column), steps(|walk| walk.line));
        let across = graph.mul(columns, column);
        let down = graph.mul(rows, line);
        let sum = graph.add(across, down);
        let sum = graph.add(sum, start);
        // Division rounds towards 0: shifted to where that is down.
        let (margin, fraction, pixels) =
            (graph.int(MARGIN * FRACTION), graph.int(FRACTION), graph.int(MARGIN));
        let sum = graph.add(sum, margin);
        let pixel = graph.div(sum, fraction);
        graph.sub(pixel, pixels) // [walks, side, side]
    };
    let (column, line) = (place(0), place(1));
    let (zero, end) = (graph.int(0), graph.int(side as i64));
    let mut inside = None;
    for place in [column, line] {
        for condition in [graph.greater_or_equal(place, zero), graph.less(place, end)] {
            inside = Some(inside.map_or(condition, |inside| graph.and(inside, condition)));
        }
    }
    let inside = inside.expect("four conditions");
    let (width, outside) = (graph.int(side as i64), graph.int((side * side) as i64));
    let first = graph.mul(line, width);
    let index = graph.add(first, column);
    let index = graph.choose(inside, index, outside);
    let flat = graph.ints(&[walks.len() as i64, -1]);
    let index = graph.reshape(index, flat); // [walks, pixels]
    let flat = graph.ints(&[0, 0, -1]);
    let pixels = graph.reshape(levels, flat); // [n, 3, pixels]
    // One black pixel more, for what lies outside.
    let one = graph.ints(&[1]);
    let first = graph.slice(pixels, one, &[2], 1);
    let nothing = graph.float(0.0);
    let black = graph.mul(first, nothing);
    let pixels = graph.concat(&[pixels, black], 2);
    let turned = graph.gather(pixels, index, 2); // [n, 3, walks, pixels]
    let turned = graph.transpose(turned, &[0, 2, 1, 3]);
    let shape = graph.ints(&[-1, 3, side as i64, side as i64]);
    graph.reshape(turned, shape)
}

/// The numbers from 0 to `side`, without it, in a shape.
fn axis(graph: &mut Graph, side: usize, shape: &[i64]) -> Value {
    let count = graph.int(side as i64);
    let range = graph.range(count);
    let shape = graph.ints(shape);
    graph.reshape(range, shape)
}
