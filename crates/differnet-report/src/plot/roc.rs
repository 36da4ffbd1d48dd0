//! ROC curves of one or several methods (Figure 5), and of one with its confidence band.

use differnet_eval::{RocBand, RocCurve, RocPoint};

use super::PlotError;
use super::axis::Axis;
use super::canvas::{Place, Stroke};
use super::frame::{Frame, LegendEntry, NARROW, Symbol};
use super::palette::{BLUE, CURVES, GREY, INK};

/// SVG of one ROC curve a method with its label and AUROC, and the diagonal of chance.
///
/// More than seven curves repeat the colours with dashed lines. The size of the document does not
/// grow with the number of images beyond what can be seen.
///
/// # Errors
/// [`PlotError::NoData`] without curves or for a curve without points;
/// [`PlotError::NotANumber`] if a rate is NaN.
pub fn roc_svg(curves: &[(String, &RocCurve, f64)]) -> Result<String, PlotError> {
    if curves.is_empty() {
        return Err(PlotError::NoData { what: "no ROC curve was given" });
    }
    for (_, curve, _) in curves {
        check_points(curve)?;
    }

    let style = |index: usize| {
        let stroke = if index < CURVES.len() { Stroke::Solid } else { Stroke::Dashed };
        (CURVES[index % CURVES.len()], stroke)
    };
    let legend = curves.iter().enumerate().map(|(index, (label, _, auroc))| {
        let (color, stroke) = style(index);
        let text = format!("{label} (AUROC {auroc:.3})");
        LegendEntry { symbol: Symbol::Line(color, stroke), text }
    });
    let frame = frame(460.0, legend.chain([chance()]).collect());
    frame.draw("ROC curves: true positive rate over false positive rate", |canvas| {
        let diagonal = [frame.place(0.0, 0.0), frame.place(1.0, 1.0)];
        canvas.line(&diagonal, GREY, 1.0, Stroke::Dashed)?;
        // The first curve, which the reader came for, lies on top.
        for (index, (_, curve, _)) in curves.iter().enumerate().rev() {
            let (color, stroke) = style(index);
            canvas.line(&corners(curve, &frame), color, 2.0, stroke)?;
        }
        Ok(())
    })
}

/// SVG of one ROC curve within its confidence band; a ring marks what `threshold` achieves.
///
/// A score at or above the threshold is a defect (Eq. 6); without a threshold there is no ring.
///
/// # Errors
/// [`PlotError::NoData`] for a curve or a band without points; [`PlotError::NotANumber`] if a
/// rate or the threshold is NaN.
pub fn roc_band_svg(
    curve: &RocCurve,
    band: &RocBand,
    threshold: Option<f64>,
) -> Result<String, PlotError> {
    check_points(curve)?;
    if band.points.is_empty() {
        return Err(PlotError::NoData { what: "a confidence band has no points" });
    }
    if let Some(index) = band.points.iter().position(|p| (p.lower + p.upper).is_nan()) {
        return Err(PlotError::NotANumber { what: "confidence band point", index });
    }
    if threshold.is_some_and(f64::is_nan) {
        return Err(PlotError::NotANumber { what: "threshold", index: 0 });
    }
    // The loosest threshold of the curve that flags no more images than the one given.
    let achieved = threshold.and_then(|t| curve.points.iter().rfind(|p| p.threshold >= t));

    let entry = |symbol, text| LegendEntry { symbol, text };
    let mut legend = vec![
        entry(Symbol::Line(BLUE, Stroke::Solid), format!("AUROC {:.3}", curve.area())),
        entry(Symbol::Band(BLUE), format!("{} % band", (1e3 * band.confidence).round() / 10.0)),
    ];
    if achieved.is_some() {
        legend.push(entry(Symbol::Ring(INK), String::from("threshold")));
    }
    legend.push(entry(Symbol::Line(GREY, Stroke::Dashed), String::from("chance")));
    let frame = frame(NARROW, legend);
    frame.draw("ROC curve with its confidence band", |canvas| {
        let upper = band.points.iter().map(|p| frame.place(p.false_positive_rate, p.upper));
        let lower = band.points.iter().rev().map(|p| frame.place(p.false_positive_rate, p.lower));
        canvas.polygon(&upper.chain(lower).collect::<Vec<Place>>(), BLUE, Symbol::BAND_OPACITY)?;
        let diagonal = [frame.place(0.0, 0.0), frame.place(1.0, 1.0)];
        canvas.line(&diagonal, GREY, 1.0, Stroke::Dashed)?;
        canvas.line(&corners(curve, &frame), BLUE, 2.0, Stroke::Solid)?;
        match achieved {
            Some(p) => {
                let place = frame.place(p.false_positive_rate, p.true_positive_rate);
                canvas.ring(place, 5.0, INK)
            }
            None => Ok(()),
        }
    })
}

fn check_points(curve: &RocCurve) -> Result<(), PlotError> {
    if curve.points.is_empty() {
        return Err(PlotError::NoData { what: "a ROC curve has no points" });
    }
    let is_nan = |p: &RocPoint| (p.false_positive_rate + p.true_positive_rate).is_nan();
    match curve.points.iter().position(is_nan) {
        Some(index) => Err(PlotError::NotANumber { what: "ROC point", index }),
        None => Ok(()),
    }
}

/// A square of `side` pixels.
fn frame(side: f64, legend: Vec<LegendEntry>) -> Frame {
    Frame {
        area: (side, side),
        x: Axis::new("False positive rate", "", 0.0, 1.0, 5),
        y: Axis::new("True positive rate", "", 0.0, 1.0, 5),
        legend,
    }
}

fn chance() -> LegendEntry {
    LegendEntry {
        symbol: Symbol::Line(GREY, Stroke::Dashed),
        text: String::from("chance (AUROC 0.500)"),
    }
}

/// The places where the curve turns.
fn corners(curve: &RocCurve, frame: &Frame) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for point in &curve.points {
        let place = frame.place(
            point.false_positive_rate.clamp(0.0, 1.0),
            point.true_positive_rate.clamp(0.0, 1.0),
        );
        if let [.., before, last] = places[..] {
            let same_x = before.0 == last.0 && last.0 == place.0;
            let same_y = before.1 == last.1 && last.1 == place.1;
            if same_x || same_y {
                places.pop();
            }
        }
        places.push(place);
    }
    places
}

#[cfg(test)]
mod tests {
    use differnet_eval::{BootstrapConfig, bootstrap_roc_band, roc_curve};

    use super::*;
    use crate::test_inputs::normal_scores;

    fn curve(images: usize) -> RocCurve {
        let (scores, defects) = normal_scores(1, images, images, 1.5);
        roc_curve(&scores, &defects).expect("valid input")
    }

    #[test]
    fn every_curve_and_axis_is_named() {
        let curve = curve(50);
        let svg = roc_svg(&[(String::from("DifferNet <1>"), &curve, 0.9774)]).expect("drawable");
        for text in
            ["DifferNet &lt;1&gt; (AUROC 0.977)", "False positive rate", "True positive rate"]
        {
            assert!(svg.contains(text), "{text}");
        }
    }

    #[test]
    fn the_document_stays_small_for_many_images() {
        let curve = curve(200_000);
        let svg = roc_svg(&[(String::from("many"), &curve, 0.85)]).expect("drawable");
        assert!(svg.len() < 100_000, "{} bytes", svg.len());
    }

    #[test]
    fn the_band_and_the_ring_at_the_threshold_are_named() {
        let (scores, defects) = normal_scores(1, 50, 50, 1.5);
        let config = BootstrapConfig { resamples: 100, ..Default::default() };
        let band = bootstrap_roc_band(&scores, &defects, &config).expect("valid input");
        let svg = roc_band_svg(&curve(50), &band, Some(1.0)).expect("drawable");
        assert!(svg.contains("95 % band") && svg.contains("threshold"));
        assert!(svg.contains("<circle"));
        let svg = roc_band_svg(&curve(50), &band, None).expect("drawable");
        assert!(!svg.contains("threshold") && !svg.contains("<circle"));
        // Above every score nothing is flagged: the ring sits at the origin.
        assert!(roc_band_svg(&curve(50), &band, Some(f64::INFINITY)).is_ok());
    }

    #[test]
    fn nothing_and_nan_are_refused() {
        assert!(matches!(roc_svg(&[]), Err(PlotError::NoData { .. })));
        let nan =
            RocPoint { threshold: 0.0, false_positive_rate: f64::NAN, true_positive_rate: 0.0 };
        let broken = RocCurve { points: vec![nan] };
        assert!(matches!(
            roc_svg(&[(String::new(), &broken, 0.5)]),
            Err(PlotError::NotANumber { index: 0, .. })
        ));
    }
}
