//! DifferNet as a method of the tables.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Context;
use differnet::{
    AnomalyDetector, BadImagePolicy, Detector, DetectorConfig, DetectorError, LookCallback,
    Outcome, Progress, ScoreConfig, Training, TransformChoice,
};

use super::cell::TestSpec;
use super::method::{Bench, Stage, Stopped, Trained};

/// A detector trained on `files`; `look` sees the flow at every look at the held-back images.
///
/// # Errors
/// [`Stopped`] if the bench was told to stop: then the bench's folder has the state. Otherwise what
/// the training says.
pub(super) fn train(
    config: &DetectorConfig,
    files: &[PathBuf],
    bench: &mut Bench<'_>,
    look: &mut LookCallback<'_>,
) -> anyhow::Result<Detector> {
    let checkpoints = bench.partial.join("checkpoints");
    let training = Training {
        config,
        source: bench.source,
        device: bench.device,
        checkpoints: &checkpoints,
        bad_images: BadImagePolicy::Refuse,
        regions: None,
    };
    let tell = &mut bench.tell;
    let mut progress = |progress: Progress| match stage(progress) {
        Some(stage) => tell(stage),
        None => ControlFlow::Continue(()),
    };
    let mut outcome = training.run_watched(files, &mut progress, look);
    if let Err(DetectorError::OtherCheckpoint { .. } | DetectorError::Model { .. }) = outcome {
        // Left by a version that trained otherwise, or damaged: worth no more than a new start.
        std::fs::remove_dir_all(&checkpoints)
            .with_context(|| format!("cannot delete {}", checkpoints.display()))?;
        outcome = training.run_watched(files, &mut progress, look);
    }
    match outcome? {
        Outcome::Finished(detector, _) => Ok(*detector),
        Outcome::Interrupted => Err(Stopped.into()),
    }
}

impl Trained for Detector {
    fn score(
        &self,
        files: &[PathBuf],
        test: &TestSpec,
        bench: &mut Bench<'_>,
    ) -> anyhow::Result<Vec<f64>> {
        score_files(self, files, &score_config(test), bench)
    }

    fn threshold(&self, test: &TestSpec) -> Option<f64> {
        (score_config(test) == self.score_config()).then_some(self.info().threshold)
    }
}

fn score_config(test: &TestSpec) -> ScoreConfig {
    let (transforms, average) = (test.transforms, test.average);
    ScoreConfig { transforms, choice: TransformChoice::Fixed, average, settle: None }
}

/// The scores of `files` under `config`, in order.
///
/// # Errors
/// As [`Trained::score`].
pub(super) fn score_files(
    model: &dyn AnomalyDetector,
    files: &[PathBuf],
    config: &ScoreConfig,
    bench: &mut Bench<'_>,
) -> anyhow::Result<Vec<f64>> {
    let mut scores = Vec::with_capacity(files.len());
    let mut failure = None;
    let flow = model.score_files(bench.source, files, config, &mut |index, score| {
        match score {
            Ok(score) => scores.push(score.score),
            Err(error) => failure = Some(error),
        }
        let name = "Scoring test images".to_owned();
        let told = (bench.tell)(Stage { name, done: index + 1, total: files.len() });
        if failure.is_some() { ControlFlow::Break(()) } else { told }
    })?;
    match failure {
        Some(error) => anyhow::bail!("a test image cannot be used: {}", error.with_causes()),
        None if flow.is_break() => Err(Stopped.into()),
        None => Ok(scores),
    }
}

/// How far a training is, in words.
pub(super) fn stage(progress: Progress) -> Option<Stage> {
    let (name, done, total) = match progress {
        Progress::Checking { done, total } => ("Checking images".to_owned(), done, total),
        Progress::HeldBack { done, total } => {
            ("Features of held-back images".to_owned(), done, total)
        }
        Progress::Features { done, total, round, rounds } => {
            let name = "Features of training images";
            let name = if rounds > 1 {
                format!("{name}, round {round} of {rounds}")
            } else {
                name.to_owned()
            };
            (name, done, total)
        }
        Progress::Training { update, updates, .. } => {
            // A training has far fewer updates than a pointer has values.
            let count = |updates: u64| usize::try_from(updates).unwrap_or(usize::MAX);
            ("Training".to_owned(), count(update), count(updates))
        }
        Progress::Places { done, total } => ("Places of training images".to_owned(), done, total),
        Progress::Fitting { done, total, .. } => ("Fitting".to_owned(), done, total),
        Progress::Maps { done, total } => ("Maps of good images".to_owned(), done, total),
        _ => return None,
    };
    Some(Stage { name, done, total })
}
