//! Summary in a few large numbers.

use differnet_eval::Metrics;
use maud::{Markup, html};

use super::judged::Agreement;
use super::sections::name_value_table;
use super::{Page, Report, UnusableFile, UnusableKind};
use crate::number::{counted, number, percent, short_number};

/// The section with the counts, and the metrics as far as there are labels.
pub(super) fn summary(page: &Page<'_>) -> Markup {
    let (report, tally) = (page.report, page.tally);
    let unusable =
        |kind| report.unusable.iter().filter(|file: &&UnusableFile| file.kind == kind).count();
    let (errors, invalid) = (unusable(UnusableKind::Image), unusable(UnusableKind::InvalidImage));
    let all = report.images.len() + errors + invalid;
    let (errors, invalid) = (errors + tally.missing, invalid + tally.invalid);
    html! {
        section #summary aria-labelledby="summary-title" {
            h2 #summary-title { "Summary" }
            p.lead { (lead(page)) }
            dl.tiles {
                (tile("", "Images", &whole(all), "looked at"))
                (tile("ok", "OK", &whole(tally.ok), &share(tally.ok, all)))
                @if report.unsure.is_some() {
                    (tile("unsure", "UNSURE", &whole(tally.unsure), &share(tally.unsure, all)))
                }
                (tile("defect", "DEFECT", &whole(tally.defect), &share(tally.defect, all)))
                @if invalid > 0 {
                    (tile("invalid", "INVALID", &whole(invalid), "not like the training images"))
                }
                @let fate = if errors == 0 { "every file has a verdict" } else { "without a verdict" };
                (tile(if errors > 0 { "error" } else { "" }, "Errors", &whole(errors), fate))
            }
            @for note in &report.notes { p.missing { (note) "." } }
            h3 { "Compared with the labels" }
            @if page.labels.any() {
                dl.tiles { (compared(page)) }
            }
            @if report.metrics.is_none() { p.missing { (why_no_metrics(page)) } }
            @if page.labels.any() && page.labels.unlabelled > 0 {
                p.missing {
                    (counted(page.labels.unlabelled, "image"))
                    " without a label: not counted as right or wrong."
                }
            }
            @if let Some(metrics) = &report.metrics { (kinds(page, metrics)) }
            h3 { "Maps compared with masks" }
            @if !report.pixel.is_empty() {
                (name_value_table(&report.pixel))
            } @else if report.pixel_notes.is_empty() {
                p.missing {
                    "No masks were given, so how well the maps outline the defects was not measured."
                }
            }
            @for note in &report.pixel_notes { p.missing { (note) } }
        }
    }
}

/// Reason why there are no metrics: the caller's, or what the labels tell.
fn why_no_metrics(page: &Page<'_>) -> String {
    if let Some(reason) = &page.report.missing_metrics {
        return reason.clone();
    }
    let labels = page.labels;
    match (labels.good, labels.defects) {
        (0, 0) if page.report.images.is_empty() => {
            String::from("No image was scored, so there is nothing to compare.")
        }
        (0, 0) => String::from(
            "The images have no labels that say good or defect. Whether the verdicts are right is \
             unknown: false alarms, misses, AUROC and the ROC curve are left out.",
        ),
        (good, 0) => format!(
            "The {} with a label show good parts only. False alarms can be counted; without defects \
             there are no misses to count, no AUROC and no ROC curve.",
            counted(good, "image")
        ),
        (0, defects) => format!(
            "The {} with a label show defects only. Misses can be counted; without good parts there \
             are no false alarms to count, no AUROC and no ROC curve.",
            counted(defects, "image")
        ),
        _ => String::from("AUROC and recall at zero false alarms were not computed."),
    }
}

fn lead(page: &Page<'_>) -> String {
    let Report { threshold, unsure, images, .. } = page.report;
    if images.is_empty() {
        return String::from("No image was scored.");
    }
    let (judged, tally) = (page.tally.ok + page.tally.unsure + page.tally.defect, page.tally);
    let are = |count: usize| if count == 1 { "is" } else { "are" };
    let defects = format!(
        "{} of {} reached the threshold of {} and {} called DEFECT.",
        number(tally.defect as f64, 0),
        counted(judged, "judged image"),
        short_number(*threshold),
        are(tally.defect),
    );
    let Some(unsure) = unsure else { return defects };
    format!(
        "{defects} {} below it reached {} and {} called UNSURE: someone should look.",
        number(tally.unsure as f64, 0),
        short_number(*unsure),
        are(tally.unsure),
    )
}

/// Tiles of what the verdicts are worth.
fn compared(page: &Page<'_>) -> Markup {
    let counts = page.tally.confusion;
    let (good, defects) = (page.tally.good(), page.tally.defects());
    let of = |part: usize, whole: usize, noun: &str| {
        format!("of {} ({})", counted(whole, noun), percent(part, whole))
    };
    html! {
        @if defects > 0 {
            @let found = counts.true_positives;
            (tile("defect", "True alarms", &whole(found), &of(found, defects, "defect")))
            @let missed = counts.false_negatives;
            (tile("error", "Misses", &whole(missed), &of(missed, defects, "defect")))
        }
        @if good > 0 {
            @let alarms = counts.false_positives;
            (tile("error", "False alarms", &whole(alarms), &of(alarms, good, "good part")))
        }
        @if let Some(metrics) = &page.report.metrics {
            (tile("", "AUROC", &format!("{:.4}", metrics.auroc), &interval_note(metrics)))
            @let recall = format!("{:.1}\u{a0}%", 100.0 * metrics.recall_at_zero_fp);
            (tile("", "Recall at zero false alarms", &recall, "defects that score above every good part"))
        }
    }
}

fn interval_note(metrics: &Metrics) -> String {
    let interval = metrics.auroc_ci95;
    if interval.lower == interval.upper {
        // The bootstrap collapses at perfect separation; a point would claim certainty.
        return String::from("no interval: redrawing the images shows no spread");
    }
    format!("95\u{a0}% interval {:.4} to {:.4}", interval.lower, interval.upper)
}

/// Table of the kinds of defect.
fn kinds(page: &Page<'_>, metrics: &Metrics) -> Markup {
    let found = |kind: &str| {
        let of_kind = |judged: &&super::Judged<'_>| judged.image.kind.as_deref() == Some(kind);
        page.judged
            .iter()
            .filter(of_kind)
            .filter(|judged| judged.agreement == Agreement::Found)
            .count()
    };
    html! {
        @if !metrics.per_kind.is_empty() {
            details open[metrics.per_kind.len() <= 12] {
                summary { "Kinds of defect (" (metrics.per_kind.len()) ")" }
                div.wide tabindex="0" role="region" aria-label="Kinds of defect" {
                    table {
                        thead { tr {
                            th scope="col" { "Kind" }
                            th.number scope="col" { "Images" }
                            th.number scope="col" { "Found" }
                            th.number scope="col" { "AUROC" }
                        } }
                        tbody {
                            @for kind in &metrics.per_kind {
                                @let found = found(&kind.kind);
                                tr {
                                    th scope="row" { (kind.kind) }
                                    td.number { (whole(kind.images)) }
                                    td.number { (whole(found)) " (" (percent(found, kind.images)) ")" }
                                    td.number { (format!("{:.4}", kind.auroc)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn tile(class: &str, name: &str, value: &str, note: &str) -> Markup {
    html! {
        div.tile.(class) {
            dt { (name) }
            dd.value { (value) }
            dd.note { (note) }
        }
    }
}

fn whole(count: usize) -> String {
    number(count as f64, 0)
}

fn share(part: usize, all: usize) -> String {
    if all == 0 { String::from("–") } else { percent(part, all) }
}
