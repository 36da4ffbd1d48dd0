//! `differnet watch`: judges photographs as they arrive in a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use differnet::prediction::{Prediction, ScorePrediction};
use differnet::scoring::Thresholds;
use differnet::{Error, Model, ScoreConfig};
use differnet_data::{DatasetError, ImageError, ImageInput, find_images, read_file};

use crate::device::DeviceArgs;
use crate::exit::{Exit, UsageError};
use crate::interrupt::Interrupt;
use crate::line_args::{Line, LineArgs};
use crate::numbers::{finite, seconds};
use crate::output::{print, tell};
use crate::prediction_line::prediction_line;
use crate::watch::journal::{Fate, Journal};
use crate::watch::moving::move_file;
use crate::watch::settling::Settling;
use crate::watch::version::Version;

/// Images in memory at once.
const IMAGES: usize = 8;
/// Longest time between two looks at the folder.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Score photographs as they arrive in a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet watch camera --model part.differnet --out results.jsonl
  differnet watch camera --model part.differnet --out results.jsonl --move-defects rejects
  differnet watch camera --model part.differnet --out results.jsonl --once

Each line of --out is the object that `differnet score --json` prints, and \"file\": {\"name\", \"bytes\",
\"modified\"}. A file is scored once its length and time have stayed the same for --settle seconds, and
again only if they change. What --out holds is not done again after a restart, however the last run
ended.

Ends at Ctrl-C with exit code 0; 1 error, 2 wrong arguments.")]
pub(crate) struct WatchArgs {
    /// Folder to watch, with its subfolders.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Model file written by `differnet train`.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// File of results, appended to.
    #[arg(long, value_name = "FILE.jsonl")]
    out: PathBuf,
    /// Move defects to this folder, outside of the watched one.
    #[arg(long, value_name = "DIR")]
    move_defects: Option<PathBuf>,
    /// Call an image a defect from this score on [default: the model's threshold].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// Stop as soon as an image's verdict is settled; see `differnet score`.
    #[arg(long)]
    adaptive: bool,
    /// Seconds that a file has to stay the same before it is read.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    settle: Duration,
    /// Score what is there and end.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    line: LineArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

pub(crate) fn run(args: &WatchArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    if !args.folder.is_dir() {
        return Err(UsageError(format!("{} is no folder", args.folder.display())).into());
    }
    if let Some(defects) = &args.move_defects {
        require_outside(defects, &args.folder)?;
    }
    let model = Model::load_on(&args.model, &args.device.open()?)?;
    let given = args.threshold.map(|defect| Thresholds { defect, unsure: None });
    let thresholds = given.unwrap_or_else(|| model.header().thresholds());
    let mut watch = Watch {
        args,
        model: &model,
        thresholds,
        journal: Journal::open(&args.out)?,
        line: args.line.open(model.header())?,
        told: BTreeSet::new(),
        interrupt: &interrupt,
    };
    let (start, mut settling) = (Instant::now(), Settling::new(args.settle));
    tell(&format!("Watching {}; Ctrl-C ends it.", args.folder.display()));
    while !interrupt.requested() {
        let files = watch.files();
        let complete = settling.look(files, start.elapsed());
        watch.work(complete)?;
        if args.once && !settling.is_waiting(start.elapsed()) {
            break;
        }
        pause(args.settle.min(LOOK_EVERY), &interrupt);
    }
    Ok(Exit::Done)
}

/// Waits for `time`, less if the user asks to stop.
fn pause(time: Duration, interrupt: &Interrupt) {
    let end = Instant::now() + time;
    while Instant::now() < end && !interrupt.requested() {
        let left = end.saturating_duration_since(Instant::now());
        thread::sleep(left.min(Duration::from_millis(50)));
    }
}

/// Nothing, if files moved to `defects` are not found in `folder` again.
fn require_outside(defects: &Path, folder: &Path) -> anyhow::Result<()> {
    let canonical = |path: &Path| {
        path.canonicalize().with_context(|| format!("cannot use the folder {}", path.display()))
    };
    std::fs::create_dir_all(defects)
        .with_context(|| format!("cannot create {}", defects.display()))?;
    if canonical(defects)?.starts_with(canonical(folder)?) {
        let message = format!("{} lies in the watched folder", defects.display());
        return Err(UsageError(message).into());
    }
    Ok(())
}

/// A folder being watched.
struct Watch<'a> {
    args: &'a WatchArgs,
    model: &'a Model,
    thresholds: Thresholds,
    journal: Journal,
    line: Line<'a>,
    /// Complaints that need not be repeated.
    told: BTreeSet<String>,
    interrupt: &'a Interrupt,
}

impl Watch<'_> {
    /// The image files that are there now.
    fn files(&mut self) -> Vec<Version> {
        match find_images(&self.args.folder) {
            Ok(paths) => paths.iter().filter_map(|path| self.version(path)).collect(),
            Err(DatasetError::NoImages { .. }) => Vec::new(),
            // A share that is gone may come back.
            Err(error) => {
                self.complain(error.with_causes());
                Vec::new()
            }
        }
    }

    /// The state of a file; `None` if it is gone.
    fn version(&self, path: &Path) -> Option<Version> {
        let name = path.strip_prefix(&self.args.folder).unwrap_or(path).display().to_string();
        Some(Version::new(name, &path.metadata().ok()?))
    }

    /// Scores what has not been scored, and moves defects.
    fn work(&mut self, complete: Vec<Version>) -> anyhow::Result<()> {
        let mut new = Vec::new();
        for version in complete {
            match self.journal.fate(&version) {
                None => new.push(version),
                // As after a run that was killed before it could move the file.
                Some(Fate::Defect) => self.move_away(&version),
                Some(Fate::Stays) => {}
            }
        }
        for group in new.chunks(IMAGES) {
            if self.interrupt.requested() {
                break;
            }
            self.score(group)?;
        }
        Ok(())
    }

    /// Scores files that fit into memory together.
    fn score(&mut self, versions: &[Version]) -> anyhow::Result<()> {
        let mut images = Vec::with_capacity(versions.len());
        for version in versions {
            let path = self.args.folder.join(&version.name);
            let bytes = read_file(&path, &self.model.runtime().limits);
            // What changed while it was read is not what was settled: its turn comes later.
            if self.version(&path).as_ref() != Some(version) {
                continue;
            }
            match bytes {
                Ok(bytes) => images.push((version, path, bytes)),
                // Rights and shares change without the file: it is tried at every look.
                Err(error @ ImageError::Io { .. }) => self.complain(error.with_causes()),
                Err(error) => self.keep(version, &Prediction::new(&path, Err(error)))?,
            }
        }
        let inputs: Vec<ImageInput<'_>> =
            images.iter().map(|(_, name, bytes)| ImageInput::Memory { name, bytes }).collect();
        let (model, early_stopping) = (self.model, self.args.adaptive.then_some(self.thresholds));
        let config = ScoreConfig { early_stopping, ..model.score_config() };
        for ((version, path, _), score) in images.iter().zip(model.scores_with(inputs, config)) {
            let score = Error::per_image(score)?;
            if let Ok(score) = &score {
                self.line.add(score);
            }
            let found = score
                .map(|score| ScorePrediction::new(path, model.header(), &self.thresholds, &score));
            self.keep(version, &Prediction::new(path, found))?;
            if self.interrupt.requested() {
                break;
            }
        }
        self.line.save()
    }

    /// Writes a result down, says it, and moves the file if it is a defect.
    fn keep(
        &mut self,
        version: &Version,
        answer: &Prediction<ScorePrediction>,
    ) -> anyhow::Result<()> {
        let fate = self.journal.add(version, answer)?;
        print(&prediction_line(answer))?;
        if fate == Fate::Defect {
            self.move_away(version);
        }
        Ok(())
    }

    /// Moves a defect, if that was asked for.
    fn move_away(&mut self, version: &Version) {
        let Some(defects) = &self.args.move_defects else { return };
        let from = self.args.folder.join(&version.name);
        if let Err(error) = move_file(&from, &defects.join(&version.name)) {
            self.complain(format!("{error:#}"));
        }
    }

    /// Says what is wrong, once.
    fn complain(&mut self, complaint: String) {
        if !self.told.contains(&complaint) {
            tell(&complaint);
            self.told.insert(complaint);
        }
    }
}
