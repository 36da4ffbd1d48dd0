//! Origins of web pages that may use the server (CORS).

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::CorsLayer;

use crate::error::ServerError;
use crate::middleware::REQUEST_ID;

/// Time that browsers may keep the answer to a preflight request.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);

/// Origin of a web page, `SCHEME://HOST` or `SCHEME://HOST:PORT`, as browsers send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl Origin {
    /// The origin that `text` names exactly; an upper-case host and a scheme's own port are made what
    /// browsers send.
    ///
    /// # Errors
    /// [`ServerError::Origin`] for anything else: patterns and `*` would let in pages that nobody thought
    /// of, and `null` is the origin of every sandboxed page.
    pub fn parse(text: &str) -> Result<Self, ServerError> {
        let error = || ServerError::Origin { text: text.to_owned() };
        let lower = text.to_ascii_lowercase();
        let (scheme, authority) = lower.split_once("://").ok_or_else(error)?;
        let own_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(error()),
        };
        let uri: Uri = lower.parse().map_err(|_| error())?;
        let host = uri.host().filter(|host| !host.is_empty() && !host.contains(['*', '%']));
        let host = host.ok_or_else(error)?;
        let port = uri.port_u16();
        let named = match port {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        // Names, passwords, paths and queries are no part of an origin.
        if authority != named {
            return Err(error());
        }
        let origin = match port.filter(|&port| port != own_port) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        HeaderValue::try_from(origin).map(Self).map_err(|_| error())
    }

    /// Tells whether a browser names this origin.
    pub(crate) fn is(&self, sent: &HeaderValue) -> bool {
        self.0 == *sent
    }
}

/// Answers preflight requests and lets pages of `origins` read answers; `None` without any.
pub(crate) fn cors(origins: &[Origin]) -> Option<CorsLayer> {
    let layer = CorsLayer::new()
        .allow_origin(origins.iter().map(|origin| origin.0.clone()).collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, REQUEST_ID])
        .expose_headers::<[HeaderName; 2]>([REQUEST_ID, header::RETRY_AFTER])
        .max_age(PREFLIGHT_AGE);
    (!origins.is_empty()).then_some(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_exact() {
        for (text, golden) in [
            ("https://line.example", "https://line.example"),
            ("HTTPS://Line.Example:443", "https://line.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[::1]:8000", "http://[::1]:8000"),
        ] {
            let origin = Origin::parse(text).expect(text);
            assert!(origin.is(&HeaderValue::from_static(golden)), "{origin:?}");
            assert!(!origin.is(&HeaderValue::from_static("https://evil.example")));
        }
        for text in [
            "*",
            "null",
            "",
            "line.example",
            "https://",
            "https://*.example",
            "https://line.example/",
            "https://line.example/page",
            "https://line.example?a",
            "https://me@line.example",
            "https://line.example:",
            "https://line.example:99999",
            "ftp://line.example",
            "https://a b",
            "https://one.example,https://two.example",
        ] {
            assert!(matches!(Origin::parse(text), Err(ServerError::Origin { .. })), "{text}");
        }
    }
}
