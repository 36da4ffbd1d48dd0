//! The images with their verdicts, the ones to look at first in front.

use differnet_scoring::{MOST_MULTIPLES, Verdict, is_off_scale};
use maud::{Markup, PreEscaped, html};

use super::judged::{Agreement, Judged};
use super::{EncodedImage, Page};
use crate::number::{counted, number, short_number};

/// Opacity of the maps until a slider is moved, in percent.
const BLEND: u32 = 70;

/// The heading and the controls; leaves the section and the list open.
pub(super) fn toolbar(page: &Page<'_>) -> Markup {
    let (images, tally) = (page.judged.len(), page.tally);
    let maps = page.judged.iter().any(|judged| judged.image.overlay.is_some());
    html! {
        (PreEscaped("<section id=\"images\" aria-labelledby=\"images-title\">"))
        h2 #images-title { "Images" }
        @if images == 0 { p.missing { "No image was scored." } } @else {
            p {
                @if page.labels.any() {
                    "Misses come first, the lowest score leading, then false alarms, the highest score \
                     leading, then all others by falling score."
                } @else {
                    @if tally.invalid > 0 { "Images that got no verdict come first, then the highest score." }
                    @else { "The highest score comes first." }
                }
            }
            @if !maps {
                p.missing { "No maps were made for this report, so the pictures show the parts only." }
            }
            a.skip href="#training" { "Skip the images" }
            div.toolbar {
                fieldset {
                    legend { "Show" }
                    (filter("all", "All", images))
                    @if page.labels.any() {
                        (filter("miss", "Misses", tally.confusion.false_negatives))
                        (filter("false-alarm", "False alarms", tally.confusion.false_positives))
                    }
                    (filter("defect", "DEFECT", tally.defect))
                    @if page.report.unsure.is_some() { (filter("unsure", "UNSURE", tally.unsure)) }
                    @if tally.invalid > 0 { (filter("invalid", "INVALID", tally.invalid)) }
                    (filter("ok", "OK", tally.ok))
                }
                label.search {
                    span { "Search" }
                    input #search type="search" placeholder="file name or kind" autocomplete="off" spellcheck="false";
                }
                @if maps {
                    label.blend {
                        span { "All maps" }
                        input #blend type="range" min="0" max="100" value=(BLEND) autocomplete="off";
                    }
                }
            }
            p #shown role="status" { (counted(images, "image")) }
        }
        (PreEscaped("<ol class=\"gallery\" role=\"list\">"))
    }
}

/// Closes what [`toolbar`] left open.
pub(super) fn end() -> Markup {
    html! { (PreEscaped("</ol></section>")) }
}

fn filter(value: &str, text: &str, images: usize) -> Markup {
    html! {
        label {
            input type="radio" name="filter" value=(value) checked[value == "all"] autocomplete="off";
            span { (text) " " b { (number(images as f64, 0)) } }
        }
    }
}

/// A path that may be broken after each folder.
fn breakable(name: &str) -> Markup {
    html! { @for part in name.split_inclusive('/') { (part) @if part.ends_with('/') { wbr; } } }
}

/// One image.
pub(super) fn card(page: &Page<'_>, judged: &Judged<'_>) -> Markup {
    let image = judged.image;
    let (verdict_class, verdict) = match judged.verdict {
        Some(Verdict::Ok) => ("ok", "OK"),
        Some(Verdict::Unsure) => ("unsure", "UNSURE"),
        Some(Verdict::Defect) => ("defect", "DEFECT"),
        Some(Verdict::Invalid) => ("invalid", "INVALID"),
        None => ("none", "NO VERDICT"),
    };
    let (outcome_class, outcome) = match judged.agreement {
        Agreement::Miss => ("miss", Some("Miss")),
        Agreement::FalseAlarm => ("false-alarm", Some("False alarm")),
        Agreement::Found | Agreement::Passed => ("right", None),
        Agreement::Unknown => ("unknown", None),
    };
    let label = match (image.defect, image.kind.as_deref()) {
        (Some(true), kind) => Some(("Label", kind.unwrap_or("defect").to_owned())),
        (Some(false), None) => Some(("Label", String::from("good"))),
        (Some(false), Some(kind)) => Some(("Label", format!("good, {kind}"))),
        (None, kind) => kind.map(|kind| ("Kind", kind.to_owned())),
    };
    html! {
        li.card data-verdict=(verdict_class) data-outcome=(outcome_class) {
            (picture(image.thumbnail.as_ref(), image.overlay.as_ref()))
            p.badges {
                span.badge.(verdict_class) { (verdict) }
                @if let Some(outcome) = outcome { span.badge.wrong { (outcome) } }
            }
            p.name { bdi { (breakable(&image.name)) } }
            p.score {
                "Score " b { (score(image.score, page.report.threshold)) }
                @if let Some(ratio) = ratio(image.score, page.report.threshold) {
                    // The blank keeps the words apart in copied text.
                    " " span { (ratio) }
                }
            }
            @if let Some(reason) = &image.invalid { p.reason { (reason) } }
            @if let Some((name, label)) = label { p.kind { (name) ": " bdi { (label) } } }
            @if image.thumbnail.is_some() && image.overlay.is_some() {
                label.blend {
                    span { "Map" }
                    input type="range" min="0" max="100" value=(BLEND) autocomplete="off"
                        aria-label={ "Opacity of the map of " (image.name) };
                }
            }
        }
    }
}

/// The part, and over it the map where there is one.
fn picture(thumbnail: Option<&EncodedImage>, overlay: Option<&EncodedImage>) -> Markup {
    let element = |image: &EncodedImage, class: &str, alt: &str| {
        html! {
            img class=(class) src=(image.data_uri()) width=(image.width) height=(image.height)
                alt=(alt) loading="lazy" decoding="async";
        }
    };
    html! {
        div.picture {
            @match (thumbnail, overlay) {
                (Some(thumbnail), overlay) => {
                    (element(thumbnail, "part", "Photograph"))
                    @if let Some(overlay) = overlay {
                        (element(overlay, "map", "Map of where it deviates from good parts"))
                    }
                }
                (None, Some(overlay)) => { (element(overlay, "part", "Map of where it deviates from good parts")) }
                (None, None) => { span.empty { "No picture" } }
            }
        }
    }
}

/// The score to about four digits; beyond the scale that means something to people, how far at least.
fn score(score: f64, threshold: f64) -> String {
    if score.is_nan() {
        return String::from("not a number");
    }
    if is_off_scale(score, threshold) {
        return format!("> {MOST_MULTIPLES} × threshold");
    }
    short_number(score)
}

/// The score in thresholds; nothing where a ratio says nothing.
fn ratio(score: f64, threshold: f64) -> Option<String> {
    let bounded = score.is_finite() && !is_off_scale(score, threshold);
    if !(threshold > 0.0 && threshold.is_finite() && bounded) {
        return None;
    }
    let ratio = score / threshold;
    // Rounded to 1.00 it would not tell on which side of the threshold the score lies.
    if (0.995..1.0).contains(&ratio) {
        return Some(String::from("just below the threshold"));
    }
    if (1.0..1.005).contains(&ratio) {
        return Some(String::from("just at or above the threshold"));
    }
    Some(format!("{ratio:.2} × threshold"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_tells_the_side_of_the_threshold() {
        assert_eq!(ratio(15.0, 10.0).as_deref(), Some("1.50 × threshold"));
        assert_eq!(ratio(9.999, 10.0).as_deref(), Some("just below the threshold"));
        assert_eq!(ratio(10.0, 10.0).as_deref(), Some("just at or above the threshold"));
        assert_eq!(score(12_345.0, 10.0), "> 100 × threshold");
        assert_eq!(score(f64::INFINITY, 10.0), "> 100 × threshold");
        assert_eq!(score(f64::INFINITY, -10.0), "∞");
        for (score, threshold) in
            [(12_345.0, 10.0), (1.0, 0.0), (1.0, -3.0), (f64::NAN, 1.0), (f64::INFINITY, 1.0)]
        {
            assert_eq!(ratio(score, threshold), None);
        }
    }
}
