//! `cargo xtask crash-test`: trainings and watched folders whose program is killed at any moment lose
//! nothing.

mod killing;
mod training;
mod watching;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use differnet_report::text_table;
use differnet_samples::{SampleConfig, write_sample_dataset};
use serde::Serialize;

use xtask_inputs::Draws;
use xtask_support::workspace;

/// Kill trainings and watched folders at random moments and look for losses.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask crash-test
  cargo xtask crash-test --kills 10 --seed 7
  cargo xtask crash-test --program target/release/differnet --json

Half of the kills (SIGKILL) hit trainings with very many checkpoints: the model has to be, byte for byte,
that of a training nobody disturbed, and nothing else may be left beside it. The other half hit a watched
folder in which images arrive: each has to have one whole line with the score it has undisturbed, and
defects have to be moved once. The moments are drawn from the seed, but how far the program gets until
then depends on the machine. Ends with exit code 1 if anything is lost.")]
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

/// What one part of the test saw.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Part {
    name: &'static str,
    kills: usize,
    /// Trainings or folders that were worked on to the end.
    completed: usize,
    /// What was checked after each.
    checked: String,
    /// Seconds that the program takes undisturbed.
    undisturbed_seconds: f64,
    losses: Vec<String>,
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

/// What both parts work with.
struct Setup<'a> {
    program: &'a Path,
    folder: &'a Path,
    /// The data set.
    data: PathBuf,
    /// Tells how far the parts are, unless only JSON is wanted.
    talks: bool,
}

pub(crate) fn run(args: &CrashTestArgs) -> anyhow::Result<ExitCode> {
    let program = workspace::differnet(args.program.as_deref())?;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let sample =
        SampleConfig { seed: args.seed, size: 64, train: 6, test_good: 6, test_defect_per_kind: 2 };
    write_sample_dataset(&data, &sample).context("cannot make the data")?;
    let setup = Setup { program: &program, folder: folder.path(), data, talks: !args.json };
    let mut draws = Draws::new(args.seed, u64::MAX, 0);
    let trainings = args.kills.div_ceil(2);
    let (training, model) = training::test(&setup, trainings, &mut draws)?;
    let watching = watching::test(&setup, &model, args.kills - trainings, &mut draws)?;
    let parts = [training, watching];
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

fn report(parts: &[Part]) -> String {
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
