//! Ctrl-C and the request to terminate: noted at first, obeyed at once the second time.

use anyhow::Context;
use differnet::Error;
use differnet::progress::CancelToken;

use crate::exit::Interrupted;
use crate::output::tell;

/// Cancellation at the user's request.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    token: CancelToken,
}

impl Interrupt {
    /// Listens from now on; may be called once.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Self::listen_then(|| tell("\nStopping; press Ctrl-C again to end at once."))
    }

    /// As [`Self::listen`]; calls `stop` at the first request, in another thread, and says nothing.
    pub(crate) fn listen_then(mut stop: impl FnMut() + Send + 'static) -> anyhow::Result<Self> {
        let token = CancelToken::new();
        let cancelled = token.clone();
        ctrlc::set_handler(move || {
            if cancelled.is_cancelled() {
                std::process::exit(130);
            }
            cancelled.cancel();
            stop();
        })
        .context("cannot listen for Ctrl-C")?;
        Ok(Self { token })
    }

    /// Tells whether the user asked to stop.
    pub(crate) fn requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// The token that is cancelled when the user asks to stop.
    pub(crate) fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Checks that the user did not ask to stop; else an error that says `what` was kept.
    pub(crate) fn check(&self, what: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.requested() { Err(Interrupted(what()).into()) } else { Ok(()) }
    }
}

/// The result of a cancelled operation as the end of the program; `kept` says what was kept.
pub(crate) fn stopped<T>(result: Result<T, Error>, kept: &str) -> anyhow::Result<T> {
    result.map_err(|error| match error {
        Error::Cancelled(_) => Interrupted(kept.to_owned()).into(),
        other => other.into(),
    })
}
