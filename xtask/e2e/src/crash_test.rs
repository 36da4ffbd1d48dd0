//! `cargo xtask crash-test`: programs that are killed at any moment lose nothing.

pub(crate) mod killing;
pub(crate) mod rewriting;
mod serving;
pub(crate) mod training;
mod watching;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use differnet_report::text_table;
use differnet_samples::{SampleConfig, write_sample_dataset};
use serde::Serialize;

use xtask_inputs::Draws;
use xtask_support::workspace;

/// Kill commands that keep something at random moments and look for losses.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask crash-test
  cargo xtask crash-test --kills 10 --seed 7
  cargo xtask crash-test --program target/release/differnet --json

A fifth of the kills (SIGKILL) each hits trainings with very many checkpoints,
of the paper's method and of the default in turn: the model has to be, byte for
byte, that of a training nobody disturbed, and nothing else may be left beside it; a watched folder in which
images arrive: each has to have one whole line with the score it has undisturbed, and defects have to be
moved once; a server whose model is replaced: whole answers have to be one of the two models'; calibrate and
update: the model has to be the old one or the new one. The moments are drawn from the seed, but how far the
program gets until then depends on the machine. Ends with exit code 1 if anything is lost.")]
pub(crate) struct CrashTestArgs {
    /// Times that a program is killed.
    #[arg(long, default_value_t = 50)]
    kills: usize,
    /// Seed of the data and of the moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program `differnet` [default: it is built].
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Result of one part of the test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) kills: usize,
    /// Runs to the end, or answers of the server.
    pub(crate) completed: usize,
    /// Facts checked each time.
    pub(crate) checked: String,
    /// Seconds that the program takes undisturbed; of the server, the longest time until it is killed.
    undisturbed_seconds: f64,
    pub(crate) losses: Vec<String>,
}

impl Part {
    /// A part that nothing has happened in, of a program that takes `undisturbed`.
    fn new(name: &'static str, checked: String, undisturbed: Duration) -> Self {
        let undisturbed_seconds = undisturbed.as_secs_f64();
        Self { name, kills: 0, completed: 0, checked, undisturbed_seconds, losses: Vec::new() }
    }

    /// Counts a kill, of `all`.
    fn killed(&mut self, setup: &Setup<'_>, all: usize) {
        self.kills += 1;
        if setup.talks {
            eprintln!("{}: killed {} of {all} times", self.name, self.kills);
        }
    }
}

/// The result of `--json`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    seed: u64,
    passed: bool,
    parts: &'a [Part],
}

/// Setup that all parts of the test share.
pub(crate) struct Setup<'a> {
    pub(crate) program: &'a Path,
    pub(crate) folder: &'a Path,
    /// The data set.
    pub(crate) data: PathBuf,
    /// Tells how far the parts are, unless only JSON is wanted.
    pub(crate) talks: bool,
}

impl<'a> Setup<'a> {
    /// A setup in an empty folder, with sample data drawn from `seed`.
    pub(crate) fn new(
        program: &'a Path,
        folder: &'a Path,
        seed: u64,
        talks: bool,
    ) -> anyhow::Result<Self> {
        let data = folder.join("data");
        let sample =
            SampleConfig { seed, size: 64, train: 6, test_good: 6, test_defect_per_kind: 2 };
        write_sample_dataset(&data, &sample).context("cannot make the data")?;
        Ok(Self { program, folder, data, talks })
    }
}

/// Outcome of a test by kills.
pub(crate) struct Killed {
    pub(crate) parts: Vec<Part>,
    /// A model of a training that nobody disturbed.
    pub(crate) model: PathBuf,
    /// A model that takes new images in.
    pub(crate) updatable: PathBuf,
}

/// Kills every command in turn, so many times in all.
pub(crate) fn kill(setup: &Setup<'_>, kills: usize, seed: u64) -> anyhow::Result<Killed> {
    let mut draws = Draws::new(seed, u64::MAX, 0);
    let mut left = kills;
    let mut share = |of: usize| {
        let share = left / of;
        left -= share;
        share
    };
    let trainings = share(5);
    let of_places = trainings / 2;
    let paper = &training::DIFFERNET;
    let (training, model) = training::test(setup, paper, trainings - of_places, &mut draws)?;
    let (places, _) = training::test(setup, &training::LOCAL_FLOW, of_places, &mut draws)?;
    let watching = watching::test(setup, &model, share(4), &mut draws)?;
    let serving = serving::test(setup, &model, share(3), &mut draws)?;
    let calibrating = rewriting::CALIBRATE.test(setup, &model, share(2), &mut draws)?;
    let updatable = rewriting::updatable(setup)?;
    let updating = rewriting::UPDATE.test(setup, &updatable, share(1), &mut draws)?;
    let parts = vec![training, places, watching, serving, calibrating, updating];
    Ok(Killed { parts, model, updatable })
}

/// Names of what is in a folder.
pub(crate) fn names_in(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder)?;
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    Ok(entries.map(|entry| entry.map(name)).collect::<Result<_, _>>()?)
}

pub(crate) fn run(args: &CrashTestArgs) -> anyhow::Result<ExitCode> {
    let program = workspace::differnet(args.program.as_deref())?;
    let folder = tempfile::tempdir()?;
    let setup = Setup::new(&program, folder.path(), args.seed, !args.json)?;
    let parts = kill(&setup, args.kills, args.seed)?.parts;
    let passed = parts.iter().all(|part| part.losses.is_empty());
    if args.json {
        let summary = Summary { seed: args.seed, passed, parts: &parts };
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        print!("{}", report(&parts));
        for part in &parts {
            part.losses.iter().for_each(|loss| println!("{}: {loss}", part.name));
        }
        let verdict = if passed { "nothing was lost" } else { "something was lost" };
        println!("seed {}: {verdict}", args.seed);
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) fn report(parts: &[Part]) -> String {
    let head = ["part", "kills", "completed", "undisturbed", "checked each time", "losses"];
    let row = |part: &Part| {
        vec![
            part.name.to_owned(),
            part.kills.to_string(),
            part.completed.to_string(),
            format!("{:.1} s", part.undisturbed_seconds),
            part.checked.clone(),
            part.losses.len().to_string(),
        ]
    };
    text_table(&head, &parts.iter().map(row).collect::<Vec<_>>())
}
