//! From values of places to the score of an image, its p-value and its verdict.

use crate::graph::{Element, Graph, Value};
use crate::matrices::interpolation;
use crate::sides::{Side, Size};

/// Means and deviations of a part's values at each place of good images.
#[derive(Debug, Clone, Copy)]
pub struct PlaceScale<'a> {
    /// Side of both tables.
    pub side: usize,
    /// `[side, side]`
    pub means: &'a [f32],
    /// `[side, side]`
    pub deviations: &'a [f32],
    /// Least deviation, in units of the mean.
    pub least_deviation: f32,
}

/// Verdicts as the graph gives them, whole numbers.
pub mod verdict {
    /// The score is below the threshold.
    pub const OK: i64 = 0;
    /// It is, but reaches the threshold of doubt.
    pub const UNSURE: i64 = 1;
    /// The score reaches the threshold.
    pub const DEFECT: i64 = 2;
    /// The image does not look like those of training.
    pub const INVALID: i64 = 3;
}

/// Values `[n, 1, h, w]` in deviations from their means at each place.
pub fn standardised(graph: &mut Graph, values: Value, scale: PlaceScale<'_>, grid: Size) -> Value {
    let PlaceScale { side, means, deviations, least_deviation } = scale;
    let down = interpolation(graph, Side::Known(side), grid.height); // [h, side]
    let across = interpolation(graph, Side::Known(side), grid.width);
    let across = graph.transpose(across, &[1, 0]); // [side, w]
    let mut table = |values: &[f32]| {
        let table = graph.floats(&[side, side], values);
        let rows = graph.matmul(table, across);
        graph.matmul(down, rows) // [h, w]
    };
    let (means, deviations) = (table(means), table(deviations));
    let (share, tiny) = (graph.float(least_deviation), graph.float(f32::MIN_POSITIVE));
    let least = graph.abs(means);
    let least = graph.mul(least, share);
    let least = graph.max(least, tiny);
    let deviations = graph.max(deviations, least);
    let centred = graph.sub(values, means);
    graph.div(centred, deviations)
}

/// The mean of the largest 1 % of values `[n, 1, h, w]`, of one at least: `[n]`.
pub fn top_percent(graph: &mut Graph, values: Value, grid: Size) -> Value {
    let count = match (grid.height, grid.width) {
        (Side::Known(height), Side::Known(width)) => {
            graph.ints(&[(height * width / 100).max(1) as i64])
        }
        (height, width) => {
            let (height, width) = (height.value(graph), width.value(graph));
            let places = graph.mul(height, width);
            let (hundred, one) = (graph.int(100), graph.int(1));
            let count = graph.div(places, hundred);
            let count = graph.max(count, one);
            graph.unsqueeze(count, &[0])
        }
    };
    let shape = graph.ints(&[0, -1]);
    let values = graph.reshape(values, shape); // [n, places]
    let top = graph.top(values, count);
    graph.mean(top, &[1])
}

/// The largest of values `[n, 1, h, w]`: `[n]`.
pub fn largest(graph: &mut Graph, values: Value) -> Value {
    graph.largest(values, &[1, 2, 3])
}

/// exp of the mean logarithm over the last axis of scores `[.., count]`.
pub fn geometric_mean(graph: &mut Graph, scores: Value) -> Value {
    let logarithms = graph.log(scores);
    let mean = graph.mean(logarithms, &[-1]);
    graph.exp(mean)
}

/// The mean of the middle half along the last axis of `count` scores `[n, count]`: a value on a quartile counts by
/// its share within.
pub fn interquartile_mean(graph: &mut Graph, scores: Value, count: usize) -> Value {
    let all = graph.ints(&[count as i64]);
    let sorted = graph.top(scores, all);
    let weights = graph.floats(&[count], &interquartile_weights(count));
    let weighed = graph.mul(sorted, weights);
    graph.sum(weighed, &[-1])
}

/// Weights of sorted values in the mean of their middle half; the same from either end.
fn interquartile_weights(count: usize) -> Vec<f32> {
    let (lower, upper) = (0.25 * count as f64, 0.75 * count as f64);
    let share = |index: usize| {
        let start = index as f64;
        ((start + 1.0).min(upper) - start.max(lower)).max(0.0)
    };
    (0..count).map(|index| (share(index) / (upper - lower)) as f32).collect()
}

/// The share of good parts that score at least as high as each of the scores `[n]`: (1 + #{g ≥ score}) / (count + 1);
/// NaN without `good` scores to tell from.
pub fn p_value(graph: &mut Graph, scores: Value, good: Option<&[f64]>) -> Value {
    let Some(good) = good else {
        let nan = graph.float(f32::NAN);
        return graph.mul(scores, nan);
    };
    let count = graph.float((good.len() + 1) as f32);
    let good = graph.rounded(&[1, good.len()], good);
    let scores = graph.unsqueeze(scores, &[1]); // [n, 1]
    let reached = graph.greater_or_equal(good, scores); // [n, count]
    let reached = graph.cast(reached, Element::Float);
    let reached = graph.sum(reached, &[1]);
    let one = graph.float(1.0);
    let reached = graph.add(reached, one);
    graph.div(reached, count)
}

/// The [`verdict`] on each of the scores `[n]`, whole numbers.
///
/// - `threshold`, `unsure`: scores from here on are defects, or unsure
pub fn verdicts(graph: &mut Graph, scores: Value, threshold: Value, unsure: Value) -> Value {
    // NaN is no proof of a good part.
    let good = graph.less(scores, threshold);
    let doubtful = graph.greater_or_equal(scores, unsure);
    let [ok, maybe, defect] =
        [verdict::OK, verdict::UNSURE, verdict::DEFECT].map(|number| graph.int(number));
    let below = graph.choose(doubtful, maybe, ok);
    graph.choose(good, below, defect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_half_counts() {
        assert_eq!(interquartile_weights(1), [1.0]);
        assert_eq!(interquartile_weights(4), [0.0, 0.5, 0.5, 0.0]);
        // Quartiles at 1.5 and 4.5 of six.
        let sixth = 1.0 / 6.0;
        let third = 1.0 / 3.0;
        let golden = [0.0, sixth, third, third, sixth, 0.0].map(|weight: f64| weight as f32);
        assert_eq!(interquartile_weights(6), golden);
    }
}
