//! The competitors on features, 1-NN and the one-class SVM, as methods of the tables.

use std::ops::ControlFlow;
use std::path::PathBuf;

use differnet::{
    AnomalyDetector, Average, BadImagePolicy, Baseline, BaselineConfig, BaselineMethod,
    DetectorConfig, Outcome, Progress, ScoreConfig, SharedConfig, Training, TransformChoice,
};

use super::cell::TestSpec;
use super::differnet_method::{score_files, stage};
use super::method::{Bench, Stopped, Trained};

/// A competitor fitted to `files`, with the settings that it shares with DifferNet taken from
/// `config`.
///
/// As in the paper (Section 4.3) it sees the same features and averages its scores over transforms:
/// as many of a training image as of a test image.
///
/// # Errors
/// [`Stopped`] if the bench was told to stop; otherwise what the fit says.
pub(super) fn train(
    method: BaselineMethod,
    config: &DetectorConfig,
    files: &[PathBuf],
    bench: &mut Bench<'_>,
) -> anyhow::Result<Baseline> {
    let transforms = config.score_transforms;
    let shared = SharedConfig { transforms, average: Average::Mean, ..config.shared() };
    let config = BaselineConfig { method, shared };
    let training = Training {
        config: &config,
        source: bench.source,
        device: bench.device,
        checkpoints: &bench.partial.join("checkpoints"),
        bad_images: BadImagePolicy::Refuse,
        regions: None,
    };
    let tell = &mut bench.tell;
    let outcome = training.run(files, &mut |progress: Progress| match stage(progress) {
        Some(stage) => tell(stage),
        None => ControlFlow::Continue(()),
    })?;
    match outcome {
        Outcome::Finished(baseline, _) => Ok(*baseline),
        Outcome::Interrupted => Err(Stopped.into()),
    }
}

impl Trained for Baseline {
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

/// How a test scores: competitors average by the mean, whatever DifferNet does.
fn score_config(test: &TestSpec) -> ScoreConfig {
    let transforms = test.transforms;
    ScoreConfig { transforms, choice: TransformChoice::Fixed, average: Average::Mean }
}
