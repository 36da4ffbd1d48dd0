//! Descriptions of the models.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Shared, answer};
use crate::model::{Model, ModelDescription};
use crate::openapi::Guarded;
use crate::problem::{Problem, ProblemBody};

/// All models.
#[derive(Serialize, ToSchema)]
#[schema(as = Models)]
pub(crate) struct List<'a> {
    /// Without `good_scores` and `line`.
    models: Vec<ModelDescription<'a>>,
}

/// The models
#[utoipa::path(
    get,
    path = "/v1/models",
    responses((status = 200, description = "All models, without good_scores and line", body = List<'_>), Guarded),
    security((), ("token" = []))
)]
pub(crate) async fn list(State(state): Shared) -> Response {
    let models: Vec<Arc<Model>> = state.models.all().collect();
    answer(&List { models: models.iter().map(|model| model.describe()).collect() })
}

/// One model
#[utoipa::path(
    get,
    path = "/v1/models/{name}",
    params(("name" = String, Path, description = "The model's name")),
    responses(
        (status = 200, description = "The model", body = ModelDescription<'_>),
        Guarded,
        (status = 404, description = "No such model", body = ProblemBody<'_>)
    ),
    security((), ("token" = []))
)]
pub(crate) async fn one(
    State(state): Shared,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    match named(&state, name) {
        Ok(model) => answer(&model.describe_fully()),
        Err(problem) => problem.into_response(),
    }
}

/// The model that an address names.
pub(super) fn named(
    state: &crate::state::State,
    name: Result<Path<String>, PathRejection>,
) -> Result<Arc<Model>, Problem> {
    let unknown = |which: &str| {
        let known: Vec<String> = state.models.all().map(|model| model.name.clone()).collect();
        let message = format!("there is no model {which}; there are: {}", known.join(", "));
        Problem::new(StatusCode::NOT_FOUND, message)
    };
    let Path(name) = name.map_err(|_| unknown("whose name is not UTF-8"))?;
    state.models.get(&name).ok_or_else(|| unknown(&format!("{name:?}")))
}
