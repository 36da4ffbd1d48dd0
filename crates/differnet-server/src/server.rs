//! The server's threads, from the first connection to the last answer.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::body::BodyMemory;
use crate::connections;
use crate::error::ServerError;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::origin::Origin;
use crate::queue::Queue;
use crate::registry::{LoadModel, ModelFile, Registry};
use crate::reload::Reloader;
use crate::retry_after::RetryAfter;
use crate::state::State;
use crate::tls::{Tls, TlsFiles};
use crate::token::Token;
use crate::worker::Worker;

/// Threads that read requests and write answers. They compute nothing.
const HTTP_THREADS: usize = 2;
/// Configuration of a server: what it serves, where and to whom.
pub struct ServerConfig {
    /// Address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Models to serve.
    pub models: Vec<ModelFile>,
    /// Loads a model at the start and whenever its file changes; its limits on pixels are replaced by
    /// those of `limits`.
    pub load: Box<LoadModel>,
    /// Token that requests have to carry; `None` lets everybody ask.
    pub token: Option<Token>,
    /// Protection required where other machines reach the server.
    pub remote_access: RemoteAccess,
    /// Web pages that may use the server besides its own.
    pub origins: Vec<Origin>,
    /// Files for TLS; `None` for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whether an image gets no more transforms than its verdict needs.
    pub adaptive: bool,
    /// Limits on the load that the server accepts.
    pub limits: Limits,
    /// Interval at which the files of models and of TLS are polled; `None` to poll only when told to.
    pub poll_every: Option<Duration>,
}

/// Protection required before a server listens where other machines reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteAccess {
    /// A token or clients' certificates, and TLS, without which a token can be read on its way.
    Guarded,
    /// A token: something else encrypts, such as a proxy or a private network.
    PlainHttp,
    /// Nothing: something else keeps others out.
    Open,
}

impl ServerConfig {
    /// Nothing, unless others could use the server, or read what is sent, against its settings.
    fn require_guarded(&self) -> Result<(), ServerError> {
        let address = self.listen;
        let certified = self.tls.as_ref().is_some_and(|tls| tls.client_authorities.is_some());
        if address.ip().is_loopback() || self.remote_access == RemoteAccess::Open {
            return Ok(());
        }
        if self.token.is_none() && !certified {
            return Err(ServerError::OpenToOthers { address });
        }
        if self.tls.is_none() && self.remote_access == RemoteAccess::Guarded {
            return Err(ServerError::PlainToOthers { address });
        }
        Ok(())
    }
}

/// Outcome of draining a server's connections at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every accepted request was answered.
    Completely,
    /// Some connections were still open when all limits on time were over.
    Partly,
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    stop: Stopper,
    state: Arc<State>,
    tls: Option<Arc<Tls>>,
    http: JoinHandle<Drained>,
    worker: JoinHandle<()>,
    reloader: Reloader,
}

/// Ends a server, from any thread.
#[derive(Debug, Clone)]
pub struct Stopper {
    stopped: Arc<watch::Sender<bool>>,
}

impl Stopper {
    /// Makes the server unready, stops accepting, and lets what was accepted finish.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }
}

impl Server {
    /// Loads the models and listens. When this returns, requests are answered.
    ///
    /// # Errors
    /// [`ServerError`] if a model or a file for TLS cannot be loaded, a limit is 0, or the address cannot be
    /// listened on or is not guarded as `remote_access` wants.
    pub fn start(config: ServerConfig) -> Result<Self, ServerError> {
        let (listen, poll_every) = (config.listen, config.poll_every);
        config.limits.validate()?;
        config.require_guarded()?;
        let tls = config.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
        // Before the models, which take long: a port in use is told at once.
        let listener = std::net::TcpListener::bind(listen)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|source| ServerError::Listen { address: listen, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| ServerError::Listen { address: listen, source })?;
        let threads = |source| ServerError::Threads { source };
        let (state, worker) = prepare(config)?;
        let reloader = Reloader::start(Arc::clone(&state), tls.clone(), poll_every);
        let reloader = reloader.map_err(threads)?;
        let (stopped, stopping) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(HTTP_THREADS)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(threads)?;
        let (shared, served_tls) = (Arc::clone(&state), tls.clone());
        let (told, started) = mpsc::sync_channel(1);
        let http = thread::Builder::new()
            .name("http".into())
            .spawn(move || {
                serve(&runtime, listener, &shared, served_tls.as_deref(), stopping, &told)
            })
            .map_err(threads)?;
        let fault = ServerError::Fault { thread: "http" };
        started.recv().map_err(|_| fault)?.map_err(threads)?;
        let stop = Stopper { stopped: Arc::new(stopped) };
        tracing::info!(%address, "listening");
        Ok(Self { address, stop, state, tls, http, worker, reloader })
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the handle that ends it.
    pub fn stopper(&self) -> Stopper {
        self.stop.clone()
    }

    /// Polls the files of models and of TLS now; a changed one is loaded at the second poll that sees no
    /// more changes.
    pub fn poll_files(&self) -> Vec<crate::Reload> {
        crate::reload::poll(&self.state, self.tls.as_deref())
    }

    /// Waits until it was told to stop and everything accepted is answered.
    ///
    /// # Errors
    /// [`ServerError::Fault`] if one of its threads died.
    pub fn wait(self) -> Result<Drained, ServerError> {
        let drained = self.http.join().map_err(|_| ServerError::Fault { thread: "http" });
        self.state.queue.close();
        self.worker.join().map_err(|_| ServerError::Fault { thread: "scoring" })?;
        self.reloader.stop()?;
        tracing::info!("stopped");
        drained
    }
}

/// Loads the models and starts the thread that scores: all that is needed besides connections. The
/// limits have been validated.
pub(crate) fn prepare(config: ServerConfig) -> Result<(Arc<State>, JoinHandle<()>), ServerError> {
    let ServerConfig { models, load, token, origins, adaptive, limits, .. } = config;
    let decoding = limits.decoding();
    let limited = move |path: &Path| {
        let model = load(path)?;
        let runtime = model.runtime().clone().with_limits(decoding.clone());
        Ok(model.with_runtime(&runtime))
    };
    let models = Arc::new(Registry::load(models, Box::new(limited))?);
    let (queue, retry_after) =
        (Arc::new(Queue::new(limits.queue)), Arc::new(RetryAfter::default()));
    let metrics = Arc::new(Metrics::new(Arc::clone(&queue), Arc::clone(&models)));
    let worker = Worker {
        queue: Arc::clone(&queue),
        metrics: Arc::clone(&metrics),
        retry_after: Arc::clone(&retry_after),
        batch: limits.batch,
        adaptive,
    };
    let worker = thread::Builder::new()
        .name("scoring".into())
        .spawn(move || worker.run())
        .map_err(|source| ServerError::Threads { source })?;
    let state = Arc::new(State {
        models,
        queue,
        metrics,
        retry_after,
        memory: BodyMemory::new(limits.bodies_bytes),
        limits,
        token,
        origins,
        ready: AtomicBool::new(true),
        run: run_name(),
        requests: AtomicU64::new(0),
    });
    Ok((state, worker))
}

/// Runs the asynchronous part; says through `told` whether it could begin.
fn serve(
    runtime: &Runtime,
    listener: std::net::TcpListener,
    state: &Arc<State>,
    tls: Option<&Tls>,
    stopping: watch::Receiver<bool>,
    told: &mpsc::SyncSender<io::Result<()>>,
) -> Drained {
    runtime.block_on(async {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                let _ = told.send(Err(error));
                return Drained::Completely;
            }
        };
        let _ = told.send(Ok(()));
        connections::accept(listener, state, tls, stopping).await
    })
}

/// A text that is another one in each run: when it began, in microseconds.
fn run_name() -> String {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}", time.as_micros())
}
