//! Operators of the standard, as methods of the graph.

use crate::graph::{Attribute, Element, Graph, Value};

/// Methods of operators whose inputs are tensors alone.
macro_rules! operators {
    ($($(#[$documentation:meta])* $name:ident($($input:ident),+) = $operator:literal;)+) => {
        impl Graph {
            $(
                $(#[$documentation])*
                pub fn $name(&mut self, $($input: Value),+) -> Value {
                    self.node($operator, &[$($input),+], Vec::new())
                }
            )+
        }
    };
}

operators! {
    /// |x|
    abs(x) = "Abs";
    /// a + b
    add(a, b) = "Add";
    /// a and b
    and(a, b) = "And";
    /// arctan x
    atan(x) = "Atan";
    /// cos x
    cos(x) = "Cos";
    /// a / b; of whole numbers that are not negative, rounded down
    div(a, b) = "Div";
    /// eˣ
    exp(x) = "Exp";
    /// `x` repeated to a shape
    expand(x, shape) = "Expand";
    /// ⌊x⌋
    floor(x) = "Floor";
    /// a ≥ b
    greater_or_equal(a, b) = "GreaterOrEqual";
    /// a < b
    less(a, b) = "Less";
    /// ln x
    log(x) = "Log";
    /// The larger of two
    max(a, b) = "Max";
    /// The smaller of two
    min(a, b) = "Min";
    /// The product of matrices, `[.., rows, depth]` and `[.., depth, columns]`
    matmul(a, b) = "MatMul";
    /// a · b
    mul(a, b) = "Mul";
    /// Not x
    not(x) = "Not";
    /// max(x, 0)
    relu(x) = "Relu";
    /// `x` in another shape, in which 0 keeps the dimension and -1 is what is left
    reshape(x, shape) = "Reshape";
    /// The lengths of `x`'s dimensions
    shape(x) = "Shape";
    /// sin x
    sin(x) = "Sin";
    /// √x
    sqrt(x) = "Sqrt";
    /// a − b
    sub(a, b) = "Sub";
    /// a where `condition` holds, else b
    choose(condition, a, b) = "Where";
}

impl Graph {
    /// `x` as elements of another type.
    pub fn cast(&mut self, x: Value, element: Element) -> Value {
        let to = Attribute::Int("to", i64::from(element.number()));
        self.node("Cast", &[x], vec![to])
    }

    /// Tensors one after the other along `axis`.
    pub fn concat(&mut self, parts: &[Value], axis: i64) -> Value {
        self.node("Concat", parts, vec![Attribute::Int("axis", axis)])
    }

    /// The elements of `x` along `axis` at `indices`.
    pub fn gather(&mut self, x: Value, indices: Value, axis: i64) -> Value {
        self.node("Gather", &[x, indices], vec![Attribute::Int("axis", axis)])
    }

    /// `x` with dimensions of length 1 at `axes`.
    pub fn unsqueeze(&mut self, x: Value, axes: &[i64]) -> Value {
        let axes = self.ints(axes);
        self.node("Unsqueeze", &[x, axes], Vec::new())
    }

    /// `x` without its dimensions of length 1 at `axes`.
    pub fn squeeze(&mut self, x: Value, axes: &[i64]) -> Value {
        let axes = self.ints(axes);
        self.node("Squeeze", &[x, axes], Vec::new())
    }

    /// `x` with its dimensions in another order.
    pub fn transpose(&mut self, x: Value, order: &[i64]) -> Value {
        self.node("Transpose", &[x], vec![Attribute::Ints("perm", order.to_vec())])
    }

    /// The part of `x` up to `ends`, or every `steps`-th element, along `axes`.
    pub fn slice(&mut self, x: Value, ends: Value, axes: &[i64], steps: i64) -> Value {
        let starts = self.ints(&vec![0; axes.len()]);
        let steps = self.ints(&vec![steps; axes.len()]);
        let axes = self.ints(axes);
        self.node("Slice", &[x, starts, ends, axes, steps], Vec::new())
    }

    /// The part of `x` from `starts` up to `ends` along `axes`; numbers below 0 count from the end.
    pub fn part(&mut self, x: Value, starts: &[i64], ends: &[i64], axes: &[i64]) -> Value {
        let [starts, ends, axes] = [starts, ends, axes].map(|values| self.ints(values));
        self.node("Slice", &[x, starts, ends, axes], Vec::new())
    }

    /// Sum over `axes`, which go.
    pub fn sum(&mut self, x: Value, axes: &[i64]) -> Value {
        // An input at 13, while other reductions still have an attribute.
        let axes = self.ints(axes);
        self.node("ReduceSum", &[x, axes], vec![Attribute::Int("keepdims", 0)])
    }

    /// Sum over the last axis, which stays with length 1.
    pub fn sum_kept(&mut self, x: Value) -> Value {
        let axes = self.ints(&[-1]);
        self.node("ReduceSum", &[x, axes], vec![Attribute::Int("keepdims", 1)])
    }

    /// Mean over `axes`, which go.
    pub fn mean(&mut self, x: Value, axes: &[i64]) -> Value {
        self.reduce("ReduceMean", x, axes)
    }

    /// The largest along `axes`, which go.
    pub fn largest(&mut self, x: Value, axes: &[i64]) -> Value {
        self.reduce("ReduceMax", x, axes)
    }

    /// The smallest along `axes`, which go.
    pub fn smallest(&mut self, x: Value, axes: &[i64]) -> Value {
        self.reduce("ReduceMin", x, axes)
    }

    fn reduce(&mut self, operator: &'static str, x: Value, axes: &[i64]) -> Value {
        let axes = Attribute::Ints("axes", axes.to_vec());
        self.node(operator, &[x], vec![axes, Attribute::Int("keepdims", 0)])
    }

    /// Position of the smallest along the last axis, which goes; the first if there are several.
    pub fn position_of_least(&mut self, x: Value) -> Value {
        let axis = Attribute::Int("axis", -1);
        self.node("ArgMin", &[x], vec![axis, Attribute::Int("keepdims", 0)])
    }

    /// The `count` largest along the last axis, largest first.
    pub fn top(&mut self, x: Value, count: Value) -> Value {
        self.extremes(x, count, 1, 1)
    }

    /// The `count` largest along the last axis, in any order.
    pub fn any_top(&mut self, x: Value, count: Value) -> Value {
        self.extremes(x, count, 1, 0)
    }

    /// The `count` smallest along the last axis, in any order.
    pub fn any_bottom(&mut self, x: Value, count: Value) -> Value {
        self.extremes(x, count, 0, 0)
    }

    fn extremes(&mut self, x: Value, count: Value, largest: i64, sorted: i64) -> Value {
        let attributes = vec![
            Attribute::Int("axis", -1),
            Attribute::Int("largest", largest),
            Attribute::Int("sorted", sorted),
        ];
        let [values, _positions] = self.nodes("TopK", &[x, count], attributes);
        values
    }

    /// The whole numbers from 0 to `count`, without it.
    pub fn range(&mut self, count: Value) -> Value {
        let (zero, one) = (self.int(0), self.int(1));
        self.node("Range", &[zero, count, one], Vec::new())
    }

    /// ⌊x + ½⌋: the nearest whole number.
    pub fn round(&mut self, x: Value, half: Value) -> Value {
        let sum = self.add(x, half);
        self.floor(sum)
    }

    /// The means of `side` × `side` cells, `stride` apart, of maps `[n, channels, h, w]`; those outside are left out.
    pub fn average_pool(&mut self, x: Value, side: usize, stride: usize, pads: usize) -> Value {
        let attributes = vec![
            Attribute::Ints("kernel_shape", vec![side as i64; 2]),
            Attribute::Ints("strides", vec![stride as i64; 2]),
            Attribute::Ints("pads", vec![pads as i64; 4]),
            Attribute::Int("count_include_pad", 0),
        ];
        self.node("AveragePool", &[x], attributes)
    }

    /// The largest of `side` × `side` cells, `stride` apart, of maps `[n, channels, h, w]` with `padding` cells
    /// around them that never win.
    pub fn max_pool(&mut self, x: Value, side: usize, stride: usize, padding: usize) -> Value {
        let attributes = vec![
            Attribute::Ints("kernel_shape", vec![side as i64; 2]),
            Attribute::Ints("strides", vec![stride as i64; 2]),
            Attribute::Ints("pads", vec![padding as i64; 4]),
        ];
        self.node("MaxPool", &[x], attributes)
    }
}
