//! Models of all methods as the tables train them and score with them.

use std::path::PathBuf;

use anyhow::Context;
use differnet::progress::{Monitor, Progress, Stage};
use differnet::scoring::Average;
use differnet::{
    Config, Error, Method, Model, ScoreConfig, Training, TransformChoice, ValidationObserver,
};

use super::cell::TestSpec;
use super::method::{CellContext, Step, Stopped};

/// A model of `config` trained on `files`; `observer` sees the flow at every validation step.
///
/// # Errors
/// [`Stopped`] if the context was told to stop: then the context's folder has the state. Otherwise what
/// the training says.
pub(super) fn train(
    config: &Config,
    files: &[PathBuf],
    context: &CellContext<'_>,
    validation_observer: Option<&ValidationObserver<'_>>,
) -> anyhow::Result<Model> {
    let checkpoints = context.partial.join("checkpoints");
    let observer = |progress: &Progress| (context.tell)(&step(progress));
    let resumable = config.method.method().is_resumable();
    let training = Training {
        checkpoints: resumable.then_some(&checkpoints),
        monitor: Monitor::new(&observer, context.cancel),
        validation_observer,
        ..Training::new(config, context.runtime)
    };
    let mut trained = training.run(files);
    if let Err(Error::OtherCheckpoint { .. } | Error::Model { .. }) = trained {
        // Left by a version that trained otherwise, or damaged: worth no more than a new start.
        std::fs::remove_dir_all(&checkpoints)
            .with_context(|| format!("cannot delete {}", checkpoints.display()))?;
        trained = training.run(files);
    }
    trained.map(|trained| trained.model).map_err(stopped)
}

/// What methods that see an image once share with DifferNet.
pub(super) const SHARED: [&str; 3] = ["seed", "validation", "quantile"];

/// The settings of the competitor `method`, with what it shares with DifferNet taken from `config`.
///
/// As in the paper (Section 4.3) 1-NN and the one-class SVM see the same features and average their
/// scores over transforms: as many of a training image as of a test image. Networks have the
/// transforms of their own papers; methods on local features see an image once.
pub(super) fn competitor(method: Method, config: &Config) -> Config {
    let own = Config::preset(method, config.preset);
    if method.sees_images_once() {
        // As [`SHARED`] lists them.
        let Config { seed, validation, quantile, .. } = *config;
        return Config { seed, validation, quantile, ..own };
    }
    let transforms = config.score_transforms;
    Config { transforms, average: Average::Mean, method: own.method, ..config.clone() }
}

/// The anomaly score of each of `files`, in order; larger is more anomalous.
///
/// # Errors
/// [`Stopped`] if the context was told to stop; an image that cannot be used.
pub(super) fn scores(
    model: &Model,
    files: &[PathBuf],
    test: &TestSpec,
    context: &CellContext<'_>,
) -> anyhow::Result<Vec<f64>> {
    let mut scores = Vec::with_capacity(files.len());
    for (done, score) in (1..).zip(model.scores_with(files, score_config(model, test))) {
        scores.push(score.context("a test image cannot be used")?.score);
        let name = "Scoring test images".to_owned();
        (context.tell)(&Step { name, done, total: files.len() });
        context.cancel.check().map_err(|_| Stopped)?;
    }
    Ok(scores)
}

/// The threshold that training set for scores under `test`, if it set one.
pub(super) fn threshold(model: &Model, test: &TestSpec) -> Option<f64> {
    (score_config(model, test) == model.score_config()).then_some(model.header().threshold)
}

/// Scoring of a test: DifferNet as the test says, competitors by the mean, networks and methods on local
/// features as they were fitted to.
fn score_config(model: &Model, test: &TestSpec) -> ScoreConfig {
    let method = model.header().config.method.method();
    if method.sees_images_once() {
        return model.score_config();
    }
    let average = if method == Method::DifferNet { test.average } else { Average::Mean };
    let transforms = test.transforms;
    let choice = match test.random {
        true => TransformChoice::Random { seed: model.header().config.seed },
        false => TransformChoice::Fixed,
    };
    ScoreConfig { transforms, choice, average, early_stopping: None }
}

/// A cancelled operation was stopped.
pub(super) fn stopped(error: Error) -> anyhow::Error {
    match error {
        Error::Cancelled(_) => Stopped.into(),
        other => other.into(),
    }
}

/// Step of a training, in words.
fn step(progress: &Progress) -> Step {
    let Progress { done, total, round: (round, rounds), .. } = *progress;
    let name = match progress.stage {
        Stage::Checking => "Checking images",
        Stage::Validation => "Features of validation images",
        Stage::Features if rounds > 1 => {
            let name = format!("Features of training images, round {round} of {rounds}");
            return Step { name, done, total };
        }
        Stage::Features => "Features of training images",
        Stage::Training => "Training",
        Stage::Places => "Places of training images",
        Stage::Pixels => "Pixels of training images",
        Stage::Maps => "Maps of good images",
        _ => "Fitting",
    };
    Step { name: name.to_owned(), done, total }
}
