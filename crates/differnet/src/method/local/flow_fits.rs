//! Training of the flows of a plan one after the other, each with checkpoints.

use differnet_flow::{Flow, Trainer};
use differnet_progress::{Progress, Stage};

use super::gathered::GoodImage;
use super::learning::{PlaceBatches, learn};
use super::plan::FlowTraining;
use crate::error::Error;
use crate::header::HistoryPoint;
use crate::method::checkpoints::{Checkpoints, SaveTimer, State};
use crate::split::ValidationSplit;
use crate::training::Training;

/// Updates between two points of the history.
const HISTORY: u64 = 100;

/// The flows of a training, those of cross-validation first.
pub(super) struct FlowFits<'a> {
    training: &'a Training<'a>,
    /// The state of a flow before its first update.
    fresh: State,
    /// Number of the next flow.
    next: usize,
    /// Updates done by all flows before it.
    done: usize,
    /// Updates of all flows.
    pub(super) total: usize,
    /// Course of the last flow's training from its start.
    pub(super) history: Vec<HistoryPoint>,
}

impl<'a> FlowFits<'a> {
    /// A training of flows on the images of `split`, before the first.
    ///
    /// # Errors
    /// If there is a checkpoint that it cannot be taken up from.
    pub(super) fn new(training: &'a Training<'a>, split: &ValidationSplit) -> Result<Self, Error> {
        let fresh = State::new(training, &split.fingerprint);
        let this = Self { training, fresh, next: 0, done: 0, total: 0, history: Vec::new() };
        // Before features are extracted for it.
        this.saved(0)?;
        Ok(this)
    }

    fn checkpoints(&self, number: usize) -> Option<Checkpoints<'a>> {
        let folder = self.training.checkpoints?;
        Some(Checkpoints::in_folder(folder).of_flow(number))
    }

    /// Flow number `number` as it was saved, if it was.
    fn saved(&self, number: usize) -> Result<Option<(Trainer, State)>, Error> {
        let Some(checkpoints) = self.checkpoints(number) else { return Ok(None) };
        checkpoints.load(&self.fresh, &self.training.runtime.backend)
    }

    /// The next flow, of the places of `images`, given where they lie; it begins as `start`, if that is given.
    ///
    /// It goes on from its checkpoint, and leaves one, finished or cancelled.
    pub(super) fn fit(
        &mut self,
        (view, components): (usize, usize),
        own: &FlowTraining,
        images: &[&GoodImage],
        start: Option<Flow>,
    ) -> Result<Flow, Error> {
        let is_fresh = start.is_none();
        let Training { config, runtime, monitor, checkpoint_interval, .. } = self.training;
        let (number, view) = (self.next, (view, components));
        let checkpoints = self.checkpoints(number);
        let (mut trainer, mut state) = match self.saved(number)? {
            Some(saved) => saved,
            None => {
                let fresh = || own.config(components).init(config.seed, runtime.device());
                let flow = start.unwrap_or_else(fresh);
                (Trainer::new(flow, own.adam.clone(), &runtime.backend), self.fresh.clone())
            }
        };
        let mut batches = PlaceBatches::new(images, view, own.batch_size, own.noise, config.seed);
        let mut timer = SaveTimer::new(*checkpoint_interval);
        let end = learn(
            &mut trainer,
            own,
            |update| batches.batch(update),
            |trainer, loss| {
                let update = trainer.steps();
                state.losses.0 += loss;
                state.losses.1 += 1;
                if update.is_multiple_of(HISTORY) {
                    let (sum, count) = std::mem::take(&mut state.losses);
                    let train = sum / count as f64;
                    state.history.push(HistoryPoint { update, train, validation: None });
                }
                let done = self.done + update as usize;
                let progress = Progress::new(Stage::Training, done, self.total);
                monitor.report(Progress { loss: Some(loss), ..progress })?;
                let Some(checkpoints) = checkpoints else { return Ok(()) };
                timer.save_if_due(|| {
                    checkpoints.create()?;
                    checkpoints.save(trainer, &state)
                })
            },
        );
        if let (Some(checkpoints), Ok(()) | Err(Error::Cancelled(_))) = (checkpoints, &end) {
            checkpoints.create()?;
            checkpoints.save(&trainer, &state)?;
        }
        end?;
        self.next += 1;
        self.done += own.updates;
        if is_fresh {
            self.history = state.history;
        }
        Ok(trainer.flow())
    }
}
