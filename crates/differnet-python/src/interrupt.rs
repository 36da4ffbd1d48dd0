//! Long calls: without the interpreter's lock, on a pool of threads, ended by Ctrl-C.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use differnet::progress::{CancelToken, Monitor, Progress};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::value_error;
use crate::progress::stage_name;

/// Interval at which Ctrl-C is polled.
const POLL: Duration = Duration::from_millis(50);
/// Most threads of a pool: stops mistakes, no machine.
const MOST_THREADS: usize = 4096;

/// Pools by process and number of threads; 0 for one a core.
///
/// By process, because threads do not survive a fork: a child that took its parent's pool would wait for ever.
type Pools = Mutex<Option<HashMap<(u32, usize), Arc<ThreadPool>>>>;
static POOLS: Pools = Mutex::new(None);

/// The pool of `threads` threads; 0 for one a core, or as many as `RAYON_NUM_THREADS` says.
fn pool(threads: usize) -> PyResult<Arc<ThreadPool>> {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pools = pools.get_or_insert_default();
    let key = (std::process::id(), threads);
    if let Some(pool) = pools.get(&key) {
        return Ok(pool.clone());
    }
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    let pool =
        pool.map_err(|error| value_error(format!("cannot start {threads} threads: {error}")))?;
    let pool = Arc::new(pool);
    pools.insert(key, pool.clone());
    Ok(pool)
}

/// The number of threads that Python asks for; 0 for one a core.
///
/// # Errors
/// `ValueError` if it is 0 or absurd.
pub(crate) fn thread_count(threads: Option<usize>) -> PyResult<usize> {
    match threads {
        None => Ok(0),
        Some(count @ 1..=MOST_THREADS) => Ok(count),
        Some(count) => Err(value_error(format!(
            "threads must be between 1 and {MOST_THREADS}, or None for one a core, found {count}"
        ))),
    }
}

/// Runs `work` with `threads` threads and without the interpreter's lock, and returns its result.
///
/// Ctrl-C cancels the monitor's token and is raised when the work has ended. `observer` is called with
/// what has been done, in this thread; an exception of it cancels, too.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    threads: usize,
    observer: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Monitor<'_>) -> T + Send,
) -> PyResult<T> {
    let pool = pool(threads)?;
    let observer = observer.map(|observer| observer.clone().unbind());
    let token = CancelToken::new();
    let reports = Reports::default();
    let record = |progress: &Progress| reports.add(*progress);
    let monitor = Monitor::new(&record, &token);
    let mut raised = None;
    let tell = |py: Python<'_>| -> PyResult<()> {
        py.check_signals()?;
        observer.as_ref().map_or(Ok(()), |observer| reports.tell(observer.bind(py)))
    };
    let result = py.detach(|| {
        let (sender, receiver) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                // Dropped when the work ends, by a panic too.
                let _ended = sender;
                pool.install(|| work(&monitor))
            });
            while receiver.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
                if raised.is_none() {
                    raised = Python::attach(tell).err();
                }
                if raised.is_some() {
                    token.cancel();
                }
            }
            worker.join()
        })
    });
    let result = result.unwrap_or_else(|panic| resume_unwind(panic));
    match raised {
        Some(error) => Err(error),
        None => tell(py).map(|()| result),
    }
}

/// Progress that the observer has not heard of: the last of each round of a stage.
#[derive(Default)]
struct Reports(Mutex<Vec<Progress>>);

impl Reports {
    fn add(&self, progress: Progress) {
        let mut reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            |last: &&mut Progress| (last.stage, last.round) == (progress.stage, progress.round);
        match reports.last_mut().filter(same) {
            Some(last) => *last = progress,
            None => reports.push(progress),
        }
    }

    fn tell(&self, observer: &Bound<'_, PyAny>) -> PyResult<()> {
        let reports = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for Progress { stage, done, total, loss, .. } in reports {
            observer.call1((stage_name(stage), done, total, loss))?;
        }
        Ok(())
    }
}
