//! Middleware of every request: its id, a line in the log, counters, headers, and a net for panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::panics;
use crate::problem::{Problem, Told};
use crate::routes::ADDRESSES;
use crate::state;

/// Carries a request's id, in and out.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id taken over from a client, characters.
const LONGEST_ID: usize = 64;
/// The page runs its own scripts and shows pictures that it was sent; nothing comes from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data: blob:; connect-src 'self'; media-src 'self' blob:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Gives the request its id, answers a panic with 500, counts and logs.
pub(crate) async fn account(
    State(state): State<Arc<state::State>>,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let id = given_id(&request).unwrap_or_else(|| state.next_id());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = route(request.extensions().get::<MatchedPath>());
    let caught = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = caught.unwrap_or_else(|panic| {
        state.metrics.faulted();
        tracing::error!(id, fault = panics::message(&*panic), "fault");
        Problem::fault().into_response()
    });
    let (status, time) = (response.status().as_u16(), start.elapsed());
    state.metrics.answered(route, status, time);
    let told = response.extensions().get::<Told>().map(|told| told.0.as_str());
    let milliseconds = (time.as_secs_f64() * 1e4).round() / 10.0;
    tracing::info!(id, %method, path, status, milliseconds, error = told, "request");
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Headers that every answer has.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The client's id, if it is one that can stand in a log.
fn given_id(request: &Request) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let usable = (1..=LONGEST_ID).contains(&id.len()) && id.chars().all(allowed);
    usable.then(|| id.to_owned())
}

/// The address as it stands in metrics, where names of models and of nothing would be too many.
fn route(matched: Option<&MatchedPath>) -> &'static str {
    let Some(matched) = matched else { return "other" };
    ADDRESSES.into_iter().find(|address| *address == matched.as_str()).unwrap_or("page")
}
