//! Authentication of requests: the token, and the origins of web pages.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;
use crate::state;

/// Middleware that wants the token of requests for models and metrics, and of no others.
///
/// The page itself holds no data, and whoever watches the server's health need not know a secret.
pub(crate) async fn admit(
    State(state): State<Arc<state::State>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let guarded = path.starts_with("/v1/") || path == "/metrics";
    if guarded && let Err(problem) = check(&state, request.headers()) {
        return problem.into_response();
    }
    next.run(request).await
}

fn check(state: &state::State, headers: &HeaderMap) -> Result<(), Problem> {
    let origin = headers.get(header::ORIGIN);
    // Browsers say when a page from elsewhere asks, over plain HTTP only by the origin; programs send neither.
    let elsewhere = match headers.get("sec-fetch-site") {
        Some(site) => site == "cross-site" || site == "same-site",
        None => origin.is_some_and(|origin| !is_of_host(origin, headers.get(header::HOST))),
    };
    let allowed = origin.is_some_and(|origin| state.origins.iter().any(|one| one.is(origin)));
    if elsewhere && !allowed {
        let message = "a page of another origin asked: start the server with --allow-origin ORIGIN, \
                       or use its own page";
        return Err(Problem::new(StatusCode::FORBIDDEN, message));
    }
    let Some(token) = &state.token else { return Ok(()) };
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        let message = "this server wants a token: send Authorization: Bearer TOKEN";
        return Err(Problem::unauthorized(message));
    };
    let given = given.as_bytes();
    let bearer =
        given.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
    let Some((_, given)) = bearer else {
        let message = "the Authorization is of another kind: send Authorization: Bearer TOKEN";
        return Err(Problem::unauthorized(message));
    };
    if token.admits(given.trim_ascii()) {
        Ok(())
    } else {
        Err(Problem::unauthorized("the token is not the one that this server wants"))
    }
}

/// Tells whether `origin` is a page of the server that the request names.
fn is_of_host(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let (Ok(origin), Some(Ok(host))) = (origin.to_str(), host.map(HeaderValue::to_str)) else {
        return false;
    };
    origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}
