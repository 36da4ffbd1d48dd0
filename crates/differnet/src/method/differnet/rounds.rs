//! The updates of a training, round by round, while the next round's features are extracted.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::Scope;

use differnet_data::ContentHash;
use differnet_features::Backbone;
use differnet_flow::{BatchOrder, Flow, TrainError, Trainer, UpdateDraws, add_noise};
use differnet_progress::{Progress, Stage};
use tempfile::TempDir;

use super::DifferNetConfig;
use super::feature_buffer::{FeatureBuffer, Statistics};
use super::scales;
use super::validation_loss::likelier_mean;
use crate::error::Error;
use crate::header::HistoryPoint;
use crate::method::checkpoints::{Checkpoints, SaveTimer, State};
use crate::method::flows::Flows;
use crate::method::rows::SCORED_TRAINING_IMAGES;
use crate::split::ValidationSplit;
use crate::training::Training;

/// The features of one round's transforms, image by image, from a thread that extracts them.
type RoundFeatures = Receiver<Result<(usize, Vec<f32>), Error>>;

/// Trained flows and what is known of their training.
pub(super) struct TrainedFlows {
    pub(super) flows: Flows,
    /// Updates behind the first flow's weights.
    pub(super) updates: u64,
    /// Images that the flows saw last, with their latest transforms, `[images, transforms, features]`.
    pub(super) training_rows: Vec<f32>,
    pub(super) training_transforms: usize,
    pub(super) statistics: Statistics,
    /// The course of the first flow's training.
    pub(super) history: Vec<HistoryPoint>,
}

/// The training of all flows of a model.
pub(super) struct FlowTraining<'a> {
    own: &'a DifferNetConfig,
    backbone: Backbone,
    training: &'a Training<'a>,
    folder: PathBuf,
    /// Deletes the folder, where nobody named one.
    _forgotten: Option<TempDir>,
}

/// A flow's training under way.
struct Run<'a> {
    /// Number of the flow, from 0.
    flow: usize,
    /// Seed of the flow's weights, permutations, batches and noise.
    seed: u64,
    trainer: Trainer,
    state: State,
    buffer: &'a mut FeatureBuffer,
    /// Updates in all.
    updates: u64,
    timer: SaveTimer,
}

/// A trained flow: its weights to keep, the updates behind them and their course.
struct TrainedFlow {
    flow: Flow,
    updates: u64,
    history: Vec<HistoryPoint>,
}

impl<'a> FlowTraining<'a> {
    /// The training of the flows of `own` within `training`, with a folder for its checkpoints.
    pub(super) fn new(own: &'a DifferNetConfig, training: &'a Training<'a>) -> Result<Self, Error> {
        let (folder, forgotten) = match training.checkpoints {
            Some(folder) => (folder.to_path_buf(), None),
            None => {
                let temporary = tempfile::tempdir();
                let path = std::env::temp_dir();
                let temporary = temporary.map_err(|source| Error::Io { path, source })?;
                (temporary.path().to_path_buf(), Some(temporary))
            }
        };
        let backbone = training.config.require_backbone()?;
        let this = Self { own, backbone, training, folder, _forgotten: forgotten };
        this.checkpoints().create()?;
        Ok(this)
    }

    fn checkpoints(&self) -> Checkpoints<'_> {
        Checkpoints::in_folder(&self.folder)
    }

    /// Trains the flows; `rows` are those of the validation images, `[rows, features]`.
    pub(super) fn run(&self, split: &ValidationSplit, rows: &[f32]) -> Result<TrainedFlows, Error> {
        let width = self.backbone.features();
        let validation =
            scales::narrowed(rows, self.own.flow_config(self.backbone).features, width);
        let images = self.training.images(&split.training).len();
        let mut buffer = FeatureBuffer::new(images, self.own.pool, width);
        let mut flows = Vec::with_capacity(self.own.flows);
        let mut first = None;
        for number in 0..self.own.flows {
            let trained = self.train_flow(number, &mut buffer, split, &validation)?;
            flows.push(trained.flow);
            first.get_or_insert((trained.updates, trained.history));
        }
        let (updates, history) = first.expect("settings ask for at least one flow");
        let flows = Flows::of(flows, &self.training.runtime.backend);
        let images = SCORED_TRAINING_IMAGES * self.training.images_per_file();
        let training_transforms = buffer.transforms().min(self.training.config.score_transforms);
        let training_rows = buffer.first_images(images, training_transforms);
        let statistics = buffer.statistics();
        Ok(TrainedFlows { flows, updates, training_rows, training_transforms, statistics, history })
    }

    /// Trains flow number `flow`.
    ///
    /// The first flow fills the buffer, round by round; the others are trained on all of it.
    fn train_flow(
        &self,
        flow: usize,
        buffer: &mut FeatureBuffer,
        split: &ValidationSplit,
        validation: &[f32],
    ) -> Result<TrainedFlow, Error> {
        let Training { config, runtime, .. } = *self.training;
        let (seed, checkpoints) = (flow_seed(config.seed, flow), self.checkpoints().of_flow(flow));
        let fresh = State::new(self.training, &split.fingerprint);
        let (trainer, state) = match checkpoints.load(&fresh, &runtime.backend)? {
            Some(saved) => saved,
            None => {
                let flow = self.own.flow_config(self.backbone).init(seed, runtime.device());
                (Trainer::new(flow, self.own.adam.clone(), &runtime.backend), fresh)
            }
        };
        let updates = self.updates(buffer.images());
        let timer = SaveTimer::new(self.training.checkpoint_interval);
        let mut run = Run { flow, seed, trainer, state, buffer, updates, timer };
        let end = if flow == 0 {
            std::thread::scope(|scope| self.train_rounds(&mut run, scope, split, validation))
        } else {
            self.start_noise(&mut run);
            self.train_round(&mut run, self.own.rounds - 1, 0..updates, validation)
        };
        match end {
            // Also of a complete one: what follows can be cancelled.
            Ok(()) | Err(Error::Cancelled(_)) => checkpoints.save(&run.trainer, &run.state)?,
            Err(_) => {}
        }
        end?;
        self.finish(run)
    }

    /// Trains on one round's transforms after the other, while the next round's are extracted.
    fn train_rounds<'scope>(
        &'scope self,
        run: &mut Run<'_>,
        scope: &'scope Scope<'scope, '_>,
        split: &'scope ValidationSplit,
        validation: &[f32],
    ) -> Result<(), Error> {
        let (rounds, transforms) = (self.own.rounds, self.training.config.transforms);
        // A resumed training needs no rows that later rounds have pushed out of the buffer.
        let round = self.round_of(run.trainer.steps(), run.updates);
        let first_needed = (round + 1).saturating_sub(self.own.pool.div_ceil(transforms));
        let mut early = None;
        let mut start = 0;
        for round in 0..rounds {
            let end = run.updates * (round as u64 + 1) / rounds as u64;
            if round < first_needed {
                run.buffer.advance(transforms);
                start = end;
                continue;
            }
            let features = early.take().unwrap_or_else(|| self.start_round(scope, split, round));
            self.fill_buffer(&features, round, run.buffer)?;
            early = (round + 1 < rounds).then(|| self.start_round(scope, split, round + 1));
            self.start_noise(run);
            self.train_round(run, round, start..end, validation)?;
            if run.trainer.steps() < end {
                // Out of patience.
                break;
            }
            start = end;
        }
        Ok(())
    }

    /// Sets the size of noise on features, before a flow's first update.
    fn start_noise(&self, run: &mut Run<'_>) {
        let noise = self.own.noise as f32;
        if noise > 0.0 && run.trainer.steps() == 0 {
            run.state.deviations = run.buffer.statistics().deviations;
            run.state.deviations.iter_mut().for_each(|value| *value *= noise);
        }
    }

    /// Makes the updates `range` of `round`, or those of them that are left, until the training is out
    /// of patience.
    fn train_round(
        &self,
        run: &mut Run<'_>,
        round: usize,
        range: Range<u64>,
        validation: &[f32],
    ) -> Result<(), Error> {
        let (own, updates) = (self.own, run.updates);
        let (columns, width) = (own.flow_config(self.backbone).features, self.backbone.features());
        let seed = run.seed.wrapping_add((round as u64) << 32);
        let mut order = BatchOrder::new(seed, run.buffer.len(), own.batch_size);
        let mut batch = Vec::with_capacity(own.batch_size * width);
        while run.trainer.steps() < range.end && !self.out_of_patience(&run.state) {
            let step = run.trainer.steps();
            batch.clear();
            let draws = UpdateDraws::new(run.seed, step);
            let sigma = own.difference_noise as f32;
            run.buffer.extend(&mut batch, order.batch(step - range.start), sigma, draws);
            if !run.state.deviations.is_empty() {
                add_noise(&mut batch, &run.state.deviations, run.seed, step);
            }
            run.trainer.set_learning_rate(own.learning_rate_at(step, updates));
            let rows = scales::narrowed(&batch, columns, width);
            let report = match run.trainer.step(&rows) {
                Ok(report) => report,
                Err(source) => return Err(self.diverged(run, source)),
            };
            run.state.losses.0 += report.loss;
            run.state.losses.1 += 1;
            let due =
                report.step.is_multiple_of(own.validate_every as u64) || report.step == updates;
            if due {
                let point = self.validation_step(run, validation)?;
                if let Some(observer) = self.training.validation_observer.filter(|_| run.flow == 0)
                {
                    observer(&point, &run.trainer.flow())?;
                }
            }
            self.report(run, report.loss)?;
            let checkpoints = self.checkpoints().of_flow(run.flow);
            run.timer.save_if_due(|| checkpoints.save(&run.trainer, &run.state))?;
        }
        Ok(())
    }

    /// Reports the update just made, counted over all flows.
    fn report(&self, run: &Run<'_>, loss: f64) -> Result<(), Error> {
        // A training has far fewer updates than a pointer has values.
        let count = |updates: u64| usize::try_from(updates).unwrap_or(usize::MAX);
        let done = count(run.flow as u64 * run.updates + run.trainer.steps());
        let total = count(self.own.flows as u64 * run.updates);
        let validation = run.state.history.last().and_then(|point| point.validation);
        let progress = Progress::new(Stage::Training, done, total);
        let progress = Progress { loss: Some(loss), validation, ..progress };
        Ok(self.training.monitor.report(progress)?)
    }

    /// Updates in all.
    fn updates(&self, images: usize) -> u64 {
        let (own, transforms) = (self.own, self.training.config.transforms);
        if own.updates > 0 {
            return own.updates as u64;
        }
        let rows = |round: usize| ((round + 1) * transforms).min(own.pool) * images;
        (0..own.rounds).map(|round| rows(round).div_ceil(own.batch_size) as u64).sum()
    }

    /// The round that update number `step` (from 0) belongs to; the last one after the last update.
    fn round_of(&self, step: u64, updates: u64) -> usize {
        let rounds = self.own.rounds;
        let end = |round: usize| updates * (round as u64 + 1) / rounds as u64;
        (0..rounds).find(|&round| step < end(round)).unwrap_or(rounds - 1)
    }

    /// Computes the validation loss, and keeps the weights if they are the best so far.
    fn validation_step(
        &self,
        run: &mut Run<'_>,
        validation: &[f32],
    ) -> Result<HistoryPoint, Error> {
        let (trainer, state) = (&run.trainer, &mut run.state);
        let losses = trainer.losses(validation);
        let quantile = self.training.config.quantile;
        let validation = (!losses.is_empty()).then(|| likelier_mean(losses, quantile));
        let (sum, count) = std::mem::take(&mut state.losses);
        let point = HistoryPoint { update: trainer.steps(), train: sum / count as f64, validation };
        state.history.push(point);
        let better = match (validation, state.best.and_then(|best| best.validation)) {
            (Some(new), Some(best)) => new < best,
            (new, None) => new.is_some_and(f64::is_finite),
            (None, Some(_)) => false,
        };
        if better {
            state.best = Some(point);
            if self.own.patience > 0 {
                self.checkpoints().of_flow(run.flow).save_best(&trainer.flow())?;
            }
        }
        Ok(point)
    }

    fn out_of_patience(&self, state: &State) -> bool {
        let Some(best) = state.best else { return false };
        let since = state.history.iter().filter(|point| point.update > best.update).count();
        self.own.patience > 0 && since >= self.own.patience
    }

    /// Starts to extract the transforms of `round`, in a thread of its own.
    fn start_round<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        split: &'scope ValidationSplit,
        round: usize,
    ) -> RoundFeatures {
        // Room for all of them: a round that is extracted early waits in memory.
        let (sender, receiver) = mpsc::sync_channel(self.training.images(&split.training).len());
        scope.spawn(move || {
            if let Err(error) = self.extract_round(split, round, &sender) {
                // Nobody listens any more: the training has ended.
                let _ = sender.send(Err(error));
            }
        });
        receiver
    }

    /// Sends the features of `round` until all are sent or nobody listens.
    fn extract_round(
        &self,
        split: &ValidationSplit,
        round: usize,
        sender: &SyncSender<Result<(usize, Vec<f32>), Error>>,
    ) -> Result<(), Error> {
        let Training { config, runtime, .. } = *self.training;
        let range = round * config.transforms..(round + 1) * config.transforms;
        let choice = |hash: &ContentHash| self.training.training_transforms(hash, range.clone());
        let (images, preprocessing) =
            (self.training.images(&split.training), self.training.preprocessing());
        let features = runtime.features_of_usable(self.backbone, preprocessing, images, choice);
        for (index, features) in features.enumerate() {
            if sender.send(Ok((index, features?.rows))).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Adds the transforms of `round` to the buffer as they arrive.
    fn fill_buffer(
        &self,
        features: &RoundFeatures,
        round: usize,
        buffer: &mut FeatureBuffer,
    ) -> Result<(), Error> {
        buffer.advance(self.training.config.transforms);
        for (done, features) in (1..).zip(features) {
            let (index, rows) = features?;
            buffer.set(index, &rows);
            let progress = Progress::new(Stage::Features, done, buffer.images());
            let round = (round + 1, self.own.rounds);
            self.training.monitor.report(Progress { round, ..progress })?;
        }
        Ok(())
    }

    /// The weights to keep: the best, where a training may stop early, else the last.
    fn finish(&self, run: Run<'_>) -> Result<TrainedFlow, Error> {
        let (flow, updates) = match run.state.best {
            Some(best) if self.own.patience > 0 => {
                let checkpoints = self.checkpoints().of_flow(run.flow);
                (checkpoints.load_best(self.training.runtime.device())?, best.update)
            }
            _ => (run.trainer.flow(), run.trainer.steps()),
        };
        Ok(TrainedFlow { flow, updates, history: run.state.history })
    }

    /// The error for an update that failed; keeps the weights from before it if they are whole.
    fn diverged(&self, run: &Run<'_>, source: TrainError) -> Error {
        let whole = !matches!(source, TrainError::NonFiniteGradient { .. });
        let checkpoints = self.checkpoints().of_flow(run.flow);
        if whole && let Err(error) = checkpoints.save(&run.trainer, &run.state) {
            return error;
        }
        let named = self.training.checkpoints.filter(|_| checkpoints.is_there());
        let checkpoint = named.map(Path::to_path_buf);
        Error::Diverged { update: run.trainer.steps() + 1, checkpoint, source }
    }
}

/// The seed of flow number `flow`; the first has the training's own.
fn flow_seed(seed: u64, flow: usize) -> u64 {
    // An odd constant (2⁶⁴ over the golden ratio) spreads the numbers over all bits.
    seed ^ (flow as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
