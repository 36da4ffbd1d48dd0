//! Progress of long operations, and a token that cancels them.
//!
//! An operation takes a [`Monitor`] and calls [`Monitor::report`] with `?` after each step: the
//! observer hears how far it is, and a cancelled operation ends with the error [`Cancelled`].
//!
//! ```
//! use differnet_progress::{Cancelled, Monitor, Progress, Stage};
//!
//! fn sum(numbers: &[u64], monitor: &Monitor<'_>) -> Result<u64, Cancelled> {
//!     let mut sum = 0;
//!     for (done, number) in (1..).zip(numbers) {
//!         sum += number;
//!         monitor.report(Progress::new(Stage::Statistics, done, numbers.len()))?;
//!     }
//!     Ok(sum)
//! }
//!
//! assert_eq!(sum(&[1, 2, 3], &Monitor::silent()), Ok(6));
//! ```

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Request to stop an operation; clones share one state.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every operation that has a clone of this token to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Tells whether somebody asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Checks that nobody asked to stop.
    ///
    /// # Errors
    /// [`Cancelled`] if so.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

/// The operation was cancelled by its [`CancelToken`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// Stage of an operation, by the items that it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Files are being checked.
    Checking,
    /// Features of training images are being read or extracted; images.
    Features,
    /// The images of the validation set are being read or scored; images.
    Validation,
    /// A flow is being trained; updates.
    Training,
    /// Local statistics of training images are being gathered; images.
    Places,
    /// Training images are being reduced to the size of a method on pixels; images.
    Pixels,
    /// Statistics of rows are being gathered; rows or blocks of them.
    Statistics,
    /// An optimum is being approached; thousandths of the way, which is a guess.
    Solving,
    /// Networks of a competitor are being trained; updates.
    Fitting,
    /// Statistics of batch normalization are being re-estimated on training images; images.
    BatchStatistics,
    /// Anomaly maps of good images are being made; images.
    Maps,
}

/// Progress of an operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Stage that is being counted.
    pub stage: Stage,
    /// Items done.
    pub done: usize,
    /// Items in all, unless the stage ends early.
    pub total: usize,
    /// Number of the pass over the items, from 1, and the number of passes.
    pub round: (usize, usize),
    /// Loss of the last update; `None` without updates.
    pub loss: Option<f64>,
    /// Loss of the validation set at the last validation step; `None` before the first.
    pub validation: Option<f64>,
}

impl Progress {
    /// `done` of `total` items of the only round of `stage`, without losses.
    pub fn new(stage: Stage, done: usize, total: usize) -> Self {
        Self { stage, done, total, round: (1, 1), loss: None, validation: None }
    }
}

/// Observer of an operation's progress, and the token that cancels it.
#[derive(Clone, Default)]
pub struct Monitor<'a> {
    observer: Option<&'a (dyn Fn(&Progress) + Sync)>,
    cancel: CancelToken,
}

impl<'a> Monitor<'a> {
    /// A monitor that tells nobody and never cancels.
    pub fn silent() -> Self {
        Self::default()
    }

    /// A monitor that tells `observer`, until `cancel` is cancelled.
    pub fn new(observer: &'a (dyn Fn(&Progress) + Sync), cancel: &CancelToken) -> Self {
        Self { observer: Some(observer), cancel: cancel.clone() }
    }

    /// The token that cancels.
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }

    /// Tells the observer how far the operation is.
    ///
    /// # Errors
    /// [`Cancelled`] if somebody asked to stop.
    pub fn report(&self, progress: Progress) -> Result<(), Cancelled> {
        if let Some(observer) = self.observer {
            observer(&progress);
        }
        self.cancel.check()
    }
}

impl Debug for Monitor<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn the_observer_may_cancel_and_the_operation_ends_there() {
        let (seen, cancel) = (Mutex::new(Vec::new()), CancelToken::new());
        let observer = |progress: &Progress| {
            seen.lock().expect("no panic").push(progress.done);
            if progress.done == 2 {
                cancel.cancel();
            }
        };
        let monitor = Monitor::new(&observer, &cancel);
        let run = || -> Result<(), Cancelled> {
            (1..=5).try_for_each(|done| monitor.report(Progress::new(Stage::Fitting, done, 5)))
        };
        assert_eq!(run(), Err(Cancelled));
        assert_eq!(*seen.lock().expect("no panic"), [1, 2]);
        assert!(cancel.clone().is_cancelled());
    }
}
