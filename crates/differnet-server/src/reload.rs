//! The thread that polls the files of models and of TLS.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use differnet_data::with_causes;

use crate::error::ServerError;
use crate::registry::Reload;
use crate::state::State;
use crate::tls::Tls;

/// Thread that polls the files.
pub(crate) struct Reloader {
    thread: Option<JoinHandle<()>>,
    /// Dropped to end the thread.
    running: mpsc::Sender<()>,
}

impl Reloader {
    /// Polls every `interval` from now on; never by itself without one.
    pub(crate) fn start(
        state: Arc<State>,
        tls: Option<Arc<Tls>>,
        interval: Option<Duration>,
    ) -> io::Result<Self> {
        let (running, ended) = mpsc::channel::<()>();
        let Some(interval) = interval else { return Ok(Self { thread: None, running }) };
        let work = move || {
            while ended.recv_timeout(interval) == Err(mpsc::RecvTimeoutError::Timeout) {
                poll(&state, tls.as_deref());
            }
        };
        let thread = thread::Builder::new().name("models".into()).spawn(work)?;
        Ok(Self { thread: Some(thread), running })
    }

    /// Ends the thread.
    pub(crate) fn stop(self) -> Result<(), ServerError> {
        drop(self.running);
        let ended = self.thread.map_or(Ok(()), JoinHandle::join);
        ended.map_err(|_| ServerError::Fault { thread: "models" })
    }
}

/// Polls once, counts and logs what became of changed files.
pub(crate) fn poll(state: &State, tls: Option<&Tls>) -> Vec<Reload> {
    if let Some(tls) = tls {
        tls.poll();
    }
    let reloads = state.models.poll();
    for reload in &reloads {
        state.metrics.reloaded(reload);
        let model = reload.name.as_str();
        match &reload.result {
            Ok(sha256) => tracing::info!(model, sha256, "model replaced"),
            Err(error) => {
                let error = with_causes(error);
                tracing::warn!(model, error, "model file changed, the old model stays");
            }
        }
    }
    reloads
}
