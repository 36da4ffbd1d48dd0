//! Training and validation loss over the updates.

use differnet_scoring::interpolated_quantile;
use serde::{Deserialize, Serialize};

use super::PlotError;
use super::axis::Axis;
use super::canvas::{Place, Stroke};
use super::frame::{Frame, LegendEntry, NARROW, Symbol};
use super::palette::{BLUE, VERMILION};
use crate::number::{number, short_number};

/// A curve with more points is drawn as means over this many stretches; more cannot be seen.
const STRETCHES: usize = 600;

/// The loss at one moment of the training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LossPoint {
    /// Updates of the weights so far.
    pub update: usize,
    /// Loss on the batch or epoch, in nats per feature.
    pub train: f64,
    /// Loss on validation images, where it was measured; in nats per feature.
    pub validation: Option<f64>,
}

/// SVG of the training loss and, if measured, the validation loss with its lowest point marked.
///
/// Single extreme values are cut off at the edge, so that the course remains visible. Losses
/// that are not finite leave a gap. Points must come in the order of their updates.
///
/// # Errors
/// [`PlotError::NoData`] without any finite loss.
pub fn loss_svg(history: &[LossPoint]) -> Result<String, PlotError> {
    let train: Vec<(f64, f64)> = history.iter().map(|p| (p.update as f64, p.train)).collect();
    let validation: Vec<(f64, f64)> =
        history.iter().filter_map(|p| Some((p.update as f64, p.validation?))).collect();
    let (train, validation) = (thinned(&train), thinned(&validation));
    let mut losses: Vec<f64> =
        train.iter().chain(&validation).map(|p| p.1).filter(|loss| loss.is_finite()).collect();
    if losses.is_empty() {
        return Err(PlotError::NoData { what: "no finite loss was recorded" });
    }
    losses.sort_unstable_by(f64::total_cmp);
    let (low, high) = visible_range(&losses);
    // Updates rise; a single one still needs an axis with a width.
    let first = history.first().map_or(0.0, |p| p.update as f64);
    let last = history.last().map_or(0.0, |p| p.update as f64).max(first + 1.0);

    let curve = |color| Symbol::Line(color, Stroke::Solid);
    let mut legend = vec![LegendEntry { symbol: curve(BLUE), text: String::from("training") }];
    let best = history
        .iter()
        .filter_map(|p| Some((p.update, p.validation.filter(|loss| loss.is_finite())?)))
        .min_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((update, loss)) = best {
        legend.push(LegendEntry { symbol: curve(VERMILION), text: String::from("validation") });
        let text = format!("lowest: {} at update {}", short_number(loss), number(update as f64, 0));
        legend.push(LegendEntry { symbol: Symbol::Ring(VERMILION), text });
    }
    let frame = Frame {
        area: (NARROW, 240.0),
        x: Axis::new("Update", "", first, last, 5),
        y: Axis::new("Loss", "nats per feature", low, high, 6),
        legend,
    };
    frame.draw("Training and validation loss over the updates", |canvas| {
        for (points, color) in [(&train, BLUE), (&validation, VERMILION)] {
            for piece in visible_pieces(points, low, high) {
                let places: Vec<Place> = piece.iter().map(|p| frame.place(p.0, p.1)).collect();
                canvas.line(&places, color, 2.0, Stroke::Solid)?;
            }
        }
        match best {
            Some((update, loss)) if (low..=high).contains(&loss) => {
                canvas.ring(frame.place(update as f64, loss), 4.5, VERMILION)
            }
            _ => Ok(()),
        }
    })
}

/// Means over neighbouring points, if there are more than can be told apart.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(STRETCHES).max(1);
    points
        .chunks(together)
        .map(|chunk| {
            let count = chunk.len() as f64;
            (
                chunk.iter().map(|p| p.0).sum::<f64>() / count,
                chunk.iter().map(|p| p.1).sum::<f64>() / count,
            )
        })
        .collect()
}

/// Range of sorted losses that shows the course: extremes count only if they lie near the rest.
fn visible_range(sorted: &[f64]) -> (f64, f64) {
    let (least, most) = (sorted[0].max(-1e300), sorted[sorted.len() - 1].min(1e300));
    let (low, high) = (
        interpolated_quantile(sorted, 0.02).max(-1e300),
        interpolated_quantile(sorted, 0.95).min(1e300),
    );
    let spread = (high - low).max(1e-5 * high.abs()).max(1e-6);
    let top = if most <= high + 2.0 * spread { most } else { high + spread };
    let bottom = if least >= low - 2.0 * spread { least } else { low - spread };
    let margin = 0.04 * (top - bottom).max(spread);
    (bottom - margin, top + margin)
}

/// The parts of a curve between `low` and `high`, cut exactly where it crosses them.
fn visible_pieces(points: &[(f64, f64)], low: f64, high: f64) -> Vec<Vec<(f64, f64)>> {
    let inside = |p: &(f64, f64)| (low..=high).contains(&p.1);
    let mut pieces: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for (index, point) in points.iter().enumerate() {
        let before = index.checked_sub(1).map(|previous| &points[previous]);
        if let Some(before) = before.filter(|before| before.1.is_finite() && point.1.is_finite()) {
            let mut crossings: Vec<(f64, f64)> = [low, high]
                .into_iter()
                .filter(|bound| (before.1 < *bound) != (point.1 < *bound))
                .map(|bound| {
                    let share = (bound - before.1) / (point.1 - before.1);
                    (before.0 + share * (point.0 - before.0), bound)
                })
                .filter(|crossing| crossing.1 != before.1 && crossing.1 != point.1)
                .collect();
            if point.1 < before.1 {
                crossings.reverse();
            }
            for crossing in crossings {
                extend_last(&mut pieces, crossing);
            }
        }
        if inside(point) {
            extend_last(&mut pieces, *point);
        }
        if !inside(point) {
            pieces.push(Vec::new());
        }
    }
    pieces.retain(|piece| piece.len() > 1);
    pieces
}

fn extend_last(pieces: &mut Vec<Vec<(f64, f64)>>, point: (f64, f64)) {
    match pieces.last_mut() {
        Some(piece) => piece.push(point),
        None => pieces.push(vec![point]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(updates: usize) -> Vec<LossPoint> {
        (0..updates)
            .map(|update| {
                let train = 2.0 * (-(update as f64) / 50.0).exp() - 1.0;
                let validation = (update % 10 == 0).then_some(train + 0.1);
                LossPoint { update, train, validation }
            })
            .collect()
    }

    #[test]
    fn curves_axes_and_the_lowest_validation_loss_are_named() {
        let mut history = history(100);
        history[60].validation = Some(-0.95);
        let svg = loss_svg(&history).expect("drawable");
        for text in [
            "training",
            "validation",
            "lowest: −0.9500 at update 60",
            "Update",
            "Loss (nats per feature)",
        ] {
            assert!(svg.contains(text), "{text}");
        }
    }

    #[test]
    fn without_validation_only_the_training_loss_is_shown() {
        let mut history = history(20);
        history.iter_mut().for_each(|point| point.validation = None);
        let svg = loss_svg(&history).expect("drawable");
        assert!(svg.contains("training") && !svg.contains("lowest"));
    }

    #[test]
    fn long_histories_and_extreme_losses_stay_readable() {
        let mut history = history(50_000);
        history[0].train = 1e12;
        history[30_000].train = f64::INFINITY;
        history[40_000].train = f64::NAN;
        let svg = loss_svg(&history).expect("drawable");
        assert!(svg.len() < 60_000, "{} bytes", svg.len());
        assert!(!svg.contains("NaN") && !svg.contains("× 10"));
    }

    #[test]
    fn a_curve_is_cut_where_it_leaves_the_range() {
        let points = [(0.0, 4.0), (1.0, 0.0), (2.0, 1.0), (3.0, 9.0), (4.0, f64::NAN), (5.0, 1.0)];
        let golden = vec![vec![(0.5, 2.0), (1.0, 0.0), (2.0, 1.0), (2.125, 2.0)]];
        assert_eq!(visible_pieces(&points, -1.0, 2.0), golden);
    }

    #[test]
    fn nothing_finite_is_refused() {
        assert!(matches!(loss_svg(&[]), Err(PlotError::NoData { .. })));
        let nan = LossPoint { update: 1, train: f64::NAN, validation: None };
        assert!(matches!(loss_svg(&[nan]), Err(PlotError::NoData { .. })));
        let one = LossPoint { update: 1, train: 0.5, validation: Some(0.5) };
        assert!(loss_svg(&[one]).is_ok());
    }
}
