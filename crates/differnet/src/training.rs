//! Training a detector on good images (paper, Sections 3.1.2 and 4.2).

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use differnet_data::{BadImage, ContentHash, Purpose, fixed_transforms, random_transforms};
use differnet_features::FEATURES;
use differnet_flow::{BatchOrder, Flow, TrainError, Trainer, add_noise};
use differnet_scoring::{anomaly_score, quantile, threshold_from_good};
use serde::{Deserialize, Serialize};

use crate::config::DetectorConfig;
use crate::detector::{Detector, ModelInfo, row_scores};
use crate::error::DetectorError;
use crate::feature_source::{ChooseTransforms, FeatureSource, ImageFeatures};
use crate::pool::Pool;
use crate::progress::{HistoryPoint, Progress, ProgressCallback};
use crate::split::{Split, split_files};

/// Fewest usable images that a training starts with.
pub const FEWEST_IMAGES: usize = 2;
/// Training images whose scores are kept as quantiles.
const SCORED_TRAINING_IMAGES: usize = 200;
/// The quantiles kept.
const QUANTILES: [f64; 7] = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0];
/// Metadata key of a checkpoint's own state.
const STATE_KEY: &str = "differnet.training";
/// Time between two checkpoints.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// What to do with files that are no usable images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadImagePolicy {
    /// Refuse to train, listing all of them.
    Refuse,
    /// Train on the others and list them in the outcome.
    Skip,
}

/// Everything a training needs besides its images.
#[derive(Debug)]
pub struct Training<'a> {
    /// The settings.
    pub config: &'a DetectorConfig,
    /// Where features come from.
    pub source: &'a FeatureSource,
    /// Where the flow is trained.
    pub device: &'a Device,
    /// Folder for checkpoints: a training found there is taken up again.
    pub checkpoints: &'a Path,
    /// What to do with files that are no usable images.
    pub bad_images: BadImagePolicy,
}

/// How a training ended.
#[derive(Debug)]
pub enum Outcome {
    /// The detector, and the files that were skipped.
    Finished(Box<Detector>, Vec<BadImage>),
    /// The progress callback asked to stop; the checkpoint folder has the state.
    Interrupted,
}

/// What a checkpoint remembers besides weights and moments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    config: DetectorConfig,
    data_fingerprint: String,
    history: Vec<HistoryPoint>,
    /// The look with the lowest validation loss so far.
    best: Option<HistoryPoint>,
    /// Sum and number of the training losses since the last look.
    losses: (f64, u64),
    /// Standard deviation of the noise on each feature, from the first round's rows; empty for none.
    deviations: Vec<f32>,
}

impl Training<'_> {
    /// Trains a detector on the good images `files`.
    ///
    /// A share of them is held back to choose the weights and to set the threshold. The result is
    /// a function of the settings, the seed and the images' contents, not of their names, and whether or not the training
    /// was interrupted in between.
    ///
    /// # Errors
    /// [`DetectorError`]: settings out of range, unusable or too few images, a checkpoint of
    /// another training, a loss that is no longer finite, or a file that cannot be written.
    pub fn run(
        &self,
        files: &[PathBuf],
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Outcome, DetectorError> {
        self.config.validate()?;
        self.config.flow_config().validate()?;
        std::fs::create_dir_all(self.checkpoints)
            .map_err(|source| DetectorError::Io { path: self.checkpoints.to_path_buf(), source })?;
        let (split, skipped) =
            split_files(files, self.config, &self.source.limits, self.bad_images)?;
        let Some(held_back) = self.held_back_rows(&split, progress)? else {
            return Ok(Outcome::Interrupted);
        };
        let Some(trained) = self.train_flow(&split, &held_back, progress)? else {
            return Ok(Outcome::Interrupted);
        };
        let info = self.describe(&split, &held_back, &trained)?;
        let detector = Detector::new(trained.flow, info, self.device.clone());
        Ok(Outcome::Finished(Box::new(detector), skipped))
    }

    /// Deletes the checkpoints once the model is safely stored.
    ///
    /// # Errors
    /// [`DetectorError::Io`] if the folder cannot be deleted.
    pub fn remove_checkpoints(&self) -> Result<(), DetectorError> {
        std::fs::remove_dir_all(self.checkpoints)
            .map_err(|source| DetectorError::Io { path: self.checkpoints.to_path_buf(), source })
    }

    /// Rows of the held-back images under the transforms that they will be scored with.
    fn held_back_rows(
        &self,
        split: &Split,
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Option<Vec<f32>>, DetectorError> {
        let total = split.held_back.len();
        let transforms =
            fixed_transforms(&self.config.transform_config(), self.config.score_transforms);
        let mut rows = Vec::new();
        let choice = |_: &ContentHash| transforms.clone();
        let complete = self.visit_features(&split.held_back, &choice, &mut |index, features| {
            rows.extend(features.rows);
            progress(Progress::HeldBack { done: index + 1, total })
        })?;
        Ok(complete.then_some(rows))
    }

    /// Adds the transforms of `round` to the pool; false if interrupted.
    fn fill_pool(
        &self,
        split: &Split,
        round: usize,
        pool: &mut Pool,
        progress: &mut ProgressCallback<'_>,
    ) -> Result<bool, DetectorError> {
        let config = self.config;
        let transforms = config.transform_config();
        let range = round * config.transforms..(round + 1) * config.transforms;
        let choice = |hash: &ContentHash| {
            random_transforms(&transforms, config.seed, Purpose::Train, hash, range.clone())
        };
        pool.advance(config.transforms);
        let total = split.training.len();
        self.visit_features(&split.training, &choice, &mut |index, features| {
            pool.set(index, &features.rows);
            let (round, rounds) = (round + 1, config.rounds);
            progress(Progress::Features { done: index + 1, total, round, rounds })
        })
    }

    /// Visits the features of every file, all of which were usable before; false if interrupted.
    fn visit_features(
        &self,
        files: &[PathBuf],
        choice: &ChooseTransforms<'_>,
        visit: &mut dyn FnMut(usize, ImageFeatures) -> ControlFlow<()>,
    ) -> Result<bool, DetectorError> {
        let mut failure = None;
        let flow = self.source.for_each(files, choice, &mut |index, features| match features {
            Ok(features) => visit(index, features),
            Err(source) => {
                failure = Some(source);
                ControlFlow::Break(())
            }
        })?;
        match failure {
            Some(source) => Err(DetectorError::Image { source }),
            None => Ok(flow.is_continue()),
        }
    }

    fn train_flow(
        &self,
        split: &Split,
        held_back: &[f32],
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Option<Trained>, DetectorError> {
        let config = self.config;
        let (mut trainer, mut state) = self.start(split)?;
        let mut pool = Pool::new(split.training.len(), config.pool);
        let mut batch = Vec::with_capacity(config.batch_size * FEATURES);
        let mut saved = Instant::now();
        let mut round_start = 0_u64;
        let updates = self.updates(split.training.len());
        for round in 0..config.rounds {
            let round_end = updates * (round as u64 + 1) / config.rounds as u64;
            // A resumed training needs no rows that later rounds have pushed out of the pool.
            let pushed_out = (config.pool.div_ceil(config.transforms) + round) as u64;
            let live = pushed_out >= self.round_of(trainer.steps(), updates);
            if live && !self.fill_pool(split, round, &mut pool, progress)? {
                self.save(&trainer, &state)?;
                return Ok(None);
            }
            if !live {
                pool.advance(config.transforms);
            }
            if config.noise > 0.0 && trainer.steps() == 0 {
                state.deviations = pool.deviations();
                state.deviations.iter_mut().for_each(|value| *value *= config.noise as f32);
            }
            let seed = config.seed.wrapping_add((round as u64) << 32);
            let mut order = BatchOrder::new(seed, pool.len(), config.batch_size)?;
            while trainer.steps() < round_end {
                batch.clear();
                for &row in order.batch(trainer.steps() - round_start) {
                    batch.extend_from_slice(pool.row(row));
                }
                if !state.deviations.is_empty() {
                    add_noise(&mut batch, &state.deviations, config.seed, trainer.steps());
                }
                trainer.set_learning_rate(config.learning_rate_at(trainer.steps(), updates));
                let report = match trainer.step(&batch) {
                    Ok(report) => report,
                    Err(source) => return Err(self.diverged(&trainer, &state, source)),
                };
                state.losses.0 += report.loss;
                state.losses.1 += 1;
                let looked = report.step.is_multiple_of(config.validate_every as u64)
                    || report.step == updates;
                if looked {
                    self.look(&trainer, held_back, &mut state)?;
                }
                let validation = state.history.last().and_then(|point| point.validation);
                let (update, loss) = (report.step, report.loss);
                if progress(Progress::Training { update, updates, loss, validation }).is_break() {
                    self.save(&trainer, &state)?;
                    return Ok(None);
                }
                if looked && self.out_of_patience(&state) {
                    return Ok(Some(self.finish(&trainer, state, &pool)?));
                }
                if saved.elapsed() > CHECKPOINT_INTERVAL {
                    self.save(&trainer, &state)?;
                    saved = Instant::now();
                }
            }
            round_start = round_end;
        }
        Ok(Some(self.finish(&trainer, state, &pool)?))
    }

    /// The trainer and state to start from: a checkpoint's if there is one.
    fn start(&self, split: &Split) -> Result<(Trainer, State), DetectorError> {
        let fresh = State {
            config: self.config.clone(),
            data_fingerprint: split.fingerprint.clone(),
            history: Vec::new(),
            best: None,
            losses: (0.0, 0),
            deviations: Vec::new(),
        };
        let path = self.latest();
        if !path.exists() {
            let flow = self.config.flow_config().init(self.config.seed, self.device);
            return Ok((Trainer::new(flow, self.config.adam_config()), fresh));
        }
        let model = |source| DetectorError::Model { path: path.clone(), source };
        let (trainer, metadata) = Trainer::load_checkpoint(&path, self.device).map_err(model)?;
        let other = |what: &str| DetectorError::OtherCheckpoint {
            path: self.checkpoints.to_path_buf(),
            what: what.to_owned(),
        };
        let state: State = metadata
            .get(STATE_KEY)
            .and_then(|text| serde_json::from_str(text).ok())
            .ok_or_else(|| other("version of this program"))?;
        if state.config != fresh.config {
            return Err(other("configuration"));
        }
        if state.data_fingerprint != fresh.data_fingerprint {
            return Err(other("set of images"));
        }
        Ok((trainer, state))
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

    /// The round that update number `step` (from 0) belongs to.
    fn round_of(&self, step: u64, updates: u64) -> u64 {
        let rounds = self.config.rounds as u64;
        (0..rounds).find(|round| step < updates * (round + 1) / rounds).unwrap_or(rounds)
    }

    /// Looks at the held-back images, and keeps the weights if they are the best so far.
    fn look(
        &self,
        trainer: &Trainer,
        held_back: &[f32],
        state: &mut State,
    ) -> Result<(), DetectorError> {
        let validation = (!held_back.is_empty()).then(|| trainer.loss(held_back));
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
                trainer.flow().save(&self.best(), &BTreeMap::new())?;
            }
        }
        Ok(())
    }

    fn out_of_patience(&self, state: &State) -> bool {
        let Some(best) = state.best else { return false };
        let since = state.history.iter().filter(|point| point.update > best.update).count();
        self.config.patience > 0 && since >= self.config.patience
    }

    /// The weights to keep, and what is to be said of them.
    fn finish(
        &self,
        trainer: &Trainer,
        state: State,
        pool: &Pool,
    ) -> Result<Trained, DetectorError> {
        let (flow, updates) = match state.best {
            Some(best) if self.config.patience > 0 => {
                (Flow::load(&self.best(), self.device)?, best.update)
            }
            _ => (trainer.flow(), trainer.steps()),
        };
        let rows: Vec<f32> = (0..pool.len().min(SCORED_TRAINING_IMAGES))
            .flat_map(|row| pool.row(row))
            .copied()
            .collect();
        let mut training_scores = row_scores(&flow, &rows, self.device);
        training_scores.iter_mut().for_each(|score| *score = score.min(f64::MAX));
        Ok(Trained { flow, updates, training_scores, history: state.history })
    }

    /// The description that goes into the model file, with the threshold.
    fn describe(
        &self,
        split: &Split,
        held_back: &[f32],
        trained: &Trained,
    ) -> Result<ModelInfo, DetectorError> {
        let config = self.config;
        let scores = row_scores(&trained.flow, held_back, self.device);
        let mut good_scores = Vec::new();
        for image in scores.chunks(config.score_transforms) {
            // An infinite score would not survive the model file's JSON.
            good_scores.push(anomaly_score(image, config.average)?.min(f64::MAX));
        }
        if good_scores.is_empty() {
            good_scores.clone_from(&trained.training_scores);
        }
        good_scores.sort_by(f64::total_cmp);
        let mut training_score_quantiles = Vec::new();
        for q in QUANTILES {
            training_score_quantiles.push(quantile(&trained.training_scores, q)?);
        }
        Ok(ModelInfo {
            format: ModelInfo::FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            extractor: self.source.extractor.id().into(),
            config: config.clone(),
            data_fingerprint: split.fingerprint.clone(),
            training_images: split.training.len(),
            held_back_images: split.held_back.len(),
            updates: trained.updates,
            threshold: threshold_from_good(&good_scores, config.quantile)?.min(f64::MAX),
            good_scores,
            training_score_quantiles,
            history: trained.history.clone(),
        })
    }

    /// The error for an update that failed; keeps the weights from before it if they are whole.
    fn diverged(&self, trainer: &Trainer, state: &State, source: TrainError) -> DetectorError {
        let whole = !matches!(source, TrainError::NonFiniteGradient { .. });
        if whole && let Err(error) = self.save(trainer, state) {
            return error;
        }
        let checkpoint = self.checkpoints.to_path_buf();
        DetectorError::Diverged { update: trainer.steps() + 1, checkpoint, source }
    }

    fn save(&self, trainer: &Trainer, state: &State) -> Result<(), DetectorError> {
        let text = serde_json::to_string(state).expect("the state is plain data");
        let metadata = BTreeMap::from([(STATE_KEY.to_owned(), text)]);
        Ok(trainer.save_checkpoint(&self.latest(), &metadata)?)
    }

    fn latest(&self) -> PathBuf {
        self.checkpoints.join("latest.safetensors")
    }

    fn best(&self) -> PathBuf {
        self.checkpoints.join("best.safetensors")
    }
}

/// A trained flow and what is known of its training.
struct Trained {
    flow: Flow,
    updates: u64,
    training_scores: Vec<f64>,
    history: Vec<HistoryPoint>,
}
