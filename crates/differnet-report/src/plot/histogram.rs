//! Normalised histogram of the anomaly scores of good and defect images (Figure 6).

use differnet_eval::ScoredImage;
use plotters::style::RGBColor;

use super::PlotError;
use super::axis::{Axis, Tick, round_step};
use super::bins::Bins;
use super::canvas::{Place, Stroke};
use super::frame::{Frame, LegendEntry, NARROW, Symbol};
use super::palette::{BLUE, GREEN, INK, VERMILION};
use crate::number::{counted, short_number};

/// Ticks on the axes, about.
const SCORE_TICKS: usize = 5;
const SHARE_TICKS: usize = 8;
/// Tick labels nearer than this to an outer bar's label would touch it, in pixels.
const LABEL: f64 = 58.0;
/// Between the regular bars and an outer one, in bar widths.
const GAP: f64 = 1.0;
/// Width of an outer bar, in bar widths.
const OUTER: f64 = 2.0;

/// SVG of two histograms, good and defect images, each normalised to 100 %.
///
/// The axis covers the bulk of the good scores and what lies near it. A bar apart at the right
/// collects every higher score, as in the paper's Figure 6, and one at the left every lower
/// score, if there are any. The dashed line is the threshold (Eq. 6); a threshold far off the
/// axis is given in the legend only. One kind of image may be missing. `unit` is the scores', empty
/// where they have none.
///
/// # Errors
/// [`PlotError::NoData`] without images; [`PlotError::NotANumber`] for a score or a threshold
/// that is NaN.
pub fn histogram_svg(
    images: &[ScoredImage],
    threshold: Option<f64>,
    unit: &str,
) -> Result<String, PlotError> {
    if let Some(index) = images.iter().position(|image| image.score.is_nan()) {
        return Err(PlotError::NotANumber { what: "score", index });
    }
    let of_kind = |wanted: bool| -> Vec<f64> {
        images.iter().filter(|i| i.is_defect() == wanted).map(|i| i.score).collect()
    };
    let scores =
        ScoresByLabel { good: of_kind(false), defects: of_kind(true), unlabelled: Vec::new() };
    scores_svg(&scores, threshold, unit)
}

/// Scores for a histogram.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ScoresByLabel {
    /// Of good images.
    pub(crate) good: Vec<f64>,
    /// Of defects.
    pub(crate) defects: Vec<f64>,
    /// Of images of which nobody said what they are.
    pub(crate) unlabelled: Vec<f64>,
}

/// As [`histogram_svg`], with a third histogram for images without a label.
///
/// # Errors
/// As [`histogram_svg`]; the index of a NaN counts its kind.
pub(crate) fn scores_svg(
    scores: &ScoresByLabel,
    threshold: Option<f64>,
    unit: &str,
) -> Result<String, PlotError> {
    let ScoresByLabel { good, defects, unlabelled } = scores;
    let all = [good.as_slice(), defects, unlabelled].concat();
    if all.is_empty() {
        return Err(PlotError::NoData { what: "no image was scored" });
    }
    for kind in [good, defects, unlabelled] {
        if let Some(index) = kind.iter().position(|score| score.is_nan()) {
            return Err(PlotError::NotANumber { what: "score", index });
        }
    }
    if threshold.is_some_and(f64::is_nan) {
        return Err(PlotError::NotANumber { what: "threshold", index: 0 });
    }
    let bins = Bins::new(if good.is_empty() { &all } else { good }, &all, threshold);
    let series: Vec<Series> = [
        Series::new("good", good, BLUE, &bins),
        Series::new("defect", defects, VERMILION, &bins),
        Series::new("no label", unlabelled, GREEN, &bins),
    ]
    .into_iter()
    .filter(|series| series.images > 0)
    .collect();

    let tallest = series.iter().flat_map(|s| &s.percentages).copied().fold(0.0, f64::max);
    let step = round_step(tallest / SHARE_TICKS as f64);
    let mut frame = Frame {
        area: (NARROW, NARROW),
        x: score_axis(&bins, unit),
        y: Axis::new("Share of images", "%", 0.0, (tallest / step).ceil() * step, SHARE_TICKS),
        legend: series.iter().map(Series::legend).collect(),
    };
    let on_axis = |t: f64| (bins.low..=bins.high()).contains(&t);
    if let Some(threshold) = threshold {
        let off = if on_axis(threshold) { "" } else { ", off the axis" };
        frame.legend.push(LegendEntry {
            symbol: Symbol::Line(INK, Stroke::Dashed),
            text: format!("threshold ({}{off})", short_number(threshold)),
        });
    }
    frame.draw("Histogram of anomaly scores", |canvas| {
        let outlines: Vec<_> =
            series.iter().map(|s| (s.color, s.outlines(&frame, &bins))).collect();
        for (color, outlines) in &outlines {
            for outline in outlines {
                canvas.polygon(outline, *color, 0.45)?;
            }
        }
        // Lines after all fills, so that neither kind hides the other's shape.
        for (color, outlines) in &outlines {
            for outline in outlines {
                canvas.line(outline, *color, 1.5, Stroke::Solid)?;
            }
        }
        if let Some(threshold) = threshold.filter(|&t| on_axis(t)) {
            let line = [frame.place(threshold, frame.y.low), frame.place(threshold, frame.y.high)];
            canvas.line(&line, INK, 1.5, Stroke::Dashed)?;
        }
        Ok(())
    })
}

/// The images of one label.
struct Series {
    name: &'static str,
    images: usize,
    color: RGBColor,
    percentages: Vec<f64>,
}

impl Series {
    fn new(name: &'static str, scores: &[f64], color: RGBColor, bins: &Bins) -> Self {
        Self { name, images: scores.len(), color, percentages: bins.percentages(scores) }
    }

    fn legend(&self) -> LegendEntry {
        LegendEntry {
            symbol: Symbol::Bar(self.color),
            text: format!("{} ({})", self.name, counted(self.images, "image")),
        }
    }

    /// Outlines of the bars, neighbours joined, the outer bars apart.
    fn outlines(&self, frame: &Frame, bins: &Bins) -> Vec<Vec<Place>> {
        let shares = &self.percentages;
        let mut outlines = Vec::new();
        for group in [0..1, 1..bins.regular + 1, bins.regular + 1..bins.regular + 2] {
            let bars: Vec<usize> = group.filter(|&bar| shares[bar] > 0.0).collect();
            for run in bars.chunk_by(|&left, &right| right == left + 1) {
                let mut outline = vec![frame.place(edges(bins, run[0]).0, 0.0)];
                for &bar in run {
                    let (from, to) = edges(bins, bar);
                    outline.extend([frame.place(from, shares[bar]), frame.place(to, shares[bar])]);
                }
                outline.push(frame.place(edges(bins, run[run.len() - 1]).1, 0.0));
                outlines.push(outline);
            }
        }
        outlines
    }
}

/// Left and right edge of a bar: underflow, regular bins, overflow.
fn edges(bins: &Bins, index: usize) -> (f64, f64) {
    let at = |bars: f64| bins.low + bars * bins.width;
    let regular = bins.regular as f64;
    match index {
        0 => (at(-GAP - OUTER), at(-GAP)),
        index if index > bins.regular => (at(regular + GAP), at(regular + GAP + OUTER)),
        index => (at((index - 1) as f64), at(index as f64)),
    }
}

/// Axis over the regular bins, with room and labels for the outer bars that exist.
fn score_axis(bins: &Bins, unit: &str) -> Axis {
    let mut axis = Axis::new("Anomaly score", unit, bins.low, bins.high(), SCORE_TICKS);
    let margin = (GAP + OUTER + 0.5) * bins.width;
    axis.low -= if bins.underflow { margin } else { 0.0 };
    axis.high += if bins.overflow { margin } else { 0.0 };

    let outer = |sign: char, bound: f64, index: usize| {
        let (from, to) = edges(bins, index);
        Tick {
            value: (from + to) / 2.0,
            label: format!("{sign} {}", axis.label(bound, bins.width)),
        }
    };
    let below = bins.underflow.then(|| outer('<', bins.low, 0));
    let above = bins.overflow.then(|| outer('>', bins.high(), bins.regular + 1));
    let free = |tick: &Tick| {
        [&below, &above]
            .into_iter()
            .flatten()
            .all(|outer| (axis.share(tick.value) - axis.share(outer.value)).abs() * NARROW >= LABEL)
    };
    let mut ticks: Vec<Tick> = axis.ticks.iter().filter(|tick| free(tick)).cloned().collect();
    ticks.extend([below, above].into_iter().flatten());
    axis.ticks = ticks;
    axis
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_inputs::normal_scores;

    fn images(good: usize, defects: usize) -> Vec<ScoredImage> {
        let (scores, labels) = normal_scores(5, good, defects, 5.0);
        scores
            .into_iter()
            .zip(labels)
            .map(|(score, defect)| ScoredImage {
                path: String::from("part.png"),
                kind: defect.then(|| String::from("dent")),
                score: 380.0 + 5.0 * score,
                invalid: None,
            })
            .collect()
    }

    #[test]
    fn both_kinds_the_axis_and_the_threshold_are_named() {
        let svg = histogram_svg(&images(80, 1), Some(392.5), "nats").expect("drawable");
        for text in [
            "good (80 images)",
            "defect (1 image)",
            "threshold (392.5)",
            "Anomaly score (nats)",
            "Share of images (%)",
        ] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(!svg.contains("&gt;"), "no score lies outside the axis");
    }

    #[test]
    fn scores_far_above_are_collected_in_a_labelled_bar() {
        let mut images = images(80, 20);
        images.iter_mut().skip(90).for_each(|image| image.score = f64::INFINITY);
        let svg = histogram_svg(&images, Some(1e9), "nats").expect("drawable");
        assert!(svg.contains("&gt; 4"), "the bar names its lower bound");
        assert!(svg.contains("threshold (1.000 × 10⁹, off the axis)"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn degenerate_images_are_drawn_and_unusable_ones_refused() {
        for scores in [vec![7.0], vec![0.0; 5], vec![1e12, 1e12], vec![f64::NEG_INFINITY, 1.0]] {
            let image =
                |score| ScoredImage { path: String::new(), kind: None, score, invalid: None };
            let images: Vec<ScoredImage> = scores.into_iter().map(image).collect();
            assert!(histogram_svg(&images, None, "").expect("drawable").contains("good"));
        }
        assert!(matches!(histogram_svg(&[], None, ""), Err(PlotError::NoData { .. })));
        let mut broken = images(3, 0);
        broken[2].score = f64::NAN;
        assert!(matches!(
            histogram_svg(&broken, None, ""),
            Err(PlotError::NotANumber { what: "score", index: 2 })
        ));
    }
}
