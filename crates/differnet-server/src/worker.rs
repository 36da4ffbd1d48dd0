//! The thread that scores: batches from the queue, one after the other.
//!
//! Batches form by themselves: what came in while the last one was scored is the next one. A score
//! does not depend on what else is in its batch.

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use differnet::{DetectorError, FeatureSource, MapAnswer, ScoreAnswer, ScoreConfig};
use differnet_data::ImageInput;

use crate::metrics::Metrics;
use crate::pace::Pace;
use crate::pictures::Pictures;
use crate::queue::{Job, Outcome, Queue, Task, WantedPictures};

/// What the scoring thread works with.
pub(crate) struct Worker {
    pub(crate) queue: Arc<Queue>,
    pub(crate) source: FeatureSource,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pace: Arc<Pace>,
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
            self.pace.took(start.elapsed(), images);
        }
    }

    /// Answers every job of a batch. If one of several makes the program fail, each is tried alone,
    /// so that only the one at fault has no outcome.
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
            1 => left.into_iter().for_each(|job| reply(job, Outcome::Fault)),
            _ => left.into_iter().for_each(|job| self.work(vec![job])),
        }
    }

    /// Answers jobs that are alike, each as soon as its outcome is known. Answered ones are taken
    /// out.
    fn answer(&self, jobs: &mut [Option<Job>]) -> Result<(), DetectorError> {
        let Some(first) = jobs.iter().flatten().next() else { return Ok(()) };
        let (model, task) = (Arc::clone(&first.model), first.task);
        // Bytes and names are shared with the jobs, which are answered meanwhile.
        let images: Vec<_> =
            jobs.iter().flatten().map(|job| (job.name.clone(), job.bytes.clone())).collect();
        let inputs: Vec<ImageInput<'_>> =
            images.iter().map(|(name, bytes)| ImageInput::Memory { name, bytes }).collect();
        let detector = &*model.detector;
        let mut hand_out = |index: usize, outcome: Outcome| {
            if let Some(job) = jobs.get_mut(index).and_then(Option::take) {
                reply(job, outcome);
            }
            ControlFlow::Continue(())
        };
        match task {
            Task::Score => {
                let summary = detector.summary();
                let thresholds = summary.thresholds();
                let settle = self.adaptive.then_some(thresholds);
                let config = ScoreConfig { settle, ..model.scoring() };
                let _ = detector.score_images(
                    &self.source,
                    &inputs,
                    &config,
                    &mut |index, score| {
                        let (name, _) = &images[index];
                        if let Ok(score) = &score {
                            model.saw(score, &summary);
                        }
                        let score = score
                            .map(|score| ScoreAnswer::new(name, &summary, &thresholds, &score));
                        self.metrics.scored(&model.name, score.as_ref().ok());
                        hand_out(index, Outcome::Score(score))
                    },
                )?;
            }
            Task::Localize(wanted) => self.localize(&model, &inputs, wanted, &mut hand_out)?,
        }
        Ok(())
    }

    fn localize(
        &self,
        model: &crate::model::Model,
        inputs: &[ImageInput<'_>],
        wanted: WantedPictures,
        hand_out: &mut dyn FnMut(usize, Outcome) -> ControlFlow<()>,
    ) -> Result<(), DetectorError> {
        let Some(detector) = model.detector.localizer() else { return Ok(()) };
        let config = detector.localize_config();
        let threshold = detector.info().map_threshold;
        let _ = detector.localize_images(&self.source, inputs, &config, &mut |index, found| {
            let found = found.map(|found| {
                let name = inputs[index].name();
                let answer = MapAnswer::new(name, detector, &found, config.kind, threshold);
                let pictures = Pictures::new(&found, answer.top, wanted);
                (answer, pictures)
            });
            hand_out(index, Outcome::Map(Box::new(found)))
        })?;
        Ok(())
    }
}

/// Hands an outcome over; the client may have left.
fn reply(job: Job, outcome: Outcome) {
    let _ = job.reply.send(outcome);
}

/// What went wrong, if something did.
fn fault(caught: Result<Result<(), DetectorError>, Box<dyn Any + Send>>) -> Option<String> {
    match caught {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(differnet_data::with_causes(&error)),
        Err(panic) => Some(crate::panics::message(&*panic)),
    }
}
