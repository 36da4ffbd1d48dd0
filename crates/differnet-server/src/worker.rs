//! The thread that scores: batches from the queue, one after the other.
//!
//! Batches form by themselves: what came in while the last one was scored is the next one. A score
//! does not depend on what else is in its batch.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use differnet::prediction::{MapPrediction, ScorePrediction, unusable_verdict};
use differnet::{Error, ScoreConfig};
use differnet_data::ImageInput;

use crate::metrics::Metrics;
use crate::pictures::Pictures;
use crate::queue::{Job, Queue, Reply, Task};
use crate::retry_after::RetryAfter;

/// Worker of the scoring thread.
pub(crate) struct Worker {
    pub(crate) queue: Arc<Queue>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) retry_after: Arc<RetryAfter>,
    /// Images scored together at most.
    pub(crate) batch: usize,
    /// Whether an image gets no more transforms than its verdict needs.
    pub(crate) adaptive: bool,
}

impl Worker {
    /// Works until the queue is closed and empty.
    pub(crate) fn run(&self) {
        while let Some(mut batch) = self.queue.next_batch(self.batch) {
            batch.retain(Job::is_wanted);
            if batch.is_empty() {
                continue;
            }
            let (start, images) = (Instant::now(), batch.len());
            self.metrics.batched(images);
            self.work(batch);
            self.retry_after.took(start.elapsed(), images);
        }
    }

    /// Answers every job of a batch. If one of several makes the program fail, each is tried alone,
    /// so that only the one at fault has no reply.
    fn work(&self, batch: Vec<Job>) {
        let mut jobs: Vec<Option<Job>> = batch.into_iter().map(Some).collect();
        let caught = catch_unwind(AssertUnwindSafe(|| self.answer(&mut jobs)));
        let Some(fault) = fault(caught) else { return };
        self.metrics.faulted();
        let left: Vec<Job> = jobs.into_iter().flatten().collect();
        if let [job] = &left[..] {
            tracing::error!(model = job.model.name, image = %job.name.display(), fault, "fault");
        }
        match left.len() {
            0 => {}
            1 => left.into_iter().for_each(|job| reply(&mut Some(job), Reply::Fault)),
            _ => left.into_iter().for_each(|job| self.work(vec![job])),
        }
    }

    /// Answers jobs that are alike, each as soon as its reply is known. Answered ones are taken
    /// out.
    fn answer(&self, jobs: &mut [Option<Job>]) -> Result<(), Error> {
        let Some(first) = jobs.iter().flatten().next() else { return Ok(()) };
        let (model, task) = (Arc::clone(&first.model), first.task);
        // Bytes and names are shared with the jobs, which are answered meanwhile.
        let images: Vec<_> =
            jobs.iter().flatten().map(|job| (job.name.clone(), job.bytes.clone())).collect();
        let inputs: Vec<ImageInput<'_>> =
            images.iter().map(|(name, bytes)| ImageInput::Memory { name, bytes }).collect();
        let jobs = jobs.iter_mut().filter(|job| job.is_some());
        match task {
            Task::Score => {
                let header = model.model.header();
                let thresholds = header.thresholds();
                let early_stopping = self.adaptive.then_some(thresholds);
                let config = ScoreConfig { early_stopping, ..model.scoring() };
                let scores = model.model.scores_with(inputs, config);
                for (job, ((name, _), score)) in jobs.zip(images.iter().zip(scores)) {
                    let score = Error::per_image(score)?;
                    if let Ok(score) = &score {
                        model.saw(score);
                    }
                    let score =
                        score.map(|score| ScorePrediction::new(name, header, &thresholds, &score));
                    let verdict = match &score {
                        Ok(score) => Some(score.verdict),
                        Err(error) => unusable_verdict(error),
                    };
                    self.metrics.judged(&model.name, verdict);
                    reply(job, Reply::Score(score));
                }
            }
            Task::Localize(wanted) => {
                let (header, config) = (model.model.header(), model.model.localize_config()?);
                let threshold = header.map_threshold_of(config.kind).unwrap_or(f64::MAX);
                let maps = model.model.maps_with(inputs, config);
                for (job, ((name, _), found)) in jobs.zip(images.iter().zip(maps)) {
                    let found = Error::per_image(found)?.map(|found| {
                        let kind = config.kind;
                        let answer = MapPrediction::new(name, header, &found, kind, threshold);
                        let pictures = Pictures::new(&found, answer.top, wanted);
                        (answer, pictures)
                    });
                    reply(job, Reply::Map(Box::new(found)));
                }
            }
        }
        Ok(())
    }
}

/// Takes a job out and hands its reply over; the client may have left.
fn reply(job: &mut Option<Job>, reply: Reply) {
    if let Some(job) = job.take() {
        let _ = job.reply.send(reply);
    }
}

/// Returns the message of the error or panic, if there was one.
fn fault(caught: Result<Result<(), Error>, Box<dyn Any + Send>>) -> Option<String> {
    match caught {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(differnet_data::with_causes(&error)),
        Err(panic) => Some(crate::panics::message(&*panic)),
    }
}
