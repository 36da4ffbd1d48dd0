//! The figure as one HTML document, with what it was made from; it loads nothing.

use differnet::Method;
use differnet_report::EncodedImage;
use image::RgbImage;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::panels::{Panels, Score, names};
use super::training::Model;
use super::{CategoryFigure, Figure};

const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'";
const STYLE: &str = include_str!("page.css");

/// The document.
pub(super) fn html(figure: &Figure) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Figure 8: where the defects are" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Figure 8: where the defects are" }
                @for data in &figure.data { p { (data) } }
                p {
                    "Original, map, and map over the image, as in Figure 8 of Rudolph, Wandt, \
                     Rosenhahn: \"Same Same But DifferNet\", WACV 2021. Two kinds of maps: the \
                     paper's, the likelihood's gradient to the pixels, and the default, how far \
                     each place is from what training images showed there. Of each kind of defect \
                     the first file is shown, whatever its map looks like. Colours run from black over red to yellow and end at each \
                     map's largest value, whether or not that is much."
                }
                @for method in &figure.others {
                    p { "Rows of " (method) " are not the paper's: they are of another method." }
                }
                @if !figure.missing.is_empty() {
                    p.missing { "Missing in the folder: " (figure.missing.join(", ")) "." }
                }
                @for category in &figure.categories { (category_section(figure, category)) }
                h2 { "Settings of the paper's models trained for this figure" }
                (table(&figure.settings))
                h2 { "Environment" }
                (table(&figure.environment))
            }
        }
    };
    page.into_string()
}

fn category_section(figure: &Figure, category: &CategoryFigure) -> Markup {
    html! {
        section {
            h2 { (category.name) }
            @if category.images.is_empty() {
                p.missing { "There are no test images of defects." }
            } @else {
                div.wide tabindex="0" role="region" aria-label={ "Panels of " (category.name) } {
                    table.panels {
                        thead { tr {
                            td {}
                            @for image in &category.images { th scope="col" { (image.kind) } }
                        } }
                        tbody {
                            (row("original", category, |panels| &panels.original))
                            @for (index, name) in names(&figure.others).iter().enumerate() {
                                (row(name, category, |panels| &panels.maps[index].0))
                                (row("over the image", category, |panels| &panels.maps[index].1))
                            }
                        }
                        tfoot {
                            tr {
                                th scope="row" { "file" }
                                @for image in &category.images { td { (file(image)) } }
                            }
                            @for (index, model) in category.models.iter().enumerate() {
                                tr {
                                    th scope="row" { "score by " (method(model)) }
                                    @for image in &category.images {
                                        td { (score(&image.scores[index])) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            @for model in &category.models {
                details {
                    summary { "Model and settings of " (method(model)) }
                    (table(&rows(model)))
                    (table(&model.model.header().config.rows()))
                }
            }
        }
    }
}

fn method(model: &Model) -> Method {
    model.model.header().config.method.method()
}

/// Returns the rows that identify the model, and those of its header.
fn rows(model: &Model) -> Vec<(String, String)> {
    let header = model.model.header();
    let mut rows = vec![
        ("file".to_owned(), model.path.display().to_string()),
        ("SHA-256".to_owned(), model.hash.to_string()),
        ("digest of the training images".to_owned(), header.data_fingerprint.clone()),
    ];
    rows.extend(header.rows());
    rows
}

fn row(name: &str, category: &CategoryFigure, panel: impl Fn(&Panels) -> &RgbImage) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            @for image in &category.images {
                @let encoded = EncodedImage::small(panel(image));
                td {
                    img src=(encoded.data_uri()) width=(encoded.width) height=(encoded.height)
                        alt={ (image.kind) ", " (name) } loading="lazy" decoding="async";
                }
            }
        }
    }
}

fn file(image: &Panels) -> String {
    image.path.file_name().map_or_else(String::new, |name| name.display().to_string())
}

fn score(Score { method, score, verdict }: &Score) -> String {
    let unit = method.unit().map_or_else(String::new, |unit| format!(" {unit}"));
    format!("{score:.4e}{unit}, {}", verdict.word())
}

fn table(rows: &[(String, String)]) -> Markup {
    html! {
        table.values {
            tbody { @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } } }
        }
    }
}
