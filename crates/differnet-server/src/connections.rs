//! Connections: accepted, served over TLS where there is, and drained at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::routes::router;
use crate::server::Drained;
use crate::state::State;
use crate::tls::Tls;

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 512;
/// Time that a drained request may take beyond its own limits.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);
/// Time for requests that were sent before the end, and have not been read yet, to be read.
const GRACE: Duration = Duration::from_millis(300);
/// Wait after the operating system had no connection to give, as when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until told to stop, then lets them finish.
pub(crate) async fn accept(
    listener: TcpListener,
    state: &Arc<State>,
    tls: Option<&Tls>,
    mut stopping: watch::Receiver<bool>,
) -> Drained {
    let (router, graceful) = (router(state), GracefulShutdown::new());
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let connect = |stream: TcpStream, place: Option<OwnedSemaphorePermit>| {
        let connection = Connection {
            router: router.clone(),
            header_time: state.limits.header_time,
            watcher: graceful.watcher(),
        };
        // Answers are small; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let acceptor = tls.map(Tls::acceptor);
        tokio::spawn(async move {
            match acceptor {
                None => connection.serve(stream).await,
                Some(acceptor) => {
                    match timeout(connection.header_time, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => connection.serve(stream).await,
                        Ok(Err(error)) => tracing::info!(%error, "no TLS"),
                        Err(_) => tracing::info!("no TLS in time"),
                    }
                }
            }
            drop(place);
        });
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

/// Handler of one connection.
struct Connection {
    router: Router,
    header_time: Duration,
    watcher: Watcher,
}

impl Connection {
    /// Answers requests until the connection ends.
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.header_time);
        let service = TowerToHyperService::new(self.router);
        let served = builder.serve_connection(TokioIo::new(stream), service);
        // Clients break connections off; what they did not hear is not worth a word.
        let _ = self.watcher.watch(served).await;
    }
}
