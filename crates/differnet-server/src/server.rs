//! The server's threads, from the first connection to the last answer.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::body::BodyMemory;
use crate::error::ServerError;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::pace::Pace;
use crate::queue::Queue;
use crate::registry::{LoadModel, ModelFile, Registry};
use crate::reload::Reloader;
use crate::routes::router;
use crate::state::State;
use crate::token::Token;
use crate::worker::Worker;

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 512;
/// Threads that read requests and write answers. They compute nothing.
const HTTP_THREADS: usize = 2;
/// What a drained request may take beyond its own limits.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);
/// Time for requests that were sent before the end, and have not been read yet, to be read.
const GRACE: Duration = Duration::from_millis(300);
/// Wait after the operating system had no connection to give, as when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a server serves, where and to whom.
pub struct ServerConfig {
    /// Where to listen; port 0 for any that is free.
    pub listen: SocketAddr,
    /// What to serve.
    pub models: Vec<ModelFile>,
    /// Loads a model at the start and whenever its file changes; its limits on pixels are replaced by
    /// those of `limits`.
    pub load: Box<LoadModel>,
    /// Who may ask; `None` for everybody.
    pub token: Option<Token>,
    /// Whether machines other than this one may be let in without a token.
    pub strangers: Strangers,
    /// Whether an image gets no more transforms than its verdict needs.
    pub adaptive: bool,
    /// How much to take upon itself.
    pub limits: Limits,
    /// Time between two looks at the model files; `None` to look only when told to.
    pub look_every: Option<Duration>,
}

/// Whether a server without a token may listen where other machines reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// No.
    Refuse,
    /// Yes: something else keeps strangers out.
    Allow,
}

/// How a server ended.
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
    /// [`ServerError`] if a model cannot be loaded, a limit is 0, the address cannot be listened on
    /// or is open to strangers.
    pub fn start(config: ServerConfig) -> Result<Self, ServerError> {
        let (listen, look_every) = (config.listen, config.look_every);
        let private = config.token.is_none() && config.strangers == Strangers::Refuse;
        config.limits.validate()?;
        if private && !listen.ip().is_loopback() {
            return Err(ServerError::OpenToOthers { address: listen });
        }
        // Before the models, which take long: a port in use is told at once.
        let listener = std::net::TcpListener::bind(listen)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|source| ServerError::Listen { address: listen, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| ServerError::Listen { address: listen, source })?;
        let threads = |source| ServerError::Threads { source };
        let (state, worker) = prepare(config)?;
        let (models, metrics) = (Arc::clone(&state.models), Arc::clone(&state.metrics));
        let reloader = Reloader::start(models, metrics, look_every).map_err(threads)?;
        let (stopped, stopping) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(HTTP_THREADS)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(threads)?;
        let (shared, (told, started)) = (Arc::clone(&state), mpsc::sync_channel(1));
        let http = thread::Builder::new()
            .name("http".into())
            .spawn(move || serve(&runtime, listener, &shared, stopping, &told))
            .map_err(threads)?;
        let fault = ServerError::Fault { thread: "http" };
        started.recv().map_err(|_| fault)?.map_err(threads)?;
        let stop = Stopper { stopped: Arc::new(stopped) };
        tracing::info!(%address, "listening");
        Ok(Self { address, stop, state, http, worker, reloader })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What ends it.
    pub fn stopper(&self) -> Stopper {
        self.stop.clone()
    }

    /// Looks at the model files now; a changed one is loaded at the second look that sees no more
    /// changes.
    pub fn look_at_models(&self) -> Vec<crate::Reload> {
        crate::reload::look(&self.state.models, &self.state.metrics)
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
    let ServerConfig { models, load, token, adaptive, limits, .. } = config;
    let decoding = limits.decoding();
    let limited = move |path: &Path| {
        let model = load(path)?;
        let runtime = model.runtime().clone().with_limits(decoding.clone());
        Ok(model.with_runtime(&runtime))
    };
    let models = Arc::new(Registry::load(models, Box::new(limited))?);
    let (queue, pace) = (Arc::new(Queue::new(limits.queue)), Arc::new(Pace::default()));
    let metrics = Arc::new(Metrics::new(Arc::clone(&queue), Arc::clone(&models)));
    let worker = Worker {
        queue: Arc::clone(&queue),
        metrics: Arc::clone(&metrics),
        pace: Arc::clone(&pace),
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
        pace,
        memory: BodyMemory::new(limits.bodies_bytes),
        limits,
        token,
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
        accept(listener, state, stopping).await
    })
}

/// Accepts connections until told to stop, then lets them finish.
async fn accept(
    listener: TcpListener,
    state: &Arc<State>,
    mut stopping: watch::Receiver<bool>,
) -> Drained {
    let (router, graceful) = (router(state), GracefulShutdown::new());
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let connect = |stream: TcpStream, place| {
        connection(stream, router.clone(), &state.limits, &graceful, place);
    };
    let stopped = stopping.wait_for(|stopped| *stopped);
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, place.ok())
        };
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            (accepted, place) = next => match accepted {
                Ok((stream, _)) => connect(stream, place),
                Err(error) => {
                    tracing::warn!(%error, "no connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    state.ready.store(false, Ordering::Relaxed);
    tracing::info!("stopping");
    // Clients whose connections wait in the backlog believe to be connected.
    while let Ok(Ok((stream, _))) = timeout(Duration::ZERO, listener.accept()).await {
        connect(stream, None);
    }
    drop(listener);
    // Connections on which nothing was read are closed next.
    tokio::time::sleep(GRACE).await;
    let limits = &state.limits;
    let longest = limits.header_time + limits.deadline + DRAIN_MARGIN;
    match timeout(longest, graceful.shutdown()).await {
        Ok(()) => Drained::Completely,
        Err(_) => Drained::Partly,
    }
}

/// Serves one connection in a task of its own, which holds its `place` until it is closed.
fn connection(
    stream: TcpStream,
    router: Router,
    limits: &Limits,
    graceful: &GracefulShutdown,
    place: Option<tokio::sync::OwnedSemaphorePermit>,
) {
    // Answers are small; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header_time);
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let served = graceful.watch(served);
    tokio::spawn(async move {
        // Clients break connections off; what they did not hear is not worth a word.
        let _ = served.await;
        drop(place);
    });
}

/// A text that is another one in each run: when it began, in microseconds.
fn run_name() -> String {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}", time.as_micros())
}
