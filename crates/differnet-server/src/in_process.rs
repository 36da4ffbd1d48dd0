//! The server without its sockets: requests are values, for tests that ask very often.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use futures_util::stream;
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tokio::runtime::Runtime;

use crate::error::ServerError;
use crate::routes::router;
use crate::server::{ServerConfig, prepare};
use crate::state::State;

/// A request as it is after its head has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainRequest {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, in the parts in which it arrives.
    pub body: Vec<Vec<u8>>,
    /// What follows the last part.
    pub end: BodyEnd,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// As announced.
    Complete,
    /// The connection breaks off.
    BrokenOff,
}

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainAnswer {
    /// The status code.
    pub status: u16,
    /// The Content-Type.
    pub media_type: Option<String>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// A server that is asked by calls. It listens nowhere and looks at no model file again.
pub struct InProcess {
    state: Arc<State>,
    worker: Option<JoinHandle<()>>,
    runtime: Runtime,
    router: TowerToHyperService<Router>,
}

impl InProcess {
    /// Loads the models. Where to listen, and how often to look at model files, is ignored.
    ///
    /// # Errors
    /// [`ServerError`] if a model cannot be loaded or a limit is 0.
    pub fn start(config: ServerConfig) -> Result<Self, ServerError> {
        config.limits.validate()?;
        let (state, worker) = prepare(config)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|source| ServerError::Threads { source })?;
        let router = TowerToHyperService::new(router(&state));
        Ok(Self { state, worker: Some(worker), runtime, router })
    }

    /// The answer to a request; `None` if it has a form that HTTP does not allow, so that it would
    /// have been refused before.
    pub fn answer(&self, request: &PlainRequest) -> Option<PlainAnswer> {
        let mut builder =
            Request::builder().method(request.method.as_str()).uri(request.target.as_str());
        for (name, value) in &request.headers {
            builder = builder.header(name, value.as_slice());
        }
        let broken = (request.end == BodyEnd::BrokenOff)
            .then(|| Err(io::Error::from(io::ErrorKind::UnexpectedEof)));
        let parts: Vec<io::Result<Bytes>> =
            request.body.iter().map(|part| Ok(Bytes::from(part.clone()))).chain(broken).collect();
        let request = builder.body(Body::from_stream(stream::iter(parts))).ok()?;
        self.runtime.block_on(async {
            let response = match self.router.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (head, body) = response.into_parts();
            let media_type = head.headers.get(header::CONTENT_TYPE);
            let media_type = media_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
            let body = body.collect().await.map(|body| body.to_bytes().to_vec());
            Some(PlainAnswer {
                status: head.status.as_u16(),
                media_type,
                body: body.unwrap_or_default(),
            })
        })
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.state.queue.close();
        if let Some(worker) = self.worker.take() {
            // A thread that died has said so in the answers.
            let _ = worker.join();
        }
    }
}
