//! Guard of the input: images that do not look like those of training get no verdict on a part.
//!
//! It looks at an image as the program does, but for contrast and sharpness, which need percentiles of all
//! pixels.

use crate::graph::{Element, Graph, Value};
use crate::score::verdict;
use crate::sides::Size;

/// What the guard looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// Width over height.
    Aspect,
    /// Mean luminance, levels.
    Brightness,
    /// Share of red in the sum of the colours.
    Red,
    /// Share of blue.
    Blue,
    /// Root mean square of the image's mean features, in deviations from training's.
    Features,
}

/// What is accepted of a property.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accepted {
    /// The property.
    pub property: Property,
    /// The smallest value.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

/// What the guard can know of an image.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Levels `[n, 3, h, w]` and their size; `None` if the graph does not get the image itself.
    pub image: Option<(Value, Size)>,
    /// Distance of the features, `[n]`; `None` if the method keeps no statistics of them.
    pub distance: Option<Value>,
}

/// Shorter side to which an image is reduced before it is looked at, at least.
const SIDE: i64 = 448;
/// Level added to a colour's share of the light.
const DARK: f32 = 1.0;

/// Whether each image is accepted, `[n]`; `None` if nothing can be looked at.
pub fn accepted(graph: &mut Graph, seen: Seen, ranges: &[Accepted]) -> Option<Value> {
    let of_pixels = |range: &Accepted| {
        matches!(range.property, Property::Brightness | Property::Red | Property::Blue)
    };
    let pixels = seen.image.filter(|_| ranges.iter().any(of_pixels));
    let colors = pixels.map(|(levels, size)| colors(graph, levels, size));
    let mut all: Option<Value> = None;
    for range in ranges {
        let value = match (range.property, seen, colors) {
            (Property::Features, Seen { distance: Some(distance), .. }, _) => distance,
            (Property::Aspect, Seen { image: Some((_, size)), .. }, _) => aspect(graph, size),
            (Property::Brightness, _, Some(colors)) => colors.brightness,
            (Property::Red, _, Some(colors)) => colors.red,
            (Property::Blue, _, Some(colors)) => colors.blue,
            _ => continue,
        };
        let (low, high) = (graph.float(range.low as f32), graph.float(range.high as f32));
        let above = graph.greater_or_equal(value, low);
        let below = graph.greater_or_equal(high, value);
        let within = graph.and(above, below);
        all = Some(all.map_or(within, |all| graph.and(all, within)));
    }
    all
}

/// Verdicts `[n]` with that of invalid images where they are not `accepted`.
pub fn guarded_verdicts(graph: &mut Graph, verdicts: Value, accepted: Value) -> Value {
    let invalid = graph.int(verdict::INVALID);
    graph.choose(accepted, verdicts, invalid)
}

/// p-values `[n]` with NaN where images are not `accepted`.
pub fn guarded_p_values(graph: &mut Graph, p_values: Value, accepted: Value) -> Value {
    let nan = graph.float(f32::NAN);
    graph.choose(accepted, p_values, nan)
}

/// Root mean square of `features`, `[n, features]`, each in deviations from its mean; those that never varied are
/// left out.
pub fn feature_distance(
    graph: &mut Graph,
    features: Value,
    means: &[f32],
    deviations: &[f32],
) -> Value {
    let varied = deviations.iter().filter(|deviation| **deviation > 0.0).count().max(1);
    let scale = |deviation: &f32| if *deviation > 0.0 { deviation.recip() } else { 0.0 };
    let scales: Vec<f32> = deviations.iter().map(scale).collect();
    let (means, scales) =
        (graph.floats(&[means.len()], means), graph.floats(&[scales.len()], &scales));
    let apart = graph.sub(features, means);
    let apart = graph.mul(apart, scales);
    let squares = graph.mul(apart, apart);
    let sum = graph.sum(squares, &[1]);
    let count = graph.float(varied as f32);
    let mean = graph.div(sum, count);
    graph.sqrt(mean)
}

/// Of the light of an image, `[n]` each.
#[derive(Debug, Clone, Copy)]
struct Colors {
    brightness: Value,
    red: Value,
    blue: Value,
}

fn colors(graph: &mut Graph, levels: Value, size: Size) -> Colors {
    let ends = reduced_part(graph, size);
    let part = graph.slice(levels, ends, &[2, 3], 1);
    let means = graph.mean(part, &[2, 3]); // [n, 3]
    let luminance = graph.floats(&[3, 1], &[0.299, 0.587, 0.114]);
    let brightness = graph.matmul(means, luminance); // [n, 1]
    let brightness = graph.squeeze(brightness, &[1]);
    let dark = graph.float(DARK);
    let lit = graph.add(means, dark);
    let all = graph.sum_kept(lit); // [n, 1]
    let shares = graph.div(lit, all); // [n, 3]
    let mut color = |number: i64| {
        let number = graph.int(number);
        graph.gather(shares, number, 1)
    };
    let (red, blue) = (color(0), color(2));
    Colors { brightness, red, blue }
}

/// Rows and columns of the part that whole blocks fill, where the image is reduced by a whole number.
fn reduced_part(graph: &mut Graph, size: Size) -> Value {
    let sides = size.shape_after(graph, &[]); // height, width
    let (height, width) = (size.height.value(graph), size.width.value(graph));
    let shorter = graph.min(height, width);
    let (side, one) = (graph.int(SIDE), graph.int(1));
    let factor = graph.div(shorter, side);
    let factor = graph.max(factor, one);
    let blocks = graph.div(sides, factor);
    graph.mul(blocks, factor)
}

fn aspect(graph: &mut Graph, size: Size) -> Value {
    let (height, width) = (size.height.double(graph), size.width.double(graph));
    let aspect = graph.div(width, height);
    graph.cast(aspect, Element::Float)
}
