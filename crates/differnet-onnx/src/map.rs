//! From values of places to a map of the image.

use crate::graph::{Graph, Value};
use crate::matrices::{blur, interpolation};
use crate::sides::{Side, Size};

/// Sizes between the places and the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapSizes {
    /// Of the grid of places.
    pub grid: Size,
    /// Of the image as the network sees it, on which the map is blurred.
    pub seen: Size,
    /// Of the image; `None` for a map of the size that the network sees.
    pub image: Option<Size>,
}

/// A map `[n, h, w]` of values `[n, 1, grid h, grid w]`: interpolated, blurred, and resized to the image.
///
/// - `half_kernel`: of the blur, see [`blur`]
pub fn map(graph: &mut Graph, values: Value, sizes: MapSizes, half_kernel: &[f32]) -> Value {
    let MapSizes { grid, seen, image } = sizes;
    let mut along = |cells: Side, seen: Side, image: Option<Side>| {
        let finer = interpolation(graph, cells, seen); // [seen, cells]
        let kernel = blur(graph, seen, half_kernel); // [seen, seen]
        let blurred = graph.matmul(kernel, finer);
        let Some(image) = image else { return blurred };
        let resized = interpolation(graph, seen, image); // [image, seen]
        graph.matmul(resized, blurred)
    };
    let down = along(grid.height, seen.height, image.map(|image| image.height));
    let across = along(grid.width, seen.width, image.map(|image| image.width));
    let across = graph.transpose(across, &[1, 0]);
    let rows = graph.matmul(values, across); // [n, 1, grid h, w]
    let map = graph.matmul(down, rows); // [n, 1, h, w]
    graph.squeeze(map, &[1])
}
