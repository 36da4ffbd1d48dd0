//! The page at `/` and what belongs to it, compiled in.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::state::State;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Address, media type and content of each file.
const FILES: [(&str, &str, &str); 9] = [
    ("/", HTML, include_str!("../assets/index.html")),
    ("/page/page.css", CSS, include_str!("../assets/page.css")),
    ("/page/icon.svg", SVG, include_str!("../assets/icon.svg")),
    ("/page/main.js", SCRIPT, include_str!("../assets/main.js")),
    ("/page/api.js", SCRIPT, include_str!("../assets/api.js")),
    ("/page/camera.js", SCRIPT, include_str!("../assets/camera.js")),
    ("/page/histogram.js", SCRIPT, include_str!("../assets/histogram.js")),
    ("/page/results.js", SCRIPT, include_str!("../assets/results.js")),
    ("/page/theme.js", SCRIPT, include_str!("../assets/theme.js")),
];

/// `router` with the page.
pub(super) fn routes(router: Router<Arc<State>>) -> Router<Arc<State>> {
    FILES.into_iter().fold(router, |router, (address, media_type, content)| {
        let file = move || async move {
            ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-cache")], content)
                .into_response()
        };
        router.route(address, get(file))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_for_nothing_from_elsewhere_and_runs_no_inline_script() {
        for (address, media_type, content) in FILES {
            let elsewhere = content.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("http:") && !elsewhere.contains("https:"), "{address}");
            if media_type == HTML {
                assert!(!content.contains("style=") && !content.contains("onclick"), "{address}");
                assert!(!content.contains("<script>") && !content.contains("<style"), "{address}");
            }
        }
    }
}
