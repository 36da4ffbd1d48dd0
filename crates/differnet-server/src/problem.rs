//! Responses to requests that cannot be served: a status and a plain message.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Response to a request that is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

/// The message of a response, for the log.
#[derive(Debug, Clone)]
pub(crate) struct Told(pub(crate) String);

/// Reason for not serving a request.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Error message: the fault and its remedy.
    error: &'a str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), header: None }
    }

    /// The same, to be tried again after `seconds`.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { header: Some((header::RETRY_AFTER, HeaderValue::from(seconds))), ..self }
    }

    /// A token is missing or wrong.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        let scheme = HeaderValue::from_static("Bearer");
        let header = Some((header::WWW_AUTHENTICATE, scheme));
        Self { header, ..Self::new(StatusCode::UNAUTHORIZED, message) }
    }

    /// A fault of this program, whose cause stands in the log.
    pub(crate) fn fault() -> Self {
        let message = "a fault in the server; its log says more under this request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, message, header } = self;
        let mut response = (status, Json(ProblemBody { error: &message })).into_response();
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(Told(message));
        response
    }
}
