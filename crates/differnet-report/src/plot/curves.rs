//! Curves of a metric over a number that was varied: training images (Figure 7), updates, transforms.

use super::PlotError;
use super::axis::{Axis, round_step};
use super::canvas::{Place, Stroke};
use super::frame::{Frame, LegendEntry, Symbol};
use super::palette::CURVES;

/// Width and height of the plot area, in pixels.
const AREA: (f64, f64) = (600.0, 380.0);
/// Ticks of the vertical axis.
const TICKS: usize = 6;
/// Nearer ticks than this would touch each other's labels, in pixels.
const LABEL: f64 = 38.0;

/// Scale of the horizontal axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XScale {
    /// Equal differences take equal room.
    Linear,
    /// Every doubling takes the same room; values must be positive.
    Doubling,
}

/// Point of a curve: a metric at one value of the number varied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// The number varied.
    pub x: f64,
    /// The metric, a mean if there were several runs.
    pub y: f64,
    /// Half the height of the band about it, such as a standard deviation; 0 for none.
    pub spread: f64,
}

/// Curves to draw into one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct CurvesPlot {
    /// Description for screen readers.
    pub description: String,
    /// Quantity and unit of the horizontal axis.
    pub x: String,
    /// Scale of that axis.
    pub x_scale: XScale,
    /// Quantity and unit of the vertical axis.
    pub y: String,
    /// A label for each curve and its points, by rising `x`.
    pub curves: Vec<(String, Vec<CurvePoint>)>,
}

/// SVG of the curves, each with its points marked and its band.
///
/// More than seven curves repeat the colours with dashed lines.
///
/// # Errors
/// [`PlotError::NoData`] without curves or for a curve without points; [`PlotError::NotANumber`] if
/// a value is not finite or has no place on its axis.
pub fn curves_svg(plot: &CurvesPlot) -> Result<String, PlotError> {
    let points = || plot.curves.iter().flat_map(|(_, points)| points);
    if plot.curves.is_empty() || plot.curves.iter().any(|(_, points)| points.is_empty()) {
        return Err(PlotError::NoData { what: "a curve has no points" });
    }
    let has_place = |p: &CurvePoint| {
        (p.x + p.y + p.spread).is_finite() && (plot.x_scale == XScale::Linear || p.x > 0.0)
    };
    if let Some(index) = points().position(|point| !has_place(point)) {
        return Err(PlotError::NotANumber { what: "curve point", index });
    }
    let style = |index: usize| {
        let stroke = if index < CURVES.len() { Stroke::Solid } else { Stroke::Dashed };
        (CURVES[index % CURVES.len()], stroke)
    };
    let legend = plot.curves.iter().enumerate().map(|(index, (label, _))| {
        let (color, stroke) = style(index);
        LegendEntry { symbol: Symbol::Line(color, stroke), text: label.clone() }
    });
    let mut xs: Vec<f64> = points().map(|point| point.x).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let frame = Frame {
        area: AREA,
        x: x_axis(plot, &xs),
        y: y_axis(plot, points()),
        legend: legend.collect(),
    };
    let x = |point: &CurvePoint| match plot.x_scale {
        XScale::Linear => point.x,
        XScale::Doubling => point.x.log2(),
    };
    frame.draw(&plot.description, |canvas| {
        for (index, (_, points)) in plot.curves.iter().enumerate() {
            let at = |p: &CurvePoint, y: f64| frame.place(x(p), y);
            let upper = points.iter().map(|p| at(p, p.y + p.spread));
            let lower = points.iter().rev().map(|p| at(p, p.y - p.spread));
            if points.len() > 1 && points.iter().any(|p| p.spread > 0.0) {
                let band: Vec<Place> = upper.chain(lower).collect();
                canvas.polygon(&band, style(index).0, 0.5 * Symbol::BAND_OPACITY)?;
            }
        }
        // The first curve, which the reader came for, lies on top.
        for (index, (_, points)) in plot.curves.iter().enumerate().rev() {
            let (color, stroke) = style(index);
            let places: Vec<Place> = points.iter().map(|p| frame.place(x(p), p.y)).collect();
            canvas.line(&places, color, 2.0, stroke)?;
            for place in places {
                canvas.ring(place, 3.0, color)?;
            }
        }
        Ok(())
    })
}

/// The horizontal axis; `xs` rise and are distinct.
fn x_axis(plot: &CurvesPlot, xs: &[f64]) -> Axis {
    let (low, high) = (xs[0], xs[xs.len() - 1]);
    match plot.x_scale {
        XScale::Linear => Axis::new(&plot.x, "", low, high.max(low + 1.0), 7),
        XScale::Doubling => {
            let (low, high) = (low / 1.1, high * 1.1);
            // Every value gets a tick, unless it would touch the one before.
            let room = LABEL / AREA.0 * (high / low).log2();
            let mut ticks: Vec<f64> = Vec::new();
            for &x in xs {
                if ticks.last().is_none_or(|last| (x / last).log2() >= room) {
                    ticks.push(x);
                }
            }
            Axis::doubling(&plot.x, low, high, &ticks)
        }
    }
}

/// The vertical axis: all points and bands, ends on ticks.
fn y_axis<'a>(plot: &CurvesPlot, points: impl Iterator<Item = &'a CurvePoint>) -> Axis {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for point in points {
        low = low.min(point.y - point.spread);
        high = high.max(point.y + point.spread);
    }
    let step = round_step((high - low).max(1e-3) / TICKS as f64);
    let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    Axis::new(&plot.y, "", low, high.max(low + step), TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(x_scale: XScale, points: &[(f64, f64)]) -> CurvesPlot {
        let point = |&(x, y): &(f64, f64)| CurvePoint { x, y, spread: 0.01 };
        CurvesPlot {
            description: String::from("a test"),
            x: String::from("Training images"),
            x_scale,
            y: String::from("AUROC"),
            curves: vec![(String::from("bottle <1>"), points.iter().map(point).collect())],
        }
    }

    #[test]
    fn curves_axes_and_values_are_named() {
        let points = [(16.0, 0.90), (32.0, 0.95), (209.0, 0.99)];
        let svg = curves_svg(&plot(XScale::Doubling, &points)).expect("drawable");
        for text in ["bottle &lt;1&gt;", "Training images", "AUROC", "16", "32", "209"] {
            assert!(svg.contains(text), "{text}");
        }
        assert_eq!(svg.matches("<circle").count(), 2 * points.len());
    }

    #[test]
    fn a_single_point_and_a_flat_curve_are_drawn() {
        for scale in [XScale::Linear, XScale::Doubling] {
            assert!(curves_svg(&plot(scale, &[(16.0, 1.0)])).is_ok());
            let mut flat = plot(scale, &[(16.0, 1.0), (32.0, 1.0)]);
            flat.curves[0].1.iter_mut().for_each(|point| point.spread = 0.0);
            assert!(curves_svg(&flat).is_ok());
        }
    }

    #[test]
    fn nothing_and_points_without_a_place_are_refused() {
        let nothing = CurvesPlot { curves: Vec::new(), ..plot(XScale::Linear, &[]) };
        assert!(matches!(curves_svg(&nothing), Err(PlotError::NoData { .. })));
        let empty = plot(XScale::Linear, &[]);
        assert!(matches!(curves_svg(&empty), Err(PlotError::NoData { .. })));
        for (scale, point) in [(XScale::Linear, (1.0, f64::NAN)), (XScale::Doubling, (0.0, 0.5))] {
            let broken = curves_svg(&plot(scale, &[(2.0, 0.5), point]));
            assert!(matches!(broken, Err(PlotError::NotANumber { index: 1, .. })));
        }
    }
}
