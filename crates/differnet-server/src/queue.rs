//! The bounded queue between requests and the thread that scores.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use differnet::prediction::{MapPrediction, ScorePrediction};
use differnet_data::ImageError;
use tokio::sync::oneshot;

use crate::body::Held;
use crate::model::Model;
use crate::pictures::Pictures;

/// Result wanted for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Its score.
    Score,
    /// Its anomaly map, with these pictures of it.
    Localize(WantedPictures),
}

/// Pictures of a map that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct WantedPictures {
    /// Colours to lie over the image, and the image as it was seen; both small.
    pub(crate) small: bool,
    /// The map itself, at the image's size.
    pub(crate) map: bool,
}

/// Reply to who waits for an image.
#[derive(Debug)]
pub(crate) enum Reply {
    Score(Result<ScorePrediction, ImageError>),
    Map(Box<Result<(MapPrediction, Pictures), ImageError>>),
    /// Nothing: a fault of the program, which is in the log.
    Fault,
}

/// An image waiting.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) model: Arc<Model>,
    pub(crate) task: Task,
    /// Name of the image.
    pub(crate) name: PathBuf,
    pub(crate) bytes: Bytes,
    /// The share of memory that `bytes` take, until the job is done.
    pub(crate) _held: Arc<Held>,
    /// Nobody waits for the reply after this.
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<Reply>,
}

impl Job {
    /// Tells whether somebody still waits for the reply.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.reply.is_closed() && Instant::now() < self.deadline
    }
}

/// Reason for not taking jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no room for all of them.
    Full,
    /// The server ends.
    Closed,
}

/// Images waiting, at most as many as there is room for.
#[derive(Debug)]
pub(crate) struct Queue {
    capacity: usize,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, waiting: Mutex::default(), changed: Condvar::new() }
    }

    /// Takes all jobs or none.
    pub(crate) fn push(&self, jobs: Vec<Job>) -> Result<(), Refusal> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Refusal::Closed);
        }
        if waiting.jobs.len() + jobs.len() > self.capacity {
            return Err(Refusal::Full);
        }
        waiting.jobs.extend(jobs);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// The job that has waited longest and the next ones like it, `most` at most, as soon as there is
    /// one; `None` once the queue is closed and empty.
    pub(crate) fn next_batch(&self, most: usize) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        loop {
            if let Some(first) = waiting.jobs.pop_front() {
                return Some(waiting.alike(first, most));
            }
            if waiting.closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Images waiting now.
    pub(crate) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Takes nothing more; what waits is still handed out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every change is complete when the lock is released.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// `first` and the jobs that can be done together with it; others keep their places.
    fn alike(&mut self, first: Job, most: usize) -> Vec<Job> {
        let most = first.model.batch(most);
        let mut batch = vec![first];
        let mut at = 0;
        while at < self.jobs.len() && batch.len() < most {
            let (job, first) = (&self.jobs[at], &batch[0]);
            if Arc::ptr_eq(&job.model, &first.model) && job.task == first.task {
                batch.extend(self.jobs.remove(at));
            } else {
                at += 1;
            }
        }
        batch
    }
}
