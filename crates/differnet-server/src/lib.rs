//! Scores images over HTTP with models of `differnet`: micro-batches, limits, hot reload, metrics and
//! a page.
//!
//! A [`Server`] is started from a [`ServerConfig`] and stopped by its [`Stopper`]. Requests are read
//! on a few threads that compute nothing; their images go through one bounded queue to one thread
//! that scores, and what does not fit is refused at once. A score is the one that
//! [`Model::scores`](differnet::Model::scores) gives of the same bytes.
//! Logs are events of `tracing`; this crate knows nothing of terminals.

mod around;
mod body;
mod error;
mod guard;
mod in_process;
mod limits;
mod metrics;
mod model;
mod pace;
mod panics;
mod pictures;
mod problem;
mod queue;
mod registry;
mod reload;
mod routes;
mod server;
mod state;
mod token;
mod upload;
mod worker;

pub use error::ServerError;
pub use in_process::{BodyEnd, InProcess, PlainAnswer, PlainRequest};
pub use limits::Limits;
pub use registry::{LoadModel, ModelFile, Reload};
pub use server::{Drained, Server, ServerConfig, Stopper, Strangers};
pub use token::Token;
