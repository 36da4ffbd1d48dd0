//! Which address is answered by what.

mod images;
mod models;
mod page;
mod status;

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};

use crate::problem::Problem;
use crate::state::State;
use crate::{auth, middleware, origin};

/// Handlers' view of what all requests share.
pub(crate) type Shared = axum::extract::State<Arc<State>>;

/// The document that describes every address under `/v1`, `/v2` and `/metrics`.
const OPENAPI: &str = include_str!("assets/openapi.json");

/// Addresses for programs, each in the document.
pub(crate) const ADDRESSES: [&str; 8] = [
    "/v1/models",
    "/v1/models/{name}",
    "/v1/models/{name}/score",
    "/v1/models/{name}/localize",
    "/v2/health/live",
    "/v2/health/ready",
    "/metrics",
    "/openapi.json",
];

/// What answers each of [`ADDRESSES`].
fn handlers() -> [MethodRouter<Arc<State>>; 8] {
    [
        get(models::list),
        get(models::one),
        post(images::score),
        post(images::localize),
        get(status::live),
        get(status::ready),
        get(status::metrics),
        get(openapi),
    ]
}

/// Everything that is served.
pub(crate) fn router(state: &Arc<State>) -> Router {
    let mut router = Router::new();
    for (address, handler) in ADDRESSES.into_iter().zip(handlers()) {
        router = router.route(address, handler);
    }
    let router = page::routes(router)
        .fallback(nothing_here)
        .method_not_allowed_fallback(other_method)
        .layer(from_fn_with_state(Arc::clone(state), auth::admit));
    let router = match origin::cors(&state.origins) {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router
        .layer(from_fn(middleware::headers))
        .layer(from_fn_with_state(Arc::clone(state), middleware::account))
        .with_state(Arc::clone(state))
}

async fn openapi() -> impl IntoResponse {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], OPENAPI)
}

async fn nothing_here(request: Request) -> Response {
    let message = format!("there is nothing at {}", request.uri().path());
    Problem::new(StatusCode::NOT_FOUND, message).into_response()
}

async fn other_method(method: Method, request: Request) -> Response {
    let message = format!("{} does not take {method}", request.uri().path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, message).into_response()
}

/// A body of JSON that exists already.
fn json(text: String) -> Response {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// A value as JSON.
fn answer(value: &impl serde::Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => json(text),
        Err(_) => Problem::fault().into_response(),
    }
}

/// A small value as JSON, with a status.
fn told(status: StatusCode, value: serde_json::Value) -> Response {
    (status, Json(value)).into_response()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_document_describes_every_address_and_no_other() {
        let document: Value = serde_json::from_str(OPENAPI).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        let mut described: Vec<&str> = paths.keys().map(String::as_str).collect();
        let mut served = ADDRESSES.to_vec();
        described.sort_unstable();
        served.sort_unstable();
        assert_eq!(described, served);
    }
}
