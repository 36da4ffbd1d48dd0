//! The server without its sockets: a service that answers requests given as values.

use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;

use crate::error::ServerError;
use crate::routes::router;
use crate::server::{ServerConfig, prepare};
use crate::state::State;

/// Routes and the thread that scores behind them. It listens nowhere and polls no model file.
pub struct Application {
    state: Arc<State>,
    worker: Option<JoinHandle<()>>,
}

impl Application {
    /// Loads the models. Where to listen, and how often to poll model files, is ignored.
    ///
    /// # Errors
    /// [`ServerError`] if a model cannot be loaded or a limit is 0.
    pub fn new(config: ServerConfig) -> Result<Self, ServerError> {
        config.limits.validate()?;
        let (state, worker) = prepare(config)?;
        Ok(Self { state, worker: Some(worker) })
    }

    /// A service of all addresses, such as for `tower::ServiceExt::oneshot`; it needs a Tokio runtime with
    /// time, and the application alive.
    pub fn router(&self) -> Router {
        router(&self.state)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.state.queue.close();
        if let Some(worker) = self.worker.take() {
            // A thread that died has said so in the answers.
            let _ = worker.join();
        }
    }
}
