//! State shared by all requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::body::BodyMemory;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::origin::Origin;
use crate::queue::Queue;
use crate::registry::Registry;
use crate::retry_after::RetryAfter;
use crate::token::Token;

/// State shared by all requests.
pub(crate) struct State {
    pub(crate) models: Arc<Registry>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) retry_after: Arc<RetryAfter>,
    pub(crate) memory: BodyMemory,
    pub(crate) limits: Limits,
    pub(crate) token: Option<Token>,
    /// Web pages that may ask besides the server's own.
    pub(crate) origins: Vec<Origin>,
    /// Whether new requests should be sent here.
    pub(crate) ready: AtomicBool,
    /// Begins the ids of requests; another one in each run.
    pub(crate) run: String,
    pub(crate) requests: AtomicU64,
}

impl State {
    /// An id for a request that has none.
    pub(crate) fn next_id(&self) -> String {
        format!("{}-{}", self.run, self.requests.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}
