//! Authentication of requests: the token, and the origins of web pages.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
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
    // Browsers say so when a page from elsewhere asks; programs do not send the header.
    let site = headers.get("sec-fetch-site");
    let elsewhere = site.is_some_and(|site| site == "cross-site" || site == "same-site");
    let origin = headers.get(header::ORIGIN);
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
