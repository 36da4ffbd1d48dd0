//! Tables of names and values: settings, environment, fingerprints, files that failed.

use maud::{Markup, html};

use super::Report;
use crate::number::counted;

/// Longer tables are shown on demand.
const LONG: usize = 32;

/// The caller's tables.
pub(super) fn tables(report: &Report) -> Markup {
    html! {
        section #details aria-labelledby="details-title" {
            h2 #details-title { "Details" }
            @if report.sections.is_empty() {
                p.missing { "No settings, environment or fingerprints were given." }
            }
            @for section in &report.sections {
                details open[section.rows.len() <= LONG] {
                    summary { (section.title) }
                    (name_value_table(&section.rows))
                }
            }
        }
    }
}

/// The files without a score and why.
pub(super) fn unusable(report: &Report) -> Markup {
    let files = &report.unusable;
    html! {
        section #unusable aria-labelledby="unusable-title" {
            h2 #unusable-title { "Files that could not be used" }
            @if files.is_empty() {
                p { "Every file could be used." }
            } @else {
                details open[files.len() <= LONG] {
                    summary { (counted(files.len(), "file")) }
                    table {
                        thead { tr { th scope="col" { "File" } th scope="col" { "Reason" } } }
                        tbody {
                            @for file in files {
                                tr { th scope="row" { bdi { (file.name) } } td { (file.reason) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One row a name.
pub(super) fn name_value_table(rows: &[(String, String)]) -> Markup {
    html! {
        table.values {
            tbody {
                @for (name, value) in rows {
                    tr { th scope="row" { (name) } td { (value) } }
                }
            }
        }
    }
}
