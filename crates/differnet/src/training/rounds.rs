//! The updates of a training, round by round, while the next round's features are extracted.

use std::ops::{ControlFlow, Range};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::Scope;
use std::time::{Duration, Instant};

use differnet_data::{ContentHash, Purpose, random_transforms};
use differnet_features::FEATURES;
use differnet_flow::{BatchOrder, Flow, TrainError, Trainer, UpdateDraws, add_noise};

use super::Training;
use super::held_back_loss::likelier_mean;
use crate::checkpoints::{State, interval};
use crate::error::DetectorError;
use crate::feature_source::ImageFeatures;
use crate::flows::Flows;
use crate::pool::{Pool, Statistics};
use crate::progress::{HistoryPoint, LookCallback, Progress, ProgressCallback};
use crate::scales;
use crate::split::Split;

/// Training images whose scores are kept as quantiles.
const SCORED_TRAINING_IMAGES: usize = 200;

/// The features of one round's transforms, image by image, from a thread that extracts them.
type RoundFeatures = Receiver<Result<(usize, Vec<f32>), DetectorError>>;

/// Trained flows and what is known of their training.
pub(super) struct Trained {
    pub(super) flows: Flows,
    /// Updates behind the first flow's weights.
    pub(super) updates: u64,
    pub(super) training_scores: Vec<f64>,
    pub(super) statistics: Statistics,
    /// The course of the first flow's training.
    pub(super) history: Vec<HistoryPoint>,
}

/// A flow's training under way.
struct Run<'a> {
    /// Number of the flow, from 0.
    flow: usize,
    /// Seed of the flow's weights, permutations, batches and noise.
    seed: u64,
    trainer: Trainer,
    state: State,
    pool: &'a mut Pool,
    /// Updates in all.
    updates: u64,
    /// When the last checkpoint was saved.
    saved: Instant,
    /// Time between two checkpoints.
    save_every: Duration,
}

/// Why the updates ended.
enum End {
    /// All were made, or more would not help.
    Complete,
    /// The progress callback asked to stop.
    Interrupted,
}

impl Training<'_> {
    /// Trains the flows; `None` if interrupted.
    pub(super) fn train_flows(
        &self,
        split: &Split,
        held_back: &[f32],
        progress: &mut ProgressCallback<'_>,
        look: &mut LookCallback<'_>,
    ) -> Result<Option<Trained>, DetectorError> {
        let held_back = scales::narrowed(held_back, self.config.flow_config().features);
        let mut pool = Pool::new(split.training.len(), self.config.pool);
        let mut flows = Vec::with_capacity(self.config.flows);
        let mut first = None;
        for number in 0..self.config.flows {
            let end = self.train_flow(number, &mut pool, split, &held_back, progress, look)?;
            let Some((flow, updates, history)) = end else { return Ok(None) };
            flows.push(flow);
            first.get_or_insert((updates, history));
        }
        let (updates, history) = first.expect("settings ask for at least one flow");
        let rows: Vec<f32> = (0..pool.len().min(SCORED_TRAINING_IMAGES))
            .flat_map(|row| pool.row(row))
            .copied()
            .collect();
        let flows = Flows::of(flows, self.device);
        let mut training_scores = flows.row_scores(&rows, self.config.average);
        training_scores.iter_mut().for_each(|score| *score = score.min(f64::MAX));
        let statistics = pool.statistics();
        Ok(Some(Trained { flows, updates, training_scores, statistics, history }))
    }

    /// Trains flow number `flow`; its weights to keep, the updates behind them and their course.
    ///
    /// The first flow fills the pool, round by round; the others are trained on all of it.
    fn train_flow(
        &self,
        flow: usize,
        pool: &mut Pool,
        split: &Split,
        held_back: &[f32],
        progress: &mut ProgressCallback<'_>,
        look: &mut LookCallback<'_>,
    ) -> Result<Option<(Flow, u64, Vec<HistoryPoint>)>, DetectorError> {
        let (seed, checkpoints) =
            (flow_seed(self.config.seed, flow), self.checkpoints().of_flow(flow));
        let fresh = State::new(self.config, self.regions, &split.fingerprint);
        let (trainer, state) = match checkpoints.load(&fresh, self.device)? {
            Some(saved) => saved,
            None => {
                let flow = self.config.flow_config().init(seed, self.device);
                (Trainer::new(flow, self.config.adam_config()), fresh)
            }
        };
        let updates = self.updates(split.training.len());
        let (saved, save_every) = (Instant::now(), interval()?);
        let mut run = Run { flow, seed, trainer, state, pool, updates, saved, save_every };
        let end = if flow == 0 {
            std::thread::scope(|scope| {
                self.train_rounds(&mut run, scope, split, held_back, progress, look)
            })?
        } else {
            self.start_noise(&mut run);
            let mut unwatched: Box<LookCallback<'_>> = Box::new(|_, _| ControlFlow::Continue(()));
            let last = self.config.rounds - 1;
            let end =
                self.train_round(&mut run, last, 0..updates, held_back, progress, &mut unwatched)?;
            end.unwrap_or(End::Complete)
        };
        // Also of a complete one: what follows can be interrupted.
        checkpoints.save(&run.trainer, &run.state)?;
        match end {
            End::Interrupted => Ok(None),
            End::Complete => Ok(Some(self.finish(run)?)),
        }
    }

    /// Trains on one round's transforms after the other, while the next round's are extracted.
    fn train_rounds<'scope>(
        &'scope self,
        run: &mut Run<'_>,
        scope: &'scope Scope<'scope, '_>,
        split: &'scope Split,
        held_back: &[f32],
        progress: &mut ProgressCallback<'_>,
        look: &mut LookCallback<'_>,
    ) -> Result<End, DetectorError> {
        let config = self.config;
        let rounds = config.rounds;
        // A resumed training needs no rows that later rounds have pushed out of the pool.
        let round = self.round_of(run.trainer.steps(), run.updates);
        let first_needed = (round + 1).saturating_sub(config.pool.div_ceil(config.transforms));
        let mut early = None;
        let mut start = 0;
        for round in 0..rounds {
            let end = run.updates * (round as u64 + 1) / rounds as u64;
            if round < first_needed {
                run.pool.advance(config.transforms);
                start = end;
                continue;
            }
            let features = early.take().unwrap_or_else(|| self.start_round(scope, split, round));
            if !self.fill_pool(&features, round, run.pool, progress)? {
                return Ok(End::Interrupted);
            }
            early = (round + 1 < rounds).then(|| self.start_round(scope, split, round + 1));
            self.start_noise(run);
            if let Some(end) =
                self.train_round(run, round, start..end, held_back, progress, look)?
            {
                return Ok(end);
            }
            start = end;
        }
        Ok(End::Complete)
    }

    /// Sets the size of noise on features, before a flow's first update.
    fn start_noise(&self, run: &mut Run<'_>) {
        let noise = self.config.noise as f32;
        if noise > 0.0 && run.trainer.steps() == 0 {
            run.state.deviations = run.pool.statistics().deviations;
            run.state.deviations.iter_mut().for_each(|value| *value *= noise);
        }
    }

    /// Makes the updates `range` of `round`, or those of them that are left; the end, if it came.
    fn train_round(
        &self,
        run: &mut Run<'_>,
        round: usize,
        range: Range<u64>,
        held_back: &[f32],
        progress: &mut ProgressCallback<'_>,
        look: &mut LookCallback<'_>,
    ) -> Result<Option<End>, DetectorError> {
        let config = self.config;
        let updates = run.updates;
        let seed = run.seed.wrapping_add((round as u64) << 32);
        let mut order = BatchOrder::new(seed, run.pool.len(), config.batch_size);
        let mut batch = Vec::with_capacity(config.batch_size * FEATURES);
        let columns = config.flow_config().features;
        while run.trainer.steps() < range.end {
            if self.out_of_patience(&run.state) {
                return Ok(Some(End::Complete));
            }
            let step = run.trainer.steps();
            batch.clear();
            let draws = UpdateDraws::new(run.seed, step);
            let sigma = config.difference_noise as f32;
            run.pool.extend(&mut batch, order.batch(step - range.start), sigma, draws);
            if !run.state.deviations.is_empty() {
                add_noise(&mut batch, &run.state.deviations, run.seed, step);
            }
            run.trainer.set_learning_rate(config.learning_rate_at(step, updates));
            let rows = scales::narrowed(&batch, columns);
            let report = match run.trainer.step(&rows) {
                Ok(report) => report,
                Err(source) => return Err(self.diverged(run, source)),
            };
            run.state.losses.0 += report.loss;
            run.state.losses.1 += 1;
            let due =
                report.step.is_multiple_of(config.validate_every as u64) || report.step == updates;
            if due {
                let point = self.look(run, held_back)?;
                if look(&point, &run.trainer.flow()).is_break() {
                    return Ok(Some(End::Interrupted));
                }
            }
            let validation = run.state.history.last().and_then(|point| point.validation);
            // Counted over all flows.
            let (before, loss) = (run.flow as u64 * updates, report.loss);
            let (update, updates) = (before + report.step, config.flows as u64 * updates);
            if progress(Progress::Training { update, updates, loss, validation }).is_break() {
                return Ok(Some(End::Interrupted));
            }
            if run.saved.elapsed() > run.save_every {
                self.checkpoints().of_flow(run.flow).save(&run.trainer, &run.state)?;
                run.saved = Instant::now();
            }
        }
        Ok(None)
    }

    /// Updates in all.
    fn updates(&self, images: usize) -> u64 {
        let config = self.config;
        if config.updates > 0 {
            return config.updates as u64;
        }
        let rows = |round: usize| ((round + 1) * config.transforms).min(config.pool) * images;
        (0..config.rounds).map(|round| rows(round).div_ceil(config.batch_size) as u64).sum()
    }

    /// The round that update number `step` (from 0) belongs to; the last one after the last update.
    fn round_of(&self, step: u64, updates: u64) -> usize {
        let rounds = self.config.rounds;
        let end = |round: usize| updates * (round as u64 + 1) / rounds as u64;
        (0..rounds).find(|&round| step < end(round)).unwrap_or(rounds - 1)
    }

    /// Looks at the held-back images, and keeps the weights if they are the best so far.
    fn look(&self, run: &mut Run<'_>, held_back: &[f32]) -> Result<HistoryPoint, DetectorError> {
        let (trainer, state) = (&run.trainer, &mut run.state);
        let losses = trainer.losses(held_back);
        let validation = (!losses.is_empty()).then(|| likelier_mean(losses, self.config.quantile));
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
            if self.config.patience > 0 {
                self.checkpoints().of_flow(run.flow).save_best(&trainer.flow())?;
            }
        }
        Ok(point)
    }

    fn out_of_patience(&self, state: &State) -> bool {
        let Some(best) = state.best else { return false };
        let since = state.history.iter().filter(|point| point.update > best.update).count();
        self.config.patience > 0 && since >= self.config.patience
    }

    /// Starts to extract the transforms of `round`, in a thread of its own.
    fn start_round<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        split: &'scope Split,
        round: usize,
    ) -> RoundFeatures {
        // Room for all of them: a round that is extracted early waits in memory.
        let (sender, receiver) = mpsc::sync_channel(split.training.len());
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
        split: &Split,
        round: usize,
        sender: &SyncSender<Result<(usize, Vec<f32>), DetectorError>>,
    ) -> Result<(), DetectorError> {
        let config = self.config;
        let transforms = config.transform_config();
        let range = round * config.transforms..(round + 1) * config.transforms;
        let seed = config.shared().training_transform_seed();
        let choice = |hash: &ContentHash| {
            random_transforms(&transforms, seed, Purpose::Train, hash, range.clone())
        };
        let mut send =
            |index, features: ImageFeatures| match sender.send(Ok((index, features.rows))) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
        // Broken off if nobody listens.
        let _ = self.source.for_each_usable(self.regions, &split.training, &choice, &mut send)?;
        Ok(())
    }

    /// Adds the transforms of `round` to the pool as they arrive; false if interrupted.
    fn fill_pool(
        &self,
        features: &RoundFeatures,
        round: usize,
        pool: &mut Pool,
        progress: &mut ProgressCallback<'_>,
    ) -> Result<bool, DetectorError> {
        pool.advance(self.config.transforms);
        for (done, features) in features.iter().enumerate() {
            let (index, rows) = features?;
            pool.set(index, &rows);
            let (done, total) = (done + 1, pool.images());
            let (round, rounds) = (round + 1, self.config.rounds);
            if progress(Progress::Features { done, total, round, rounds }).is_break() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The weights to keep, the updates behind them and their course.
    fn finish(&self, run: Run<'_>) -> Result<(Flow, u64, Vec<HistoryPoint>), DetectorError> {
        let (flow, updates) = match run.state.best {
            Some(best) if self.config.patience > 0 => {
                let checkpoints = self.checkpoints().of_flow(run.flow);
                (checkpoints.load_best(self.device)?, best.update)
            }
            _ => (run.trainer.flow(), run.trainer.steps()),
        };
        Ok((flow, updates, run.state.history))
    }

    /// The error for an update that failed; keeps the weights from before it if they are whole.
    fn diverged(&self, run: &Run<'_>, source: TrainError) -> DetectorError {
        let whole = !matches!(source, TrainError::NonFiniteGradient { .. });
        let checkpoints = self.checkpoints().of_flow(run.flow);
        if whole && let Err(error) = checkpoints.save(&run.trainer, &run.state) {
            return error;
        }
        let checkpoint = self.checkpoints.to_path_buf();
        DetectorError::Diverged { update: run.trainer.steps() + 1, checkpoint, source }
    }
}

/// The seed of flow number `flow`; the first has the training's own.
fn flow_seed(seed: u64, flow: usize) -> u64 {
    // An odd constant (2⁶⁴ over the golden ratio) spreads the numbers over all bits.
    seed ^ (flow as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
