//! Scores images over HTTP with models of `differnet`: micro-batches, limits, hot reload, metrics and
//! a page.
//!
//! A [`Server`] is started from a [`ServerConfig`] and stopped by its [`Stopper`]. Requests are read
//! on a few threads that compute nothing; their images go through one bounded queue to one thread
//! that scores, and what does not fit is refused at once. A score is the one that
//! [`Model::scores`](differnet::Model::scores) gives of the same bytes.
//! Logs are events of `tracing`; this crate knows nothing of terminals.

mod application;
mod auth;
mod body;
mod changes;
mod connections;
mod error;
mod limits;
mod metrics;
mod middleware;
mod model;
mod openapi;
mod origin;
mod panics;
mod pictures;
mod problem;
mod queue;
mod registry;
mod reload;
mod retry_after;
mod routes;
mod server;
mod state;
mod tls;
mod token;
mod upload;
mod worker;

pub use application::Application;
pub use error::ServerError;
pub use limits::Limits;
pub use origin::Origin;
pub use registry::{LoadModel, ModelFile, Reload};
pub use server::{Drained, RemoteAccess, Server, ServerConfig, Stopper};
pub use tls::TlsFiles;
pub use token::Token;
