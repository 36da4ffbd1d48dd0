//! Pieces of work done by us and by PyTorch or scikit-learn in turn.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use differnet::DeviceChoice;
use differnet_data::find_images;
use differnet_report::{markdown_table, text_table};
use differnet_samples::{SampleConfig, write_sample_dataset};
use differnet_scoring::quantile;

use super::BenchArgs;
use crate::reproduce::{Environment, refresh_block};
use xtask_support::workspace;

pub(super) const DOCUMENT: &str = "docs/src/performance.md";
/// Generated images, and their side in pixels: that of MVTec AD's smaller ones.
const IMAGES: usize = 16;
const SIDE: u32 = 700;
/// Time between the turns: threads of OpenMP keep a core busy for 200 ms after their work.
const PAUSE: Duration = Duration::from_millis(500);
/// Seconds of a turn, at least: short work is done again and again, or it would be timed while the
/// processor wakes up.
const TURN: f64 = 0.4;

/// Peer that does the same work.
struct Peer {
    name: &'static str,
    /// Below `benches/`.
    script: &'static str,
    /// Its module for Python.
    module: &'static str,
    /// The block of the document, and the command that refreshes it.
    block: (&'static str, &'static str),
    /// Work that is timed: a name for people and the line that both workers understand.
    work: &'static [(&'static str, &'static str)],
}

const PYTORCH: Peer = Peer {
    name: "PyTorch",
    script: "pytorch.py",
    module: "torch",
    block: ("pytorch", "cargo xtask bench --against PYTHON"),
    work: &NETWORKS,
};

const SCIKIT_LEARN: Peer = Peer {
    name: "scikit-learn",
    script: "scikit_learn.py",
    module: "sklearn",
    block: ("scikit-learn", "cargo xtask bench --against PYTHON --rows TRAIN TEST"),
    work: &ON_ROWS,
};

const ON_ROWS: [(&str, &str); 4] = [
    ("1-NN, 64 components: fit", "nearest-fit 64"),
    ("1-NN, 64 components: score", "nearest-score 64"),
    ("one-class SVM, 4,000 rows: fit", "svm-fit 4000"),
    ("one-class SVM, 4,000 rows: score", "svm-score 4000"),
];

const NETWORKS: [(&str, &str); 10] = [
    ("AlexNet forward, 8 images of 448 px", "alexnet 448"),
    ("AlexNet forward, 8 images of 224 px", "alexnet 224"),
    ("AlexNet forward, 8 images of 112 px", "alexnet 112"),
    ("EfficientNet-Lite0, five stages, one image of 448 px", "efficientnet 5"),
    ("EfficientNet-Lite0, six stages, one image of 448 px", "efficientnet 6"),
    ("features of a folder: decode, resize, 8 turns, 3 scales", "extract 8"),
    ("score one image, 1 transform, hidden 256", "score 256"),
    ("score one image, 1 transform, hidden 2048", "score 2048"),
    ("training step, 96 rows, hidden 256", "step 256"),
    ("training step, 96 rows, hidden 2048", "step 2048"),
];

/// Score and map of one image by our default method at 448 pixels, and by anomalib's models at the 256 pixels
/// that they are made for.
const ANOMALIB: [(&str, &str); 4] = [
    ("score with map against anomalib's PatchCore, WideResNet-50", "patchcore_wide 256"),
    ("score with map against anomalib's PatchCore, ResNet-18", "patchcore_18 256"),
    ("score with map against anomalib's EfficientAd-S", "efficientad_s 256"),
    ("score with map against anomalib's EfficientAd-M", "efficientad_m 256"),
];

/// A process that does work on demand.
pub(super) struct Worker {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Times of both sides for one piece of work.
struct Comparison {
    name: &'static str,
    ours: Vec<f64>,
    theirs: Vec<f64>,
    /// Peak memory of ours and theirs, bytes.
    peaks: [f64; 2],
}

pub(super) fn run(args: &BenchArgs, python: &Path) -> anyhow::Result<ExitCode> {
    let shell = workspace::shell()?;
    let folder = tempfile::tempdir()?;
    let (peer, inputs) = match (&args.rows, &args.images) {
        (Some(rows), _) => (SCIKIT_LEARN, rows.clone()),
        (None, Some(images)) => (PYTORCH, vec![images.clone()]),
        (None, None) => (PYTORCH, vec![generated(folder.path())?]),
    };
    let script = shell.current_dir().join("benches").join(peer.script);
    let mut work = peer.work.to_vec();
    let mut versions = vec![(peer.name, peer.module)];
    if peer.module == PYTORCH.module {
        if version(python, "anomalib").is_ok() {
            work.extend(ANOMALIB);
            versions.push(("anomalib", "anomalib"));
        } else {
            eprintln!("{} has no anomalib: its models are left out", python.display());
        }
    }
    let chosen = work.into_iter().filter(|(name, line)| {
        args.only.as_ref().is_none_or(|only| name.contains(only) || line.contains(only))
    });
    let mut comparisons = Vec::new();
    for (name, line) in chosen {
        eprintln!("{name} ...");
        let own = std::env::current_exe()?;
        let mut ours = Worker::start(Command::new(own).arg("bench-worker").args(&inputs))?;
        let mut theirs = Worker::start(Command::new(python).arg(&script).args(&inputs))?;
        comparisons.push(compare(name, line, args.rounds, &mut ours, &mut theirs)?);
    }
    ensure!(!comparisons.is_empty(), "no piece of work is named so: {:?}", args.only);
    let headers =
        ["work", "ours", peer.name, "ratio", "smallest to largest", "memory ours", peer.name];
    let rows: Vec<Vec<String>> = comparisons.iter().map(Comparison::row).collect();
    print!("{}", text_table(&headers, &rows));
    if args.docs {
        let mut told = Vec::new();
        for (name, module) in versions {
            told.push(format!("{name} {}", version(python, module)?));
        }
        let here = Environment::here(shell.current_dir(), DeviceChoice::Flex);
        let content = format!(
            "{}\n{} turns of each. {}; {}.\n",
            markdown_table(&headers, &rows),
            args.rounds,
            told.join(", "),
            here.machine_and_commit()
        );
        let document = shell.current_dir().join(DOCUMENT);
        refresh_block(&document, peer.block.0, peer.block.1, &content)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A folder of generated photographs.
pub(super) fn generated(folder: &Path) -> anyhow::Result<PathBuf> {
    let config =
        SampleConfig { seed: 1, size: SIDE, train: IMAGES, test_good: 1, test_defect_per_kind: 1 };
    let categories = write_sample_dataset(folder, &config)?;
    let images = folder.join(&categories[0]).join("train/good");
    ensure!(find_images(&images)?.len() == IMAGES, "the sample data set changed");
    Ok(images)
}

fn compare(
    name: &'static str,
    line: &str,
    rounds: usize,
    ours: &mut Worker,
    theirs: &mut Worker,
) -> anyhow::Result<Comparison> {
    // Once for what is made at the first time.
    ours.ask(line)?;
    theirs.ask(line)?;
    let mut seconds = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (seconds, worker) in seconds.iter_mut().zip([&mut *ours, &mut *theirs]) {
            thread::sleep(PAUSE);
            seconds.push(worker.turn(line)?);
        }
    }
    let peaks = [ours.ask("peak")?, theirs.ask("peak")?];
    let [ours, theirs] = seconds;
    Ok(Comparison { name, ours, theirs, peaks })
}

impl Worker {
    pub(super) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let input = child.stdin.take().context("no standard input")?;
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Self { child, input, output })
    }

    /// Mean seconds of the work `line` over a turn.
    pub(super) fn turn(&mut self, line: &str) -> anyhow::Result<f64> {
        let (mut total, mut runs) = (0.0, 0.0);
        while total < TURN {
            total += self.ask(line)?;
            runs += 1.0;
        }
        Ok(total / runs)
    }

    /// Answer of the process to `line`.
    pub(super) fn ask(&mut self, line: &str) -> anyhow::Result<f64> {
        writeln!(self.input, "{line}")
            .with_context(|| format!("the worker ended before {line}"))?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        answer.trim().parse().with_context(|| format!("the worker ended at {line}"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Comparison {
    fn row(&self) -> Vec<String> {
        // Of the same round: what slows one run slows its neighbour.
        let ratios: Vec<f64> =
            self.theirs.iter().zip(&self.ours).map(|(theirs, ours)| theirs / ours).collect();
        let ends =
            |end: fn(f64, f64) -> f64| ratios.iter().copied().reduce(end).unwrap_or(f64::NAN);
        let milliseconds = |seconds: &[f64]| format!("{:.1} ms", median(seconds) * 1e3);
        let megabytes = |bytes: f64| format!("{:.0} MB", bytes / 1e6);
        vec![
            self.name.to_owned(),
            milliseconds(&self.ours),
            milliseconds(&self.theirs),
            format!("{:.2}", median(&ratios)),
            format!("{:.2} to {:.2}", ends(f64::min), ends(f64::max)),
            megabytes(self.peaks[0]),
            megabytes(self.peaks[1]),
        ]
    }
}

/// The middle of `values`; the lower one of two.
pub(super) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5).expect("there are rounds")
}

/// The version of a module that `python` has.
fn version(python: &Path, module: &str) -> anyhow::Result<String> {
    let version = format!("import {module}; print({module}.__version__)");
    // Modules may write lines of their own before.
    let printed = output(Command::new(python).args(["-c", &version]))?;
    Ok(printed.lines().next_back().unwrap_or_default().to_owned())
}

/// Output of a program, without the end of its line.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output()?;
    ensure!(output.status.success(), "{} failed", command.get_program().display());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_the_same_round() {
        let comparison = Comparison {
            name: "work",
            // The machine was three times slower in the second round.
            ours: vec![1.0, 3.0, 1.0],
            theirs: vec![2.0, 6.6, 1.9],
            peaks: [1e6, 2e6],
        };
        let golden = ["work", "1000.0 ms", "2000.0 ms", "2.00", "1.90 to 2.20", "1 MB", "2 MB"];
        assert_eq!(comparison.row(), golden);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.0);
    }
}
