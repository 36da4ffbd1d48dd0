//! Whether the server is alive and ready, and what it has counted.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Shared, told};
use crate::problem::Problem;

pub(super) async fn live() -> Response {
    told(StatusCode::OK, json!({ "live": true }))
}

pub(super) async fn ready(State(state): Shared) -> Response {
    if state.is_ready() {
        told(StatusCode::OK, json!({ "ready": true }))
    } else {
        let message = "the server ends: it answers what it has accepted and takes nothing new";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response()
    }
}

pub(super) async fn metrics(State(state): Shared) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match state.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(_) => Problem::fault().into_response(),
    }
}
