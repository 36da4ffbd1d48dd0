//! Ctrl-C and the request to terminate: noted at first, obeyed at once the second time.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use crate::output::tell;

/// Whether the user asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    requested: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens from now on; may be called once.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Self::listen_then(|| tell("\nStopping; press Ctrl-C again to end at once."))
    }

    /// As [`Self::listen`]; calls `stop` at the first request, in another thread, and says nothing.
    pub(crate) fn listen_then(mut stop: impl FnMut() + Send + 'static) -> anyhow::Result<Self> {
        let requested = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&requested);
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            stop();
        })
        .context("cannot listen for Ctrl-C")?;
        Ok(Self { requested })
    }

    /// Whether the user asked to stop.
    pub(crate) fn requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// What a callback returns: go on unless the user asked to stop.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        if self.requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
