//! Guard of the input: images that do not look like those of training get no verdict on a part.
//!
//! It looks at an image as the program does.

use crate::graph::{Element, Graph, Value};
use crate::score::verdict;
use crate::sides::{Side, Size};

/// Property of an image that the guard checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// Width over height.
    Aspect,
    /// Mean luminance, levels.
    Brightness,
    /// Difference between the 95th and the 5th percentile of the luminance, levels.
    Contrast,
    /// Mean absolute Laplacian of the luminance over the contrast and 1 level.
    Sharpness,
    /// Share of red in the sum of the colours.
    Red,
    /// Share of blue.
    Blue,
    /// Root mean square of the image's mean features, in deviations from training's.
    Features,
}

/// Accepted range of a property.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accepted {
    /// The property.
    pub property: Property,
    /// The smallest value.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

/// Data of an image that the guard can check.
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
/// Shares of red, green and blue in the luminance.
const LUMINANCE: [f32; 3] = [0.299, 0.587, 0.114];

/// Computes whether each image is accepted, `[n]`; `None` if nothing can be checked.
pub fn accepted(graph: &mut Graph, seen: Seen, ranges: &[Accepted]) -> Option<Value> {
    let asked =
        |properties: &[Property]| ranges.iter().any(|range| properties.contains(&range.property));
    let of_colors = asked(&[Property::Brightness, Property::Red, Property::Blue]);
    let of_detail = asked(&[Property::Contrast, Property::Sharpness]);
    let image = seen.image.filter(|_| of_colors || of_detail);
    let reduced = image.map(|(levels, size)| reduced(graph, levels, size));
    let colors = reduced.filter(|_| of_colors).map(|reduced| colors(graph, reduced.levels));
    let detail = reduced.filter(|_| of_detail).map(|reduced| detail(graph, reduced));
    let mut all: Option<Value> = None;
    for range in ranges {
        let value = match range.property {
            Property::Features => seen.distance,
            Property::Aspect => seen.image.map(|(_, size)| aspect(graph, size)),
            Property::Brightness => colors.map(|colors| colors.brightness),
            Property::Red => colors.map(|colors| colors.red),
            Property::Blue => colors.map(|colors| colors.blue),
            Property::Contrast => detail.map(|detail| detail.contrast),
            Property::Sharpness => detail.map(|detail| detail.sharpness),
        };
        let Some(value) = value else { continue };
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

/// Images reduced by the whole number that leaves their shorter side at [`SIDE`] pixels or more, by means of blocks.
#[derive(Debug, Clone, Copy)]
struct Reduced {
    /// `[n, 3, rows, columns]`
    levels: Value,
    /// Pixels: rows · columns.
    pixels: Value,
}

fn reduced(graph: &mut Graph, levels: Value, size: Size) -> Reduced {
    let (height, width) = (size.height.value(graph), size.width.value(graph));
    let shorter = graph.min(height, width);
    let (side, one) = (graph.int(SIDE), graph.int(1));
    let factor = graph.div(shorter, side);
    let factor = graph.max(factor, one);
    let (rows, columns) = (graph.div(height, factor), graph.div(width, factor));
    let pixels = graph.mul(rows, columns);
    let [rows, columns, factor] =
        [rows, columns, factor].map(|side| Side::Computed(side).listed(graph));
    // What whole blocks fill.
    let ends = graph.concat(&[rows, columns], 0);
    let ends = graph.mul(ends, factor);
    let part = graph.slice(levels, ends, &[2, 3], 1);
    let kept = graph.ints(&[0, 0]); // n, 3
    let blocks = graph.concat(&[kept, rows, factor, columns, factor], 0);
    let blocks = graph.reshape(part, blocks); // [n, 3, rows, factor, columns, factor]
    Reduced { levels: graph.mean(blocks, &[3, 5]), pixels }
}

/// Of the light of an image, `[n]` each.
#[derive(Debug, Clone, Copy)]
struct Colors {
    brightness: Value,
    red: Value,
    blue: Value,
}

/// Of `levels`, `[n, 3, rows, columns]`.
fn colors(graph: &mut Graph, levels: Value) -> Colors {
    let means = graph.mean(levels, &[2, 3]); // [n, 3]
    let luminance = graph.floats(&[3, 1], &LUMINANCE);
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

/// Of the detail of an image, `[n]` each.
#[derive(Debug, Clone, Copy)]
struct Detail {
    contrast: Value,
    sharpness: Value,
}

fn detail(graph: &mut Graph, reduced: Reduced) -> Detail {
    let weights = graph.floats(&[1, 3, 1, 1], &LUMINANCE);
    let luminance = graph.mul(reduced.levels, weights);
    let luminance = graph.sum(luminance, &[1]); // [n, rows, columns]
    let contrast = percentile_range(graph, luminance, reduced.pixels);
    let laplacian = mean_laplacian(graph, luminance);
    let one = graph.float(1.0);
    let over = graph.add(contrast, one);
    Detail { contrast, sharpness: graph.div(laplacian, over) }
}

/// Difference between the 95th and the 5th percentile of the `pixels` of `luminance`,
/// `[n, rows, columns]`: `[n]`.
fn percentile_range(graph: &mut Graph, luminance: Value, pixels: Value) -> Value {
    let flat = graph.ints(&[0, -1]);
    let flat = graph.reshape(luminance, flat); // [n, rows · columns]
    let one = graph.int(1);
    let last = graph.sub(pixels, one);
    // Number of the value at a percentile, in rising order.
    let mut at = |percent: i64| {
        let (percent, hundred) = (graph.int(percent), graph.int(100));
        let place = graph.mul(last, percent);
        graph.div(place, hundred)
    };
    let (high, low) = (at(95), at(5));
    let above = graph.sub(pixels, high);
    let above = Side::Computed(above).listed(graph);
    let above = graph.any_top(flat, above);
    let high = graph.smallest(above, &[1]);
    let below = graph.add(low, one);
    let below = Side::Computed(below).listed(graph);
    let below = graph.any_bottom(flat, below);
    let low = graph.largest(below, &[1]);
    graph.sub(high, low)
}

/// Mean of |4c − up − down − left − right| over the inner pixels of `luminance`, `[n, rows, columns]`: `[n]`.
fn mean_laplacian(graph: &mut Graph, luminance: Value) -> Value {
    let mut shifted = |[top, left]: [i64; 2]| {
        let end = |start: i64| if start == 2 { i64::MAX } else { start - 2 };
        graph.part(luminance, &[top, left], &[end(top), end(left)], &[1, 2])
    };
    let centre = shifted([1, 1]);
    let [up, down, left, right] = [[0, 1], [2, 1], [1, 0], [1, 2]].map(&mut shifted);
    let vertical = graph.add(up, down);
    let horizontal = graph.add(left, right);
    let around = graph.add(vertical, horizontal);
    let four = graph.float(4.0);
    let centre = graph.mul(centre, four);
    let laplacian = graph.sub(centre, around);
    let laplacian = graph.abs(laplacian);
    graph.mean(laplacian, &[1, 2])
}

fn aspect(graph: &mut Graph, size: Size) -> Value {
    let (height, width) = (size.height.double(graph), size.width.double(graph));
    let aspect = graph.div(width, height);
    graph.cast(aspect, Element::Float)
}
