//! Liveness and readiness of the server, and its metrics.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Shared, told};
use crate::openapi::Guarded;
use crate::problem::{Problem, ProblemBody};

/// Tells whether the server lives
#[utoipa::path(get, path = "/v2/health/live", responses((status = 200, description = "It does")))]
pub(crate) async fn live() -> Response {
    told(StatusCode::OK, json!({ "live": true }))
}

/// Tells whether to send requests here
#[utoipa::path(
    get,
    path = "/v2/health/ready",
    responses(
        (status = 200, description = "Yes"),
        (status = 503, description = "No: the server ends", body = ProblemBody<'_>)
    )
)]
pub(crate) async fn ready(State(state): Shared) -> Response {
    if state.is_ready() {
        told(StatusCode::OK, json!({ "ready": true }))
    } else {
        let message = "the server ends: it answers what it has accepted and takes nothing new";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response()
    }
}

/// Counters for Prometheus
#[utoipa::path(
    get,
    path = "/metrics",
    responses((status = 200, description = "OpenMetrics text"), Guarded),
    security((), ("token" = []))
)]
pub(crate) async fn metrics(State(state): Shared) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match state.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(_) => Problem::fault().into_response(),
    }
}
