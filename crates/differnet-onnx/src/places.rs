//! Features of an image's places: maps of several stages on one grid, whitened.

use crate::graph::{Element, Graph, Value};
use crate::matrices::{averaging, interpolation};
use crate::sides::{Side, Size};

/// Fit of the cells of a map to the grid of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellFit {
    /// So many cells along each side of a place.
    Whole(usize),
    /// Finer than the grid, at borders of their own.
    Finer,
    /// Coarser than the grid.
    Coarser,
}

/// Affine map `W x + b` of features.
#[derive(Debug, Clone, Copy)]
pub struct AffineMap<'a> {
    /// W, `[components, features]`, row by row.
    pub matrix: &'a [f32],
    /// b, `[components]`.
    pub offset: &'a [f32],
}

/// A map `[n, channels, h, w]` averaged over `neighbours` × `neighbours` (odd) of its cells, those outside left
/// out, and brought to the `grid`.
pub fn on_grid(
    graph: &mut Graph,
    map: Value,
    neighbours: usize,
    fit: CellFit,
    grid: Size,
) -> Value {
    let map = match neighbours {
        1 => map,
        _ => graph.average_pool(map, neighbours, 1, neighbours / 2),
    };
    match fit {
        CellFit::Whole(1) => map,
        CellFit::Whole(cells) => graph.average_pool(map, cells, cells, 0),
        CellFit::Finer => separable(graph, map, grid, averaging),
        CellFit::Coarser => separable(graph, map, grid, interpolation),
    }
}

fn separable(
    graph: &mut Graph,
    map: Value,
    grid: Size,
    matrix: fn(&mut Graph, Side, Side) -> Value,
) -> Value {
    let size = Size::of(graph, map);
    let down = matrix(graph, size.height, grid.height); // [grid h, h]
    let across = matrix(graph, size.width, grid.width); // [grid w, w]
    let across = graph.transpose(across, &[1, 0]);
    let rows = graph.matmul(map, across);
    graph.matmul(down, rows)
}

/// Features `[n, components, places]` of maps on one grid, one below the other.
pub fn whitened(graph: &mut Graph, maps: &[Value], whitening: AffineMap<'_>) -> Value {
    let AffineMap { matrix, offset } = whitening;
    let (components, features) = (offset.len(), matrix.len() / offset.len());
    let maps = if let [map] = maps { *map } else { graph.concat(maps, 1) };
    let shape = graph.ints(&[0, 0, -1]);
    let columns = graph.reshape(maps, shape); // [n, features, places]
    let matrix = graph.floats(&[components, features], matrix);
    let columns = graph.matmul(matrix, columns); // [n, components, places]
    let offset = graph.floats(&[components, 1], offset);
    graph.add(columns, offset)
}

/// Features `[n, components, places]` as rows, `[n, places, components]`.
pub fn as_rows(graph: &mut Graph, features: Value) -> Value {
    graph.transpose(features, &[0, 2, 1])
}

/// The transpose of a matrix `[rows, columns]`.
pub(crate) fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| matrix.iter().skip(column).step_by(columns).copied()).collect()
}

/// Positional encoding of the places of a grid, `[1, 4 · waves, places]`: sines and cosines of the column and then
/// of the row of each place's centre, from 0 to 1, times π 2ᵏ for k below `waves`.
pub fn positions(graph: &mut Graph, grid: Size, waves: usize) -> Value {
    let columns = encoded(graph, grid.width, waves); // [w, 2 waves]
    let rows = encoded(graph, grid.height, waves);
    let columns = graph.unsqueeze(columns, &[0]); // [1, w, 2 waves]
    let rows = graph.unsqueeze(rows, &[1]); // [h, 1, 2 waves]
    let numbers = 2 * waves as i64;
    let (height, width) = (grid.height.listed(graph), grid.width.listed(graph));
    let numbers_each = graph.ints(&[numbers]);
    let shape = graph.concat(&[height, width, numbers_each], 0);
    let columns = graph.expand(columns, shape);
    let rows = graph.expand(rows, shape);
    let both = graph.concat(&[columns, rows], 2); // [h, w, 4 waves]
    let shape = graph.ints(&[1, -1, 2 * numbers]);
    let both = graph.reshape(both, shape);
    graph.transpose(both, &[0, 2, 1])
}

fn encoded(graph: &mut Graph, side: Side, waves: usize) -> Value {
    let count = side.value(graph);
    let cells = graph.range(count);
    let cells = graph.cast(cells, Element::Float);
    let (half, length) = (graph.float(0.5), graph.cast(count, Element::Float));
    let centres = graph.add(cells, half);
    let centres = graph.div(centres, length);
    let centres = graph.unsqueeze(centres, &[1]); // [side, 1]
    let factors: Vec<f32> =
        (0..waves).map(|wave| std::f32::consts::PI * (1_u32 << wave) as f32).collect();
    let factors = graph.floats(&[1, waves], &factors);
    let angles = graph.mul(centres, factors);
    let (sines, cosines) = (graph.sin(angles), graph.cos(angles));
    graph.concat(&[sines, cosines], 1) // [side, 2 waves]
}

/// Coordinates of the places of a grid, `[1, places, 2]`: column and row, from −1 to 1, times `weight`.
pub fn coordinates(graph: &mut Graph, grid: Size, weight: f32) -> Value {
    let mut along = |side: Side| {
        let count = side.value(graph);
        let cells = graph.range(count);
        let one = graph.int(1);
        let last = graph.sub(count, one);
        let last = graph.max(last, one);
        let (cells, last) = (graph.cast(cells, Element::Float), graph.cast(last, Element::Float));
        let (two, one, weight) = (graph.float(2.0), graph.float(1.0), graph.float(weight));
        let shares = graph.mul(cells, two);
        let shares = graph.div(shares, last);
        let shares = graph.sub(shares, one);
        graph.mul(shares, weight)
    };
    let (columns, rows) = (along(grid.width), along(grid.height));
    let shape = grid.shape_after(graph, &[]);
    let columns = graph.unsqueeze(columns, &[0]);
    let rows = graph.unsqueeze(rows, &[1]);
    let columns = graph.expand(columns, shape);
    let rows = graph.expand(rows, shape);
    let (columns, rows) = (graph.unsqueeze(columns, &[2]), graph.unsqueeze(rows, &[2]));
    let both = graph.concat(&[columns, rows], 2); // [h, w, 2]
    let shape = graph.ints(&[1, -1, 2]);
    graph.reshape(both, shape)
}

/// Rows `[n, places, features]` with the numbers of `more`, `[1, places, _]`, beside them.
pub fn beside(graph: &mut Graph, rows: Value, more: Value) -> Value {
    let shape = graph.shape(rows);
    let one = graph.ints(&[1]);
    let images = graph.slice(shape, one, &[0], 1);
    let ones = graph.ints(&[1, 1]);
    let shape = graph.concat(&[images, ones], 0);
    let more = graph.expand(more, shape);
    graph.concat(&[rows, more], 2)
}

/// Values `[n, places]` averaged over 3 × 3 neighbours, those outside left out: `[n, 1, h, w]`.
pub fn smoothed(graph: &mut Graph, values: Value, grid: Size) -> Value {
    let shape = grid.shape_after(graph, &[0, 1]);
    let values = graph.reshape(values, shape);
    graph.average_pool(values, 3, 1, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transpose_has_columns_for_rows() {
        assert_eq!(transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
