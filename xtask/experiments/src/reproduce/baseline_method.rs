//! The competitors as methods of the tables.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Context;

use differnet::{
    AnomalyDetector, Average, BadImagePolicy, Baseline, BaselineConfig, DetectorConfig, Method,
    Outcome, Progress, ScoreConfig, SharedConfig, Training, TransformChoice,
};

use super::cell::TestSpec;
use super::differnet_method::{score_files, stage};
use super::method::{Bench, Stopped, Trained};

/// A competitor fitted to `files`, with the settings that it shares with DifferNet taken from
/// `config`.
///
/// As in the paper (Section 4.3) 1-NN and the one-class SVM see the same features and average their
/// scores over transforms: as many of a training image as of a test image. Networks have the
/// transforms of their own papers.
///
/// # Errors
/// [`Stopped`] if the bench was told to stop; otherwise what the fit says.
pub(super) fn train(
    method: Method,
    config: &DetectorConfig,
    files: &[PathBuf],
    bench: &mut Bench<'_>,
) -> anyhow::Result<Baseline> {
    let shared = config.shared();
    let mut config = BaselineConfig::preset(method, config.preset)
        .with_context(|| format!("{method} is no competitor"))?;
    config.shared = if method.looks_at_pixels() {
        let SharedConfig { seed, validation, quantile, .. } = shared;
        SharedConfig { seed, validation, quantile, ..config.shared }
    } else {
        SharedConfig { transforms: shared.score_transforms, average: Average::Mean, ..shared }
    };
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
        score_files(self, files, &score_config(self, test), bench)
    }

    fn threshold(&self, test: &TestSpec) -> Option<f64> {
        (score_config(self, test) == self.score_config()).then_some(self.info().threshold)
    }
}

/// How a test scores: by the mean, whatever DifferNet does; networks as they were fitted to.
fn score_config(baseline: &Baseline, test: &TestSpec) -> ScoreConfig {
    if baseline.info().config.method().looks_at_pixels() {
        return baseline.score_config();
    }
    let transforms = test.transforms;
    ScoreConfig { transforms, choice: TransformChoice::Fixed, average: Average::Mean, settle: None }
}
