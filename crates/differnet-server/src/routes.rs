//! Addresses and their handlers.

pub(crate) mod images;
pub(crate) mod models;
mod page;
pub(crate) mod status;

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};

use crate::openapi::DOCUMENT;
use crate::problem::Problem;
use crate::state::State;
use crate::{auth, middleware, origin};

/// Handlers' view of what all requests share.
pub(crate) type Shared = axum::extract::State<Arc<State>>;

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

/// Returns the handler of each of [`ADDRESSES`].
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

/// This document
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, description = "OpenAPI 3.1")))]
pub(crate) async fn openapi() -> impl IntoResponse {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
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
