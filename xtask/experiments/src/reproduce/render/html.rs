//! A document as one HTML file that loads nothing.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::notes;
use crate::reproduce::document::{Document, Table};

const STYLE: &str = "\
:root { color-scheme: light dark; }
body { max-width: 90rem; margin: 0 auto; padding: 1rem 1.25rem 3rem; font: 1rem/1.5 system-ui, sans-serif; }
h2 { margin-top: 2rem; }
code, pre { font-size: .9rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #8888; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1.5rem 0; }
figure svg { max-width: 100%; height: auto; background: #fff; }
";

/// The whole document.
pub(super) fn whole(document: &Document) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (document.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (document.title) }
                p { code { (document.command) } }
                ul { @for note in notes(document) { li { (note) } } }
                @for table in &document.tables { (of_table(table)) }
                @for figure in &document.figures {
                    figure { (PreEscaped(&figure.svg)) figcaption { (figure.title) } }
                }
                h2 { "Settings" }
                pre { (document.settings) }
                h2 { "Environment" }
                table {
                    @for [name, value] in document.environment.rows() {
                        tr { th scope="row" { (name) } td { (value) } }
                    }
                }
            }
        }
    };
    page.into_string() + "\n"
}

fn of_table(table: &Table) -> Markup {
    html! {
        h2 { (table.title) }
        div.wide {
            table {
                thead { tr { @for header in &table.headers { th scope="col" { (header) } } } }
                tbody { @for row in &table.rows { tr { @for cell in row { td { (cell) } } } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn texts_are_escaped_and_drawings_are_not() {
        let page = whole(&example());
        assert!(page.contains("a|b, &lt;c&gt;"), "{page}");
        assert!(page.contains("<svg xmlns=\"x\"></svg>"));
        assert!(page.contains("<td>98.0</td>"));
    }
}
