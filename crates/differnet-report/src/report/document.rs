//! Head and tail of the document: metadata, heading, script.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Report;

/// Content policy: nothing is loaded and nothing is sent.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
                      script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// Marks the document before anything is shown: controls that need the script stay hidden without.
const MARK: &str = "document.documentElement.classList.add('script')";

/// Everything up to the summary; leaves `html`, `body` and `main` open.
pub(super) fn head(report: &Report) -> Markup {
    html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            title { (report.title) }
            style { (PreEscaped(STYLE)) }
            script { (PreEscaped(MARK)) }
        }
        (PreEscaped("<body>"))
        a.skip href="#summary" { "Skip to the summary" }
        header {
            div {
                h1 { (report.title) }
                @if !report.subtitle.is_empty() { p { (report.subtitle) } }
            }
            button #theme type="button" aria-pressed="false" { "Dark colours" }
        }
        nav aria-label="Parts of this report" {
            a href="#summary" { "Summary" }
            a href="#scores" { "Scores" }
            a href="#images" { "Images" }
            a href="#training" { "Training" }
            a href="#details" { "Details" }
        }
        (PreEscaped("<main>"))
    }
}

/// Closes what [`head`] left open.
pub(super) fn tail() -> Markup {
    html! {
        (PreEscaped("</main>"))
        footer { p { "Made by DifferNet. Everything shown is inside this file; it loads nothing." } }
        script { (PreEscaped(SCRIPT)) }
        (PreEscaped("</body></html>\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_cannot_end_their_elements_and_load_nothing() {
        for text in [STYLE, SCRIPT, MARK] {
            for forbidden in ["</", "<!--", "url(", "@import", "fetch(", "http"] {
                assert!(!text.contains(forbidden), "{forbidden}");
            }
        }
    }
}
