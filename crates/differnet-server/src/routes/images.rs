//! Images in, scores or maps out.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use differnet::prediction::{MapPrediction, Prediction};
use differnet_data::ImageError;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use super::models::named;
use super::{Shared, json};
use crate::body::{self, Held};
use crate::model::Model;
use crate::openapi::{ImageBytes, ImageParts, Maps, Scores};
use crate::pictures::Pictures;
use crate::problem::{Problem, Told};
use crate::queue::{Job, Refusal, Reply, Task, WantedPictures};
use crate::state;
use crate::upload::{self, Form, Upload, UploadedImage, status_of};

/// Query parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Name of an image that is the body itself.
    name: Option<String>,
    /// Pictures of maps, separated by commas: `pictures`, `map`.
    include: Option<String>,
}

/// A map and its pictures.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Map)]
pub(crate) struct Localized {
    #[serde(flatten)]
    answer: MapPrediction,
    #[serde(flatten)]
    pictures: Pictures,
}

/// Answer for one image: its status, where it is the only one, and JSON.
struct Line {
    status: StatusCode,
    json: String,
    /// Fault in the image, for the log.
    told: Option<Told>,
}

/// Scores of images
#[utoipa::path(
    post,
    path = "/v1/models/{name}/score",
    params(
        ("name" = String, Path, description = "The model's name"),
        ("name" = Option<String>, Query, description = "Name of an image that is the body itself, else `image`")
    ),
    request_body(content(
        (ImageBytes = "application/octet-stream"),
        (ImageBytes = "image/*"),
        (ImageParts = "multipart/form-data")
    )),
    responses(Scores),
    security((), ("token" = []))
)]
pub(crate) async fn score(
    State(state): Shared,
    name: Result<Path<String>, PathRejection>,
    options: Result<Query<Options>, QueryRejection>,
    request: Request,
) -> Response {
    let task = |_: &Model, options: &Options| match options.include {
        None => Ok(Task::Score),
        Some(_) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "scores have no pictures: ask for localize, or leave out include",
        )),
    };
    respond(&state, name, options, task, request).await
}

/// Anomaly maps of images
#[utoipa::path(
    post,
    path = "/v1/models/{name}/localize",
    params(
        ("name" = String, Path, description = "The model's name"),
        ("name" = Option<String>, Query, description = "Name of an image that is the body itself, else `image`"),
        (
            "include" = Option<String>,
            Query,
            description = "Pictures of the map, separated by commas: pictures (picture and layer), map"
        )
    ),
    request_body(content(
        (ImageBytes = "application/octet-stream"),
        (ImageBytes = "image/*"),
        (ImageParts = "multipart/form-data")
    )),
    responses(Maps),
    security((), ("token" = []))
)]
pub(crate) async fn localize(
    State(state): Shared,
    name: Result<Path<String>, PathRejection>,
    options: Result<Query<Options>, QueryRejection>,
    request: Request,
) -> Response {
    let task = |model: &Model, options: &Options| {
        if !model.model.localizes() {
            let method = model.model.header().config.method.method();
            let message = format!(
                "{} is a model of {method}, which does not say where a defect is",
                model.name
            );
            return Err(Problem::new(StatusCode::BAD_REQUEST, message));
        }
        wanted(options.include.as_deref()).map(Task::Localize)
    };
    respond(&state, name, options, task, request).await
}

/// The pictures that `include` names.
fn wanted(include: Option<&str>) -> Result<WantedPictures, Problem> {
    let mut wanted = WantedPictures::default();
    for word in include.unwrap_or_default().split(',').filter(|word| !word.is_empty()) {
        match word {
            "pictures" => wanted.small = true,
            "map" => wanted.map = true,
            _ => {
                let message = format!("include={word:?} is not known: use pictures or map");
                return Err(Problem::new(StatusCode::BAD_REQUEST, message));
            }
        }
    }
    Ok(wanted)
}

async fn respond(
    state: &Arc<state::State>,
    name: Result<Path<String>, PathRejection>,
    options: Result<Query<Options>, QueryRejection>,
    task: impl FnOnce(&Model, &Options) -> Result<Task, Problem>,
    request: Request,
) -> Response {
    let start = Instant::now();
    let asked = named(state, name).and_then(|model| {
        let unknown = |_| {
            let message = "after the question mark only name and include are understood";
            Problem::new(StatusCode::BAD_REQUEST, message)
        };
        let Query(options) = options.map_err(unknown)?;
        let task = task(&model, &options)?;
        Ok((model, task, options.name))
    });
    let (model, task, image_name) = match asked {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    let (head, body) = request.into_parts();
    let limits = &state.limits;
    let read = body::read(&head.headers, body, limits, &state.memory, start).await;
    let answered = async {
        let (bytes, held) = read?;
        let upload = upload::images(&head.headers, bytes, image_name.as_deref(), limits).await?;
        let form = upload.form;
        let lines = answers(state, &model, task, upload, held, start).await?;
        Ok::<_, Problem>(join(form, lines))
    };
    answered.await.unwrap_or_else(IntoResponse::into_response)
}

/// The answer to every image, in order.
async fn answers(
    state: &state::State,
    model: &Arc<Model>,
    task: Task,
    upload: Upload,
    held: Held,
    start: Instant,
) -> Result<Vec<Line>, Problem> {
    let (deadline, held) = (start + state.limits.deadline, Arc::new(held));
    let (mut jobs, mut waiting) = (Vec::new(), Vec::new());
    for UploadedImage { name, bytes, usable } in upload.images {
        if let Err(error) = usable {
            if task == Task::Score {
                state.metrics.judged(&model.name, None);
            }
            waiting.push((name, Err(error)));
            continue;
        }
        let (reply, answered) = oneshot::channel();
        let held = Arc::clone(&held);
        let (model, deadline) = (Arc::clone(model), deadline.into_std());
        jobs.push(Job { model, task, name: name.clone(), bytes, _held: held, deadline, reply });
        waiting.push((name, Ok(answered)));
    }
    state.queue.push(jobs).map_err(|refusal| refused(state, refusal))?;
    let mut lines = Vec::with_capacity(waiting.len());
    for (name, answered) in waiting {
        let line = match answered {
            Err(error) => failed::<()>(&name, error),
            Ok(answered) => match timeout_at(deadline, answered).await {
                Ok(Ok(reply)) => line(&name, reply)?,
                Ok(Err(_)) if Instant::now() < deadline => return Err(Problem::fault()),
                Ok(Err(_)) | Err(_) => return Err(too_late(state.limits.deadline)),
            },
        };
        lines.push(line);
    }
    Ok(lines)
}

fn refused(state: &state::State, refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Full => {
            let waiting = state.queue.len();
            let message =
                format!("{waiting} images are waiting, there is no room: try again later");
            let seconds = state.retry_after.seconds(waiting);
            Problem::new(StatusCode::TOO_MANY_REQUESTS, message).retry_after(seconds)
        }
        Refusal::Closed => {
            let message = "the server ends and takes no more images";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, message).retry_after(1)
        }
    }
}

fn too_late(deadline: Duration) -> Problem {
    let seconds = deadline.as_secs_f64();
    let message = format!("no result within {seconds} seconds: try again when less is asked for");
    Problem::new(StatusCode::GATEWAY_TIMEOUT, message).retry_after(1)
}

/// Line of a reply.
fn line(name: &std::path::Path, reply: Reply) -> Result<Line, Problem> {
    match reply {
        Reply::Score(Ok(answer)) => found(Prediction::Found(answer)),
        Reply::Score(Err(error)) => Ok(failed::<()>(name, error)),
        Reply::Map(found_map) => match *found_map {
            Ok((answer, pictures)) => found(Prediction::Found(Localized { answer, pictures })),
            Err(error) => Ok(failed::<()>(name, error)),
        },
        Reply::Fault => Err(Problem::fault()),
    }
}

fn found<T: Serialize>(answer: Prediction<T>) -> Result<Line, Problem> {
    let json = serde_json::to_string(&answer).map_err(|_| Problem::fault())?;
    Ok(Line { status: StatusCode::OK, json, told: None })
}

fn failed<T: Serialize>(name: &std::path::Path, error: ImageError) -> Line {
    let status = status_of(&error);
    let told = error.with_causes();
    let answer = Prediction::<T>::new(name, Err(error));
    let json = serde_json::to_string(&answer).expect("texts are always JSON");
    Line { status, json, told: Some(Told(told)) }
}

/// One image is an object with a status of its own, several are an array.
fn join(form: Form, mut lines: Vec<Line>) -> Response {
    match (form, lines.pop()) {
        (Form::Single, Some(line)) => {
            let mut response = json(line.json);
            *response.status_mut() = line.status;
            if let Some(told) = line.told {
                response.extensions_mut().insert(told);
            }
            response
        }
        (_, last) => {
            let lines: Vec<String> = lines.into_iter().chain(last).map(|line| line.json).collect();
            json(format!("[{}]", lines.join(",")))
        }
    }
}
