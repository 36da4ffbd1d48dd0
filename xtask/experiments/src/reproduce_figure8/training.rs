//! A detector for each category: a given one, one kept from before, or one trained now.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use burn::tensor::Device;
use differnet::{
    BadImagePolicy, Detector, DetectorConfig, FeatureSource, Outcome, Progress, Training,
};
use differnet_data::{ContentHash, Sample};

/// Time between two lines about the progress.
const INTERVAL: Duration = Duration::from_secs(10);

/// A detector and the file that holds it.
pub(super) struct Model {
    pub(super) detector: Detector,
    pub(super) path: PathBuf,
    pub(super) hash: ContentHash,
}

/// Finds or trains detectors.
pub(super) struct Trainer<'a> {
    /// Settings of detectors that are trained.
    pub(super) config: DetectorConfig,
    pub(super) source: &'a FeatureSource,
    pub(super) device: &'a Device,
    /// Folders of given models, if any, and of models trained here.
    pub(super) folders: (Option<PathBuf>, PathBuf),
    /// Whether the user asked to stop.
    pub(super) stop: &'a AtomicBool,
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
            if model.detector.info().config != self.config {
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
        let detector = Detector::load(&path, self.device)?;
        let hash = ContentHash::of_file(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Model { detector, path, hash })
    }

    fn train(
        &self,
        category: &str,
        good: &[Sample],
        path: PathBuf,
    ) -> anyhow::Result<Option<Model>> {
        let files: Vec<PathBuf> = good.iter().map(|sample| sample.image.clone()).collect();
        let training = Training {
            config: &self.config,
            source: self.source,
            device: self.device,
            checkpoints: &path.with_extension("checkpoints"),
            bad_images: BadImagePolicy::Refuse,
            regions: None,
        };
        let mut told = Instant::now();
        let outcome = training.run(&files, &mut |progress| {
            if told.elapsed() >= INTERVAL {
                told = Instant::now();
                eprintln!("{category}: {}", describe(progress));
            }
            if self.stop.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        let Outcome::Finished(detector, _) = outcome else { return Ok(None) };
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        detector.save(&path)?;
        training.remove_checkpoints()?;
        self.load(path).map(Some)
    }
}

fn describe(progress: Progress) -> String {
    match progress {
        Progress::Checking { done, total } => format!("{done} of {total} images checked"),
        Progress::HeldBack { done, total } => format!("{done} of {total} images held back"),
        Progress::Features { done, total, .. } => format!("features of {done} of {total} images"),
        Progress::Training { update, updates, loss, .. } => {
            format!("update {update} of {updates}, loss {loss:.3}")
        }
        Progress::Maps { done, total } => format!("{done} of {total} maps of good images"),
        _ => "under way".to_owned(),
    }
}
