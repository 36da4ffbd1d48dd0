//! Drift monitor, kept in a file from run to run.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use differnet::scoring::{self, Direction};
use differnet::{DriftMonitor, Header, ImageScore};
use differnet_files::FileLock;

use crate::atomic;
use crate::output::{counted, percent, tell};

/// State file of the drift monitor.
#[derive(Debug, clap::Args)]
pub(crate) struct DriftArgs {
    /// File in which the last 200 scores are remembered from run to run, to say when the line has
    /// drifted so far from the good images that the threshold no longer holds.
    #[arg(long, value_name = "FILE.json")]
    line: Option<PathBuf>,
}

/// Images in memory that the file does not have.
const MOST_NEW: usize = 256;
/// Time to wait for other processes that write the file down.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same at the start of a run that keeps the file: others have it for a moment, or for good.
const SHORT_PATIENCE: Duration = Duration::from_secs(2);

/// Drift monitor of a line, if one was asked for.
#[derive(Debug)]
pub(crate) struct Drift<'a> {
    model: &'a Header,
    line: Option<Line<'a>>,
    /// The drift that was last told of.
    told: Option<Direction>,
}

/// A line and the file that remembers it.
#[derive(Debug)]
struct Line<'a> {
    path: &'a Path,
    monitor: DriftMonitor,
    /// Images since the file was written; none where the lock is kept.
    new: Vec<ImageScore>,
    /// Lock on the file, if nobody else may add to it meanwhile.
    lock: Option<FileLock>,
    /// Reason why the file could not be written; what came since is forgotten.
    failed: Option<anyhow::Error>,
}

impl DriftArgs {
    /// The line as the last run left it; a new one without a file, or of another model. Others may add to it
    /// meanwhile.
    pub(crate) fn open<'a>(&'a self, model: &'a Header) -> anyhow::Result<Drift<'a>> {
        self.begin(model, |_| Ok(None))
    }

    /// As [`Self::open`], for a run that goes on for long: nobody else may add to the line.
    pub(crate) fn keep<'a>(&'a self, model: &'a Header) -> anyhow::Result<Drift<'a>> {
        self.begin(model, |path| lock(path, SHORT_PATIENCE).map(Some))
    }

    fn begin<'a>(
        &'a self,
        model: &'a Header,
        lock: impl FnOnce(&Path) -> anyhow::Result<Option<FileLock>>,
    ) -> anyhow::Result<Drift<'a>> {
        let Some(path) = &self.line else { return Ok(Drift { model, line: None, told: None }) };
        let (lock, stored) = (lock(path)?, stored(path)?);
        if stored.as_ref().is_some_and(|monitor| !monitor.is_of(model)) {
            tell(&format!("{} is of another model: it begins anew", path.display()));
        }
        let monitor = of_model(stored, model);
        let line = Line { path, monitor, new: Vec::new(), lock, failed: None };
        Ok(Drift { model, line: Some(line), told: None })
    }
}

/// Monitor in the file `path`; `None` without a file.
fn stored(path: &Path) -> anyhow::Result<Option<DriftMonitor>> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.with_context(|| format!("cannot read {}", path.display()))?,
    };
    serde_json::from_slice(&bytes).map(Some).with_context(|| {
        format!("{} is no summary of a line: name another file with --line", path.display())
    })
}

/// The stored monitor; a new one if there is none, or if it is of another model.
fn of_model(stored: Option<DriftMonitor>, model: &Header) -> DriftMonitor {
    stored.filter(|monitor| monitor.is_of(model)).unwrap_or_else(|| DriftMonitor::new(model))
}

/// The lock on the file `path`; waits for others that have it.
fn lock(path: &Path, patience: Duration) -> anyhow::Result<FileLock> {
    let cannot_write = || format!("cannot write to the folder of {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(cannot_write)?;
    }
    let started = Instant::now();
    loop {
        let lock = FileLock::try_acquire(path).with_context(cannot_write)?;
        match lock {
            Some(lock) => return Ok(lock),
            None if started.elapsed() < patience => std::thread::sleep(Duration::from_millis(10)),
            None => bail!(
                "{} is kept by another differnet, such as a watch: name another file with --line",
                path.display()
            ),
        }
    }
}

impl Drift<'_> {
    /// Adds an image.
    pub(crate) fn add(&mut self, image: &ImageScore) {
        let Some(line) = &mut self.line else { return };
        if line.lock.is_some() {
            line.monitor.add(image);
        } else if line.failed.is_none() {
            line.new.push(image.clone());
            if line.new.len() == MOST_NEW {
                line.failed = line.write(self.model).err();
            }
        }
    }

    /// Writes the line down and says when it has drifted, once for each direction.
    pub(crate) fn save(&mut self) -> anyhow::Result<()> {
        let Some(line) = &mut self.line else { return Ok(()) };
        if let Some(error) = line.failed.take() {
            return Err(error);
        }
        line.write(self.model)?;
        let summary = line.monitor.summary(self.model);
        let direction = summary.drift.map(|drift| drift.direction);
        if let Some(drift) = summary.drift.filter(|_| self.told != direction) {
            tell(&about(&drift, summary.recent, summary.feature_shift));
        }
        self.told = direction;
        Ok(())
    }
}

impl Line<'_> {
    /// Writes the file, with what others added to it meanwhile.
    fn write(&mut self, model: &Header) -> anyhow::Result<()> {
        let _lock = match &self.lock {
            Some(_) => None,
            None => {
                let lock = lock(self.path, PATIENCE)?;
                self.monitor = of_model(stored(self.path)?, model);
                self.new.drain(..).for_each(|image| self.monitor.add(&image));
                Some(lock)
            }
        };
        let json = serde_json::to_vec(&self.monitor).context("a line is plain data")?;
        atomic::write(self.path, &json)
    }
}

fn about(drift: &scoring::Drift, recent: usize, shift: Option<f64>) -> String {
    let (share, good) = (percent(drift.share), percent(drift.good_share));
    let (moved, follows) = match drift.direction {
        Direction::Higher => (
            "higher",
            "more good parts than promised are called defects, or many parts are defective",
        ),
        Direction::Lower => ("lower", "defects may stay below the threshold"),
    };
    let shift = shift.map_or(String::new(), |shift| {
        format!(" Features have moved by {shift:.2} standard deviations of the training.")
    });
    format!(
        "DRIFT: scores have moved {moved}: {share} of the last {} reach {:.4}, which {good} of the \
         good ones did; {follows}.{shift} Look at light, focus and position; if the parts are good, \
         set the threshold by them (`differnet calibrate --good DIR --false-alarm-rate RATE`, or `--append` once \
         that was done), or train again.",
        counted(recent, "image"),
        drift.score,
    )
}
