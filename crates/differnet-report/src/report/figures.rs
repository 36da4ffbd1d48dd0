//! The plots with what they mean, or the sentence why there is none.

use differnet_eval::{BootstrapConfig, bootstrap_roc_band, roc_curve};
use maud::{Markup, PreEscaped, html};

use super::{Page, Report, ReportImage};
use crate::plot::{PlotError, ScoresByLabel, loss_svg, roc_band_svg, scores_svg};

/// The section with the ROC curve and the histogram of scores.
pub(super) fn scores(page: &Page<'_>) -> Markup {
    html! {
        section #scores aria-labelledby="scores-title" {
            h2 #scores-title { "Scores" }
            div.figures {
                (roc(page))
                (histogram(page.report))
            }
        }
    }
}

/// The section with the course of the training.
pub(super) fn training(report: &Report) -> Markup {
    html! {
        section #training aria-labelledby="training-title" {
            h2 #training-title { "Training" }
            @if report.history.is_empty() {
                p.missing { "No course of the training was given, so there is no training curve." }
            } @else {
                div.figures {
                    (figure("Training curve", loss_svg(&report.history), html! {
                        "The loss falls while the model learns what good parts look like. A validation \
                         loss that rises again while the training loss still falls means that it \
                         learns its training images by heart."
                    }))
                }
            }
        }
    }
}

fn roc(page: &Page<'_>) -> Markup {
    let report = page.report;
    if page.labels.good == 0 || page.labels.defects == 0 {
        return html! {
            p.missing {
                "No ROC curve: it needs labelled images of good parts and of defects; here "
                (page.labels.good) " show good parts and " (page.labels.defects) " defects."
            }
        };
    }
    let usable = || report.images.iter().filter(|image| !image.score.is_nan());
    let pairs = usable().filter_map(|image| Some((image.score, image.defect?)));
    let (scores, defects): (Vec<f64>, Vec<bool>) = pairs.unzip();
    let config = BootstrapConfig { seed: report.seed, ..Default::default() };
    let drawn = roc_curve(&scores, &defects)
        .and_then(|curve| Ok((curve, bootstrap_roc_band(&scores, &defects, &config)?)));
    let (curve, band) = match drawn {
        Ok(drawn) => drawn,
        Err(error) => return html! { p.missing { "No ROC curve: " (error) "." } },
    };
    let threshold = Some(report.threshold).filter(|threshold| !threshold.is_nan());
    figure(
        "ROC curve",
        roc_band_svg(&curve, &band, threshold),
        html! {
            "Every threshold is one point: the share of defects that it finds, upwards, and the share of \
             good parts that it rejects, to the right. The band covers the true curve at any one false \
             positive rate with a confidence of 95 %; it comes from redrawing the test images "
            (crate::number::number(config.resamples as f64, 0)) " times."
            @if curve.area() == 1.0 {
                " Here every defect scores above every good part, so redrawing shows no spread: band and \
                 interval are narrower than the truth, the more so the fewer images there are."
            }
        },
    )
}

fn histogram(report: &Report) -> Markup {
    let mut scores = ScoresByLabel::default();
    let shown = |image: &&ReportImage| image.invalid.is_none() && !image.score.is_nan();
    for image in report.images.iter().filter(shown) {
        match image.defect {
            Some(false) => scores.good.push(image.score),
            Some(true) => scores.defects.push(image.score),
            None => scores.unlabelled.push(image.score),
        }
    }
    let threshold = Some(report.threshold).filter(|threshold| !threshold.is_nan());
    figure(
        "Histogram of scores",
        scores_svg(&scores, threshold, &report.unit),
        html! {
            "Each colour adds up to 100 %. Images at or right of the dashed line, the threshold, are \
             called DEFECT."
            @if report.images.iter().any(|image| image.invalid.is_some()) {
                " Those called INVALID are not shown."
            }
        },
    )
}

/// A drawn plot with its caption, or why it is missing.
fn figure(title: &str, svg: Result<String, PlotError>, caption: Markup) -> Markup {
    match svg {
        Ok(svg) => html! {
            figure {
                h3 { (title) }
                div.plot {
                    (PreEscaped(inlined(&svg)))
                }
                figcaption { (caption) }
            }
        },
        Err(error) => html! { p.missing { "No " (title) ": " (error) "." } },
    }
}

/// An SVG document as an element of an HTML document, which needs no namespace.
fn inlined(svg: &str) -> String {
    svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plot::LossPoint;
    use crate::report::ReportImage;
    use crate::report::judged::{Labels, Tally};

    #[test]
    fn every_colour_of_the_plots_has_one_for_dark_pages() {
        let image = |index: u32| ReportImage {
            score: f64::from(index % 7),
            defect: [None, Some(false), Some(true)][index as usize % 3],
            ..Default::default()
        };
        let history =
            (0..20).map(|update| LossPoint { update, train: update as f64, validation: Some(1.0) });
        let report = Report {
            images: (0..30).map(image).collect(),
            history: history.collect(),
            ..Report::new("", 3.0)
        };
        let labels = Labels::new(&report.images);
        let page = Page { report: &report, judged: &[], tally: Tally::default(), labels };
        let html = scores(&page).into_string() + &training(&report).into_string();
        assert_eq!(html.matches("<svg").count(), 3);
        let colours: BTreeSet<String> = ["fill", "stroke"]
            .iter()
            .flat_map(|name| {
                let start = format!("{name}=\"#");
                let named =
                    |at: (usize, &str)| format!("[{}]", &html[at.0..at.0 + start.len() + 7]);
                html.match_indices(&start).map(named).collect::<Vec<String>>()
            })
            .collect();
        assert!(colours.len() >= 8, "{colours:?}");
        let style = include_str!("report.css");
        for colour in colours {
            assert!(style.contains(&colour), "{colour} has no rule");
        }
    }
}
