//! Sides of images and maps: numbers that are known, or computed from the input.

use crate::graph::{Element, Graph, Value};

/// Pixels or cells along one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This many.
    Known(usize),
    /// A whole number without dimensions, which the graph computes.
    Computed(Value),
}

/// Height and width of an image or a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub height: Side,
    /// Columns.
    pub width: Side,
}

impl Side {
    /// The side as a whole number without dimensions.
    pub fn value(self, graph: &mut Graph) -> Value {
        match self {
            Self::Known(side) => graph.int(side as i64),
            Self::Computed(value) => value,
        }
    }

    /// The side as a double without dimensions.
    pub fn double(self, graph: &mut Graph) -> Value {
        match self {
            Self::Known(side) => graph.double(side as f64),
            Self::Computed(value) => graph.cast(value, Element::Double),
        }
    }

    /// The side over `by`, rounded down.
    #[must_use]
    pub fn divided(self, graph: &mut Graph, by: usize) -> Self {
        match self {
            Self::Known(side) => Self::Known(side / by),
            Self::Computed(value) => {
                let by = graph.int(by as i64);
                Self::Computed(graph.div(value, by))
            }
        }
    }

    /// The side as a list of one number.
    pub(crate) fn listed(self, graph: &mut Graph) -> Value {
        match self {
            Self::Known(side) => graph.ints(&[side as i64]),
            Self::Computed(value) => graph.unsqueeze(value, &[0]),
        }
    }
}

impl Size {
    /// A size that is known.
    pub fn known(height: usize, width: usize) -> Self {
        Self { height: Side::Known(height), width: Side::Known(width) }
    }

    /// The size of images or maps, `[n, channels, height, width]`.
    pub fn of(graph: &mut Graph, maps: Value) -> Self {
        let shape = graph.shape(maps);
        let mut side = |axis: i64| {
            let axis = graph.int(axis);
            Side::Computed(graph.gather(shape, axis, 0))
        };
        Self { height: side(2), width: side(3) }
    }

    /// Both sides over `by`, rounded down.
    #[must_use]
    pub fn divided(self, graph: &mut Graph, by: usize) -> Self {
        Self { height: self.height.divided(graph, by), width: self.width.divided(graph, by) }
    }

    /// The size of about `pixels` pixels and the aspect of `image`, up to 8 : 1, whose sides are multiples of `step`.
    pub fn fitted(graph: &mut Graph, image: Self, pixels: usize, step: usize) -> Self {
        let (height, width) = (image.height.double(graph), image.width.double(graph));
        let aspect = graph.div(width, height);
        let (least, most) = (graph.double(0.125), graph.double(8.0));
        let aspect = graph.max(aspect, least);
        let aspect = graph.min(aspect, most);
        let pixels = graph.double(pixels as f64);
        let square = graph.mul(aspect, pixels);
        let width = graph.sqrt(square);
        let height = graph.div(width, aspect);
        let mut in_steps = |side: Value| {
            let (step_length, half, one) =
                (graph.double(step as f64), graph.double(0.5), graph.double(1.0));
            let steps = graph.div(side, step_length);
            let steps = graph.round(steps, half);
            let steps = graph.max(steps, one);
            let side = graph.mul(steps, step_length);
            Side::Computed(graph.cast(side, Element::Int64))
        };
        Self { height: in_steps(height), width: in_steps(width) }
    }

    /// A shape whose last two numbers are the size's.
    pub fn shape_after(self, graph: &mut Graph, first: &[i64]) -> Value {
        if let (Side::Known(height), Side::Known(width)) = (self.height, self.width) {
            return graph.ints(&[first, &[height as i64, width as i64]].concat());
        }
        let first = graph.ints(first);
        let (height, width) = (self.height.listed(graph), self.width.listed(graph));
        graph.concat(&[first, height, width], 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sides_need_no_operators() {
        let mut graph = Graph::default();
        let grid = Size::known(448, 320).divided(&mut graph, 16);
        assert_eq!(grid, Size::known(28, 20));
        grid.shape_after(&mut graph, &[0, 1]);
        assert_eq!(graph.operators().count(), 0);
        let image = graph.int(0);
        Size::of(&mut graph, image).divided(&mut graph, 16).shape_after(&mut graph, &[0, 1]);
        let found: Vec<_> = graph.operators().collect();
        let golden =
            ["Shape", "Gather", "Gather", "Div", "Div", "Unsqueeze", "Unsqueeze", "Concat"];
        assert_eq!(found, golden);
    }
}
