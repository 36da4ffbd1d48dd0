//! A cell: one training with its tests; what defines it, and what comes out of it.

use std::path::PathBuf;

use differnet::scoring::Average;
use differnet::{Config, DeviceChoice};
use differnet_data::ContentHash;
use differnet_eval::{Metrics, ScoredImage};
use serde::{Deserialize, Serialize};

use super::data::DataPart;
use super::environment::Environment;
use super::method::PaperMethod;

/// Version of what a stored cell means: another one is not read.
const FORMAT: u32 = 1;

/// Specification of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CellSpec {
    /// The row it belongs to, such as a category.
    pub(crate) category: String,
    /// The method.
    pub(crate) method: PaperMethod,
    /// Variant among the cells of the method, such as a configuration of Table 3.
    pub(crate) variant: Option<String>,
    /// The seed of split, subset, weights and batches; also in `config`.
    pub(crate) seed: u64,
    /// The data; the training images of all parts together are trained on.
    pub(crate) data: Vec<DataPart>,
    /// Number of training images that are drawn, if not all.
    pub(crate) shots: Option<usize>,
    /// DifferNet's settings; [`PaperMethod::config`] has those of the method.
    pub(crate) config: Config,
    /// The tests of the trained model.
    pub(crate) tests: Vec<TestSpec>,
    /// Tests while training, if any.
    pub(crate) watch: Option<WatchSpec>,
    /// Device that computes.
    pub(crate) device: DeviceChoice,
    /// Folder of the feature cache; `None` extracts everything anew.
    pub(crate) cache: Option<PathBuf>,
}

/// One test of a trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TestSpec {
    /// The part of the data whose test images are scored.
    pub(crate) part: usize,
    /// Transforms of each image.
    pub(crate) transforms: usize,
    /// Average over transforms.
    pub(crate) average: Average,
    /// Whether the transforms are drawn at random for each image, not fixed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) random: bool,
}

/// Tests of the first part's images at every validation step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WatchSpec {
    /// Numbers of transforms to score with; each with every average.
    pub(crate) transforms: Vec<usize>,
}

/// Result of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CellResult {
    /// [`CellSpec::digest`].
    pub(crate) digest: String,
    /// The row.
    pub(crate) category: String,
    /// The method.
    pub(crate) method: PaperMethod,
    /// Variant among the cells of the method.
    pub(crate) variant: Option<String>,
    /// The seed.
    pub(crate) seed: u64,
    /// Training images drawn, if not all.
    pub(crate) shots: Option<usize>,
    /// Every setting of the method.
    pub(crate) config: Config,
    /// Good images given to the training, those that it held back included.
    pub(crate) training_images: usize,
    /// Wall-clock time of the training, extraction of features included.
    pub(crate) train_seconds: f64,
    /// Rows of features that the training found in no cache.
    pub(crate) rows_extracted: u64,
    /// Number of times that the training was resumed.
    pub(crate) resumed: u32,
    /// [`Environment::build`] of the processes that trained it, in order and each once.
    #[serde(default)]
    pub(crate) builds: Vec<String>,
    /// Largest resident memory of the process, in 10⁶ bytes, where the system tells.
    pub(crate) peak_mb: Option<f64>,
    /// The tests, in the order asked for.
    pub(crate) tests: Vec<TestResult>,
    /// Tests while training.
    pub(crate) looks: Vec<StepTest>,
    /// Environment of the measurement.
    pub(crate) environment: Environment,
}

/// Result of one test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TestResult {
    /// Category of the images.
    pub(crate) category: String,
    /// Specification of the test.
    pub(crate) spec: TestSpec,
    /// The numbers.
    pub(crate) metrics: Metrics,
    /// Wall-clock time, extraction of features included.
    pub(crate) evaluate_seconds: f64,
    /// Rows of features that the test found in no cache.
    pub(crate) rows_extracted: u64,
    /// Labels and scores; an infinite score is stored as the largest number.
    pub(crate) images: Vec<ScoredImage>,
}

/// Result of a test at a validation step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct StepTest {
    /// Updates made.
    pub(crate) update: u64,
    /// Loss of the validation images, nats per feature.
    pub(crate) validation: Option<f64>,
    /// Transforms of each test image.
    pub(crate) transforms: usize,
    /// Average over transforms.
    pub(crate) average: Average,
    /// In \[0, 1\].
    pub(crate) auroc: f64,
    /// In \[0, 1\].
    pub(crate) recall_at_zero_fp: f64,
}

impl CellSpec {
    /// Digest of all that the numbers depend on; `fingerprint` is that of the data.
    ///
    /// Where the data and the cache lie does not matter.
    pub(crate) fn digest(&self, fingerprint: &str) -> String {
        let Self { method, seed, shots, config, tests, watch, device, .. } = self;
        let config = method.config(config);
        let text = serde_json::to_string(&(
            FORMAT,
            method,
            seed,
            shots,
            config,
            tests,
            watch,
            device,
            fingerprint,
        ));
        let hash = ContentHash::of(text.expect("settings are plain data").as_bytes());
        hash.to_string()[..32].to_owned()
    }

    /// Name for people.
    pub(crate) fn label(&self) -> String {
        let variant = self.variant.as_ref().map_or(String::new(), |name| format!(" {name},"));
        format!("{}, {},{variant} seed {}", self.category, self.method_name(), self.seed)
    }

    /// The method's name; says how many images a few-shot training sees.
    pub(crate) fn method_name(&self) -> String {
        method_name(self.method, self.shots)
    }
}

impl CellResult {
    /// The method's name; says how many images a few-shot training saw.
    pub(crate) fn method_name(&self) -> String {
        method_name(self.method, self.shots)
    }

    /// Seconds of training and tests together.
    pub(crate) fn seconds(&self) -> f64 {
        self.train_seconds + self.tests.iter().map(|test| test.evaluate_seconds).sum::<f64>()
    }
}

fn method_name(method: PaperMethod, shots: Option<usize>) -> String {
    match (method, shots) {
        (PaperMethod::DifferNetShots, Some(shots)) => format!("differnet-{shots}-shot"),
        (PaperMethod::LocalFlowShots, Some(shots)) => format!("local-flow-{shots}-shot"),
        _ => method.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_inputs::spec;
    use super::*;

    #[test]
    fn the_digest_follows_settings_and_data_but_not_places() {
        let digest = spec(1).digest("data");
        let elsewhere = CellSpec { cache: Some("elsewhere".into()), ..spec(1) };
        assert_eq!(elsewhere.digest("data"), digest);
        assert_ne!(spec(2).digest("data"), digest);
        assert_ne!(spec(1).digest("other data"), digest);
        let mut other = spec(1);
        other.config.transforms += 1;
        assert_ne!(other.digest("data"), digest);
        let fewer = CellSpec { shots: Some(16), ..spec(1) };
        assert_ne!(fewer.digest("data"), digest);
        // A network has settings of its own: DifferNet's do not matter to it.
        let network = |config: &Config| {
            let config = config.clone();
            CellSpec { method: PaperMethod::Ganomaly, config, ..spec(1) }.digest("data")
        };
        assert_eq!(network(&other.config), network(&spec(1).config));
        assert_ne!(network(&spec(2).config), network(&spec(1).config));
    }

    #[test]
    fn labels_tell_cells_apart() {
        assert_eq!(spec(1).label(), "bottle, differnet, seed 1");
        let spec = CellSpec {
            method: PaperMethod::DifferNetShots,
            shots: Some(8),
            variant: Some("A".into()),
            ..spec(3)
        };
        assert_eq!(spec.label(), "bottle, differnet-8-shot, A, seed 3");
    }
}
