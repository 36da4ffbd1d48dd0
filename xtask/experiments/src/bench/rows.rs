//! Our side of a comparison on rows of features, as `benches/scikit_learn.py` has the other.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use differnet_baselines::{OneClassSvmConfig, OneNearestNeighbourConfig, RowScorer, Rows};
use differnet_features::FEATURES;
use differnet_progress::Monitor;

use xtask_inputs::Vectors;

/// Seed of the rows that the one-class SVM is fitted to.
const SEED: u64 = 1;

/// Rows to fit to and rows to score, and what was fitted last.
pub(super) struct RowBench {
    train: Vec<f32>,
    test: Vec<f32>,
    fitted: Option<(String, Box<dyn RowScorer>)>,
}

impl RowBench {
    /// From two files that `differnet features` wrote.
    pub(super) fn open(train: &Path, test: &Path) -> anyhow::Result<Self> {
        Ok(Self { train: read(train)?, test: read(test)?, fitted: None })
    }

    /// The seconds that the work `METHOD-fit` or `METHOD-score` takes, without what is fitted once to
    /// score.
    pub(super) fn seconds(&mut self, name: &str, size: usize) -> anyhow::Result<f64> {
        let (method, part) = name.split_once('-').context("work has a method and a part")?;
        let mut start = Instant::now();
        if part == "fit" || self.fitted.as_ref().is_none_or(|(name, _)| name != method) {
            self.fitted = Some((method.to_owned(), fit(method, &self.train, size)?));
            if part == "fit" {
                return Ok(start.elapsed().as_secs_f64());
            }
            start = Instant::now();
        }
        let (_, model) = self.fitted.as_ref().context("the model was just fitted")?;
        black_box(model.scores(&Rows::new(&self.test, FEATURES)?));
        Ok(start.elapsed().as_secs_f64())
    }
}

/// A model of `train`: `size` principal components for `nearest`, `size` rows for `svm`.
fn fit(method: &str, train: &[f32], size: usize) -> anyhow::Result<Box<dyn RowScorer>> {
    let rows = Rows::new(train, FEATURES)?;
    Ok(match method {
        "nearest" => {
            let config = OneNearestNeighbourConfig { components: size };
            Box::new(config.fit(&rows, &Monitor::silent())?)
        }
        "svm" => {
            let config = OneClassSvmConfig { max_rows: size, ..OneClassSvmConfig::default() };
            Box::new(config.fit(&rows, SEED, &Monitor::silent())?)
        }
        _ => bail!("there is no method named {method}"),
    })
}

/// The rows of a file that `differnet features` wrote, `[images, transforms, 768]`.
fn read(path: &Path) -> anyhow::Result<Vec<f32>> {
    Vectors::read(path)?.values("features", [0, 0, FEATURES])
}
