//! `differnet watch`: judges photographs as they arrive in a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use differnet::prediction::{Prediction, ScorePrediction};
use differnet::scoring::Thresholds;
use differnet::{Error, Model, ScoreConfig};
use differnet_data::folders::Listing;
use differnet_data::output_mark::is_output;
use differnet_data::{ContentHash, DatasetError, ImageError, ImageInput};

use crate::device::DeviceArgs;
use crate::drift_args::{Drift, DriftArgs};
use crate::exit::{Exit, UsageError, reader_has_left};
use crate::interrupt::Interrupt;
use crate::numbers::{finite, seconds};
use crate::output::{print, tell};
use crate::outputs::tell_skipped;
use crate::prediction_line::prediction_line;
use crate::table::TableFormat;
use crate::unread::tell_unread;
use crate::watch::debounce::Debounce;
use crate::watch::journal::{Disposition, Journal};
use crate::watch::moving::move_file;
use crate::watch::version::{SeenFile, Version};
use differnet_files::FileStamp;

/// Images in memory at once.
const IMAGES: usize = 8;
/// Longest time between two scans of the folder.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Score photographs as they arrive in a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet watch camera --model part.differnet --out results.jsonl
  differnet watch camera --model part.differnet --out results.jsonl --move-defects rejects
  differnet watch camera --model part.differnet --out results.jsonl --once
  differnet watch camera --model part.differnet --out results.csv
  differnet watch camera --model part.differnet --out results.parquet    # a folder of parts

Each line of --out is the object that `differnet score --json` prints, and \"file\": {\"name\", \"bytes\",
\"modified\", \"changed\", \"inode\", \"sha256\"}. A file is scored once it has stayed the same for --settle
seconds, and again only if its time or its content changes. What --out holds is not done again after a
restart, however the last run ended. If --out is moved away or deleted, it is made anew.

Ends at Ctrl-C with exit code 0; 1 error, also if whoever reads the standard output leaves, or if with
--once a file or a folder could not be read or moved; 2 wrong arguments. A name that is not UTF-8 is there
as bytes in Base64, too: path_bytes, name_bytes.")]
pub(crate) struct WatchArgs {
    /// Folder to watch, with its subfolders.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Model file written by `differnet train`.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// File of results, appended to: JSON lines or, where it ends in .csv, a table. Where it ends in
    /// .parquet, a folder of Parquet files.
    #[arg(long, value_name = "FILE.jsonl")]
    out: PathBuf,
    /// Format of --out, whatever its ending.
    #[arg(long, value_enum)]
    format: Option<TableFormat>,
    /// Move defects to this folder, outside of the watched one.
    #[arg(long, value_name = "DIR")]
    move_defects: Option<PathBuf>,
    /// Call an image a defect from this score on [default: the model's threshold].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// Stop early, as soon as an image's verdict is clear; see `differnet score`.
    #[arg(long)]
    adaptive: bool,
    /// Seconds that a file has to stay the same before it is read.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    settle: Duration,
    /// Score what is there and end.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    drift: DriftArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

pub(crate) fn run(args: &WatchArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    if !args.folder.is_dir() {
        let folder = args.folder.display();
        bail!(if args.folder.exists() {
            format!("{folder} is no folder: name the one that photographs arrive in")
        } else {
            format!("{folder} does not exist: check the spelling")
        });
    }
    if let Some(defects) = &args.move_defects {
        require_outside(defects, &args.folder)?;
    }
    let model = Model::load_on(&args.model, &args.device.open()?)?;
    let given = args.threshold.map(|defect| Thresholds { defect, unsure: None });
    let thresholds = given.unwrap_or_else(|| model.header().thresholds());
    let format = TableFormat::of(&args.out, args.format)?;
    let mut watch = Watch {
        args,
        model: &model,
        thresholds,
        journal: Journal::open(&args.out, format)?,
        drift: args.drift.keep(model.header())?,
        told: BTreeSet::new(),
        outputs: BTreeSet::new(),
        failed: false,
        postponed: false,
        interrupt: &interrupt,
    };
    let (start, mut debounce) = (Instant::now(), Debounce::new(args.settle));
    let end = if args.once { "" } else { "; Ctrl-C ends it" };
    tell(&format!("Watching {}{end}.", args.folder.display()));
    tell_unread([args.folder.as_path()]);
    while !interrupt.requested() {
        (watch.failed, watch.postponed) = (false, false);
        let files = watch.files();
        let complete = debounce.complete(files, start.elapsed());
        watch.work(complete)?;
        watch.journal.flush()?;
        if args.once && !watch.postponed && !debounce.is_waiting() {
            return Ok(if watch.failed { Exit::Failed } else { Exit::Done });
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
    drift: Drift<'a>,
    /// Complaints that need not be repeated.
    told: BTreeSet<String>,
    /// Pictures that this program drew.
    outputs: BTreeSet<SeenFile>,
    /// Whether something of the last scan could not be done.
    failed: bool,
    /// Whether a file changed since the last scan saw it.
    postponed: bool,
    interrupt: &'a Interrupt,
}

/// A file that was read to be scored.
struct ReadFile {
    seen: SeenFile,
    version: Version,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Watch<'_> {
    /// The image files that are there.
    fn files(&mut self) -> Vec<SeenFile> {
        let files = match Listing::of(&self.args.folder) {
            Ok(Listing { images, unreadable }) => {
                unreadable.iter().for_each(|folder| self.complain(folder.with_causes()));
                images.iter().filter_map(|path| self.seen(path)).collect()
            }
            Err(DatasetError::NoImages { .. }) => Vec::new(),
            // A share that is gone may come back.
            Err(error) => {
                self.complain(error.with_causes());
                return Vec::new();
            }
        };
        self.journal.keep_only(&files);
        files
    }

    /// A file as it is at this moment; `None` if it is gone.
    fn seen(&self, path: &Path) -> Option<SeenFile> {
        let name = path.strip_prefix(&self.args.folder).unwrap_or(path).to_path_buf();
        Some(SeenFile { name, stamp: FileStamp::of(path).ok()? })
    }

    /// Scores what has not been scored, and moves defects.
    fn work(&mut self, complete: Vec<SeenFile>) -> anyhow::Result<()> {
        let (mut new, known) = (Vec::new(), self.outputs.len());
        for seen in complete {
            match self.journal.version(&seen).cloned() {
                None if self.outputs.contains(&seen) => {}
                None => new.push(seen),
                // As after a run that was killed before it could move the file.
                Some(version) => self.dispose(&version),
            }
        }
        for group in new.chunks(IMAGES) {
            if self.interrupt.requested() {
                break;
            }
            self.score(group)?;
        }
        if let (Some(first), true) = (self.outputs.first(), known == 0) {
            tell_skipped(self.outputs.len(), &self.args.folder.join(&first.name));
        }
        Ok(())
    }

    /// Scores files that fit into memory together.
    fn score(&mut self, files: &[SeenFile]) -> anyhow::Result<()> {
        let mut images = Vec::with_capacity(files.len());
        for seen in files {
            images.extend(self.read(seen)?);
        }
        let inputs: Vec<ImageInput<'_>> = images
            .iter()
            .map(|ReadFile { path, bytes, .. }| ImageInput::Memory { name: path, bytes })
            .collect();
        let (model, early_stopping) = (self.model, self.args.adaptive.then_some(self.thresholds));
        let config = ScoreConfig { early_stopping, ..model.score_config() };
        for (image, score) in images.iter().zip(model.scores_with(inputs, config)) {
            let score = Error::per_image(score)?;
            if let Ok(score) = &score {
                self.drift.add(score);
            }
            let ReadFile { seen, version, path, .. } = image;
            let found = score
                .map(|score| ScorePrediction::new(path, model.header(), &self.thresholds, &score));
            self.keep(seen, version, &Prediction::new(path, found))?;
            if self.interrupt.requested() {
                break;
            }
        }
        self.drift.save()
    }

    /// Reads a file to be scored; `None` if there is nothing to score.
    fn read(&mut self, seen: &SeenFile) -> anyhow::Result<Option<ReadFile>> {
        let path = self.args.folder.join(&seen.name);
        let bytes = self.model.runtime().limits.read_file(&path);
        let hash = match &bytes {
            Ok(bytes) => Ok(ContentHash::of(bytes)),
            // Opening a pipe would wait for a writer.
            Err(error @ ImageError::NotAFile { .. }) => {
                self.complain(error.with_causes());
                return Ok(None);
            }
            Err(_) => ContentHash::of_file(&path),
        };
        // What changed while it was read is not what has stayed the same: its turn comes later.
        if self.seen(&path).as_ref() != Some(seen) {
            self.postponed = true;
            return Ok(None);
        }
        let version = match hash {
            Ok(hash) => Version::new(seen, hash),
            // Rights and shares change without the file: it is tried at every scan.
            Err(source) => {
                self.complain(ImageError::Io { path, source }.with_causes());
                return Ok(None);
            }
        };
        if self.journal.disposition(&version).is_some() {
            // The file is another, what it holds is not.
            self.journal.was_read(seen, &version);
            self.dispose(&version);
            return Ok(None);
        }
        match bytes {
            Ok(bytes) if is_output(&bytes) => _ = self.outputs.insert(seen.clone()),
            Ok(bytes) => return Ok(Some(ReadFile { seen: seen.clone(), version, path, bytes })),
            Err(error @ ImageError::Io { .. }) => self.complain(error.with_causes()),
            Err(error) => self.keep(seen, &version, &Prediction::new(&path, Err(error)))?,
        }
        Ok(None)
    }

    /// Writes a result down, says it, and moves the file if it is a defect.
    fn keep(
        &mut self,
        seen: &SeenFile,
        version: &Version,
        prediction: &Prediction<ScorePrediction>,
    ) -> anyhow::Result<()> {
        self.journal.add(seen, version, prediction)?;
        print(&prediction_line(prediction)).map_err(|error| {
            if reader_has_left(&error) {
                // Who started this would otherwise take it for the end of a watch.
                let out = self.args.out.display();
                return anyhow!("whoever read the results has left; they are in {out}");
            }
            error
        })?;
        self.dispose(version);
        Ok(())
    }

    /// Moves a defect, if that was asked for and it still is what was scored.
    fn dispose(&mut self, version: &Version) {
        let Some(defects) = &self.args.move_defects else { return };
        if self.journal.disposition(version) != Some(Disposition::Defect) {
            return;
        }
        let from = self.args.folder.join(&version.name);
        if let Err(error) = move_file(&from, &version.sha256, &defects.join(&version.name)) {
            self.complain(format!("{error:#}"));
        }
    }

    /// Says what is wrong, once.
    fn complain(&mut self, complaint: String) {
        self.failed = true;
        if !self.told.contains(&complaint) {
            tell(&complaint);
            self.told.insert(complaint);
        }
    }
}
