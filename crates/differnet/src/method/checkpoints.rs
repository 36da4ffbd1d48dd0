//! The folder from which an interrupted training is taken up again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use differnet_data::Regions;
use differnet_flow::{Backend, Flow, Trainer};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::Error;
use crate::header::HistoryPoint;
use crate::training::Training;

/// Metadata key of a checkpoint's own state.
const STATE_KEY: &str = "differnet.training";
/// Weights, moments and state as of the last save.
const LATEST: &str = "latest.safetensors";
/// The weights under which validation images were likeliest.
const BEST: &str = "best.safetensors";
/// Prefix of the names of files of further flows, before the flow's number.
const FLOW: &str = "flow-";

/// Progress of a training, kept in a checkpoint besides weights and moments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) regions: Option<Regions>,
    #[serde(default)]
    pub(crate) depth: Option<u8>,
    /// SHA-256 of the file of the network's weights.
    #[serde(default)]
    pub(crate) weights_sha256: Option<String>,
    pub(crate) data_fingerprint: String,
    pub(crate) history: Vec<HistoryPoint>,
    /// The validation step with the lowest loss so far.
    pub(crate) best: Option<HistoryPoint>,
    /// Sum and number of the training losses since the last validation step.
    pub(crate) losses: (f64, u64),
    /// Standard deviation of the noise on each feature, where it comes from the first round's rows;
    /// otherwise empty.
    pub(crate) deviations: Vec<f32>,
}

impl State {
    /// The state of a training that has not begun.
    pub(crate) fn new(training: &Training<'_>, data_fingerprint: &str) -> Self {
        let preprocessing = training.preprocessing();
        Self {
            config: training.config.clone(),
            regions: preprocessing.regions.cloned(),
            depth: preprocessing.depth,
            weights_sha256: training.weights_sha256(),
            data_fingerprint: data_fingerprint.to_owned(),
            history: Vec::new(),
            best: None,
            losses: (0.0, 0),
            deviations: Vec::new(),
        }
    }
}

/// A training runs at least this many times as long as it was saved last.
const TRAINED_PER_SAVED: u32 = 20;

/// When a training is saved next: after the interval asked for, or later if saving takes so long.
#[derive(Debug)]
pub(crate) struct SaveTimer {
    interval: Duration,
    saved: Instant,
    /// Time that the last save took.
    took: Duration,
}

impl SaveTimer {
    /// A training that begins or goes on now.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, saved: Instant::now(), took: Duration::ZERO }
    }

    /// Time between two saves.
    fn wait(&self) -> Duration {
        self.interval.max(TRAINED_PER_SAVED * self.took)
    }

    /// Does `save` if it is time to.
    pub(crate) fn save_if_due<E>(&mut self, save: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        if self.saved.elapsed() <= self.wait() {
            return Ok(());
        }
        let start = Instant::now();
        save()?;
        (self.took, self.saved) = (start.elapsed(), Instant::now());
        Ok(())
    }
}

/// A training's folder of checkpoints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checkpoints<'a> {
    folder: &'a Path,
    /// Number of the flow, from 0.
    flow: usize,
}

impl<'a> Checkpoints<'a> {
    /// The checkpoints in `folder`.
    pub(crate) fn in_folder(folder: &'a Path) -> Self {
        Self { folder, flow: 0 }
    }

    /// Checkpoints of flow number `flow` in the same folder.
    pub(crate) fn of_flow(self, flow: usize) -> Self {
        Self { flow, ..self }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(match self.flow {
            0 => name.to_owned(),
            flow => format!("{FLOW}{flow}.{name}"),
        })
    }

    /// Tells whether a training was saved.
    pub(crate) fn is_there(&self) -> bool {
        self.file(LATEST).exists()
    }

    /// Creates the folder if there is none.
    pub(crate) fn create(&self) -> Result<(), Error> {
        fs::create_dir_all(self.folder).map_err(|source| self.io(source))
    }

    /// Saves weights, moments and state; a complete file or none.
    pub(crate) fn save(&self, trainer: &Trainer, state: &State) -> Result<(), Error> {
        let text = serde_json::to_string(state).expect("the state is plain data");
        let metadata = BTreeMap::from([(STATE_KEY.to_owned(), text)]);
        Ok(trainer.save_checkpoint(&self.file(LATEST), &metadata)?)
    }

    /// The training saved last, if there is one; it has to be one like `fresh`.
    pub(crate) fn load(
        &self,
        fresh: &State,
        backend: &Backend,
    ) -> Result<Option<(Trainer, State)>, Error> {
        if !self.is_there() {
            return Ok(None);
        }
        let path = self.file(LATEST);
        let (trainer, metadata) =
            Trainer::load_checkpoint(&path, backend).map_err(Error::model(&path))?;
        let other = |what: &str| Error::OtherCheckpoint {
            path: self.folder.to_path_buf(),
            what: what.to_owned(),
        };
        let state: State = metadata
            .get(STATE_KEY)
            .and_then(|text| serde_json::from_str(text).ok())
            .ok_or_else(|| other("version of this program"))?;
        if state.config != fresh.config {
            return Err(other("configuration"));
        }
        if state.weights_sha256 != fresh.weights_sha256 {
            return Err(other("file of --weights"));
        }
        if state.regions != fresh.regions {
            return Err(other("choice of --roi and --ignore"));
        }
        if state.depth != fresh.depth {
            return Err(other("depth of samples (--depth)"));
        }
        if state.data_fingerprint != fresh.data_fingerprint {
            return Err(other("set of images"));
        }
        Ok(Some((trainer, state)))
    }

    /// Keeps `flow` as the best so far.
    pub(crate) fn save_best(&self, flow: &Flow) -> Result<(), Error> {
        Ok(flow.save(&self.file(BEST), &BTreeMap::new(), &[])?)
    }

    /// The best flow so far.
    pub(crate) fn load_best(&self, device: &Device) -> Result<Flow, Error> {
        let path = self.file(BEST);
        let (flow, _) = Flow::load(&path, device).map_err(Error::model(&path))?;
        Ok(flow)
    }

    /// Deletes the checkpoints, and the folder unless someone keeps other files in it.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        let entries = fs::read_dir(self.folder).map_err(|source| self.io(source))?;
        for entry in entries {
            let entry = entry.map_err(|source| self.io(source))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Also what a killed process left half written.
            if is_ours(&name) {
                fs::remove_file(entry.path()).map_err(|source| self.io(source))?;
            }
        }
        let is_empty = fs::read_dir(self.folder).is_ok_and(|mut entries| entries.next().is_none());
        if is_empty {
            fs::remove_dir(self.folder).map_err(|source| self.io(source))
        } else {
            Ok(())
        }
    }

    fn io(&self, source: std::io::Error) -> Error {
        Error::Io { path: self.folder.to_path_buf(), source }
    }
}

/// Tells whether a file of this name is a checkpoint, or one that was not finished.
fn is_ours(name: &str) -> bool {
    let flow = name.strip_prefix(FLOW).and_then(|rest| rest.split_once('.'));
    let name = match flow {
        Some((number, rest)) if number.parse::<usize>().is_ok() => rest,
        _ => name,
    };
    [LATEST, BEST].iter().any(|ours| name.starts_with(ours))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Runtime;

    #[test]
    fn what_takes_long_to_save_is_saved_less_often() {
        let mut timer = SaveTimer::new(Duration::from_secs(60));
        for (took, wait) in [(0, 60), (3, 60), (10, 200)] {
            timer.took = Duration::from_secs(took);
            assert_eq!(timer.wait(), Duration::from_secs(wait));
        }
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in [BEST, LATEST] {
            std::fs::write(folder.path().join(name), "no weights").expect("a file");
        }
        let checkpoints = Checkpoints::in_folder(folder.path());
        let best = checkpoints.load_best(&Device::flex()).expect_err("no weights").to_string();
        assert!(best.ends_with(BEST), "{best}");
        let (config, backend) = (Config::for_sample(0), Backend::Host(Device::flex()));
        let runtime = Runtime::new(backend.clone());
        let fresh = State::new(&Training::new(&config, &runtime), "");
        let latest = checkpoints.load(&fresh, &backend).expect_err("no state").to_string();
        assert!(latest.ends_with(LATEST), "{latest}");
    }

    #[test]
    fn only_checkpoints_are_ours() {
        for name in ["latest.safetensors", "flow-2.best.safetensors", "best.safetensors.tmp"] {
            assert!(is_ours(name), "{name}");
        }
        for name in ["best.png", "flow-x.best.safetensors", "flow-1.png", "my latest.safetensors"] {
            assert!(!is_ours(name), "{name}");
        }
    }
}
