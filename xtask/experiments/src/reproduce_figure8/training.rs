//! A detector for each category: a given one, one kept from before, or one trained now.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use differnet::progress::{CancelToken, Monitor, Progress, Stage};
use differnet::{Config, Error, Runtime, Training};
use differnet_data::{ContentHash, Sample};

/// Time between two lines about the progress.
const INTERVAL: Duration = Duration::from_secs(10);

/// A detector and the file that holds it.
pub(super) struct Model {
    pub(super) model: differnet::Model,
    pub(super) path: PathBuf,
    pub(super) hash: ContentHash,
}

/// Finds or trains detectors.
pub(super) struct Trainer<'a> {
    /// Settings of detectors that are trained.
    pub(super) config: Config,
    pub(super) runtime: &'a Runtime,
    /// Folders of given models, if any, and of models trained here.
    pub(super) folders: (Option<PathBuf>, PathBuf),
    /// Cancelled if the user asks to stop.
    pub(super) cancel: &'a CancelToken,
}

impl Trainer<'_> {
    /// The detector of `category`, trained on `good` unless there is one; `None` if interrupted.
    pub(super) fn model(&self, category: &str, good: &[Sample]) -> anyhow::Result<Option<Model>> {
        let file = |folder: &Path| folder.join(category).with_added_extension("differnet");
        let (given, kept) = &self.folders;
        if let Some(path) = given.as_deref().map(file).filter(|path| path.exists()) {
            return self.load(path).map(Some);
        }
        let path = file(kept);
        if path.exists() {
            let model = self.load(path)?;
            if model.model.header().config != self.config {
                bail!(
                    "{} was trained with other settings: delete it, or name another --out",
                    model.path.display()
                );
            }
            return Ok(Some(model));
        }
        self.train(category, good, path)
    }

    fn load(&self, path: PathBuf) -> anyhow::Result<Model> {
        let model = differnet::Model::load_on(&path, self.runtime)?;
        let hash = ContentHash::of_file(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Model { model, path, hash })
    }

    fn train(
        &self,
        category: &str,
        good: &[Sample],
        path: PathBuf,
    ) -> anyhow::Result<Option<Model>> {
        let files: Vec<PathBuf> = good.iter().map(|sample| sample.image.clone()).collect();
        let told = Mutex::new(Instant::now());
        let observer = |progress: &Progress| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.elapsed() >= INTERVAL {
                *told = Instant::now();
                eprintln!("{category}: {}", describe(progress));
            }
        };
        let checkpoints = path.with_extension("checkpoints");
        let training = Training {
            checkpoints: self.config.method.method().is_resumable().then_some(&checkpoints),
            monitor: Monitor::new(&observer, self.cancel),
            ..Training::new(&self.config, self.runtime)
        };
        let model = match training.run(&files) {
            Ok(trained) => trained.model,
            Err(Error::Cancelled(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        model.save(&path)?;
        training.remove_checkpoints()?;
        self.load(path).map(Some)
    }
}

fn describe(progress: &Progress) -> String {
    let Progress { done, total, loss, .. } = *progress;
    match progress.stage {
        Stage::Checking => format!("{done} of {total} images checked"),
        Stage::Validation => format!("{done} of {total} validation images"),
        Stage::Features => format!("features of {done} of {total} images"),
        Stage::Training => {
            let loss = loss.map_or(String::new(), |loss| format!(", loss {loss:.3}"));
            format!("update {done} of {total}{loss}")
        }
        Stage::Maps => format!("{done} of {total} maps of good images"),
        _ => "under way".to_owned(),
    }
}
