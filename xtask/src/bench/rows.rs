//! Our side of a comparison on rows of features, as `benches/scikit_learn.py` has the other.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use differnet_baselines::{
    FitProgress, OneClassSvm, OneClassSvmConfig, OneNearestNeighbour, OneNearestNeighbourConfig,
    RowScorer, Rows,
};
use differnet_features::FEATURES;
use safetensors::SafeTensors;

/// Seed of the rows that the one-class SVM is fitted to.
const SEED: u64 = 1;

/// Rows to fit to and rows to score, and what was fitted last.
pub(super) struct RowBench {
    train: Vec<f32>,
    test: Vec<f32>,
    nearest: Option<OneNearestNeighbour>,
    svm: Option<OneClassSvm>,
}

impl RowBench {
    /// From two files that `differnet features` wrote.
    pub(super) fn open(train: &Path, test: &Path) -> anyhow::Result<Self> {
        Ok(Self { train: read(train)?, test: read(test)?, nearest: None, svm: None })
    }

    /// The seconds that the work with a name takes, without what is fitted once to score.
    pub(super) fn seconds(&mut self, name: &str, size: usize) -> anyhow::Result<f64> {
        let test = Rows::new(&self.test, FEATURES)?;
        let mut start = Instant::now();
        match name {
            "nearest-fit" => self.nearest = Some(fit_nearest(&self.train, size)?),
            "nearest-score" => {
                if self.nearest.is_none() {
                    self.nearest = Some(fit_nearest(&self.train, size)?);
                    start = Instant::now();
                }
                black_box(self.nearest.as_ref().map(|model| model.scores(&test)));
            }
            "svm-fit" => self.svm = Some(fit_svm(&self.train, size)?),
            "svm-score" => {
                if self.svm.is_none() {
                    self.svm = Some(fit_svm(&self.train, size)?);
                    start = Instant::now();
                }
                black_box(self.svm.as_ref().map(|model| model.scores(&test)));
            }
            _ => bail!("there is no work named {name}"),
        }
        Ok(start.elapsed().as_secs_f64())
    }
}

fn fit_nearest(train: &[f32], components: usize) -> anyhow::Result<OneNearestNeighbour> {
    let config = OneNearestNeighbourConfig { components };
    let model = config.fit(&Rows::new(train, FEATURES)?, &mut go_on)?;
    model.context("nobody interrupts")
}

fn fit_svm(train: &[f32], max_rows: usize) -> anyhow::Result<OneClassSvm> {
    let config = OneClassSvmConfig { max_rows, ..OneClassSvmConfig::default() };
    let model = config.fit(&Rows::new(train, FEATURES)?, SEED, &mut go_on)?;
    model.context("nobody interrupts")
}

fn go_on(_: &FitProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The values of the tensor `features`, whatever its leading dimensions.
fn read(path: &Path) -> anyhow::Result<Vec<f32>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let tensors = SafeTensors::deserialize(&bytes)
        .with_context(|| format!("{} is no safetensors file", path.display()))?;
    let features = tensors
        .tensor("features")
        .with_context(|| format!("{} has no tensor `features`", path.display()))?;
    let (values, _) = features.data().as_chunks::<4>();
    Ok(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}
