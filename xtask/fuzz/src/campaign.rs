//! libFuzzer on one target: a few processes side by side, and what came of them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use serde::Serialize;
use tempfile::TempDir;
use xtask_fuzz::{TARGET, TRACE, Target, Tested, Traced, corpus_folder, dictionary};

use crate::log::{Coverage, Log};

/// An input that takes so long hangs, seconds, even on a busy machine.
const HANGS: u64 = 60;
/// Memory, 10⁶ bytes, that such small inputs never need.
const MOST_MEMORY: u64 = 2048;

/// Fuzzing campaign: the inputs to try, and the program that tries them.
#[derive(Debug)]
pub(super) struct Campaign<'a> {
    pub(super) target: Target,
    pub(super) seed: u64,
    pub(super) cases: u64,
    /// Processes at the same time.
    pub(super) threads: usize,
    /// The program `fuzz-targets`.
    pub(super) program: &'a Path,
    /// Folder where findings are stored.
    pub(super) findings: &'a Path,
}

/// Counts of cases by result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Tally {
    pub(super) target: Target,
    pub(super) cases: u64,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) findings: Vec<Finding>,
    pub(super) seconds: f64,
    /// Edges of the control flow that were reached, and those that there are.
    pub(super) edges: [u64; 2],
    /// Edges by how often they were passed, and comparisons.
    pub(super) features: u64,
    /// Bytes in memory after a quarter of the cases, and after all.
    pub(super) memory: [u64; 2],
}

/// An input that is received wrongly.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Finding {
    /// The file that holds it.
    pub(super) input: PathBuf,
    pub(super) message: String,
}

/// A process of libFuzzer, and its files.
struct Process {
    child: Child,
    cases: u64,
    log: PathBuf,
    trace: PathBuf,
}

impl Campaign<'_> {
    /// Tries inputs until so many were tried, or each process has found something.
    ///
    /// `keep` puts those that reach further into the stored corpus.
    ///
    /// # Errors
    /// If the program cannot be run or files cannot be written.
    pub(super) fn run(&self, keep: bool) -> anyhow::Result<Tally> {
        let folder = TempDir::new()?;
        let seeds = folder.path().join("seeds");
        fs::create_dir(&seeds)?;
        for (number, seed) in Tested::new(self.target)?.seeds().iter().enumerate() {
            fs::write(seeds.join(format!("seed-{number:03}")), seed)?;
        }
        fs::create_dir_all(self.findings)?;
        let stored = corpus_folder(self.target);
        fs::create_dir_all(&stored)?;
        let start = Instant::now();
        let found: Vec<PathBuf> =
            (0..self.threads).map(|number| folder.path().join(number.to_string())).collect();
        let mut processes = Vec::new();
        for (number, found) in found.iter().enumerate() {
            processes.push(self.start(number, found, &[&seeds, &stored])?);
        }
        let mut tally = Tally {
            target: self.target,
            cases: 0,
            accepted: 0,
            refused: 0,
            findings: Vec::new(),
            seconds: 0.0,
            edges: [0; 2],
            features: 0,
            memory: [0; 2],
        };
        for process in processes {
            self.add(process, &mut tally)?;
        }
        tally.seconds = start.elapsed().as_secs_f64();
        tally.cases = tally.accepted + tally.refused + tally.findings.len() as u64;
        let mut folders = found.clone();
        folders.extend([seeds.clone(), stored.clone()]);
        let all = self.coverage(&folders)?;
        let Coverage { edges, features, .. } = all.coverage;
        (tally.edges, tally.features) = ([edges, all.all_edges], features);
        if keep {
            self.keep(&seeds, &stored, &found)?;
        }
        Ok(tally)
    }

    /// The program with what all its runs have in common.
    fn program(&self) -> Command {
        let mut command = Command::new(self.program);
        command.env(TARGET, self.target.name()).env_remove(TRACE);
        command.arg(format!("-max_len={}", self.target.longest()));
        command.arg(format!("-timeout={HANGS}"));
        command.arg(format!("-rss_limit_mb={MOST_MEMORY}"));
        command.arg(format!("-artifact_prefix={}/", self.findings.display()));
        // Nothing but what this process finds itself.
        command.args(["-reload=0", "-detect_leaks=0"]).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn start(&self, number: usize, found: &Path, seeds: &[&Path]) -> anyhow::Result<Process> {
        fs::create_dir(found)?;
        let (log, trace) = (found.with_extension("log"), found.with_extension("trace"));
        let (threads, at) = (self.threads as u64, number as u64);
        let cases = self.cases * (at + 1) / threads - self.cases * at / threads;
        // Of 0, libFuzzer would take the time of day.
        let seed = 1 + (self.seed.wrapping_mul(threads) + at) % u64::from(u32::MAX - 1);
        let mut command = self.program();
        command.arg(format!("-seed={seed}")).arg(format!("-runs={}", cases.max(1)));
        command.arg(format!("-dict={}", dictionary(self.target).display()));
        command.arg(found).args(seeds).env(TRACE, &trace).stderr(File::create(&log)?);
        let child = command.spawn().context("cannot start the fuzz targets")?;
        Ok(Process { child, cases, log, trace })
    }

    /// Waits for a process and adds what came of it.
    fn add(&self, mut process: Process, tally: &mut Tally) -> anyhow::Result<()> {
        let status = process.child.wait()?;
        let text = String::from_utf8_lossy(&fs::read(&process.log)?).into_owned();
        let log = Log::read(&text);
        let traced = Traced::read(&process.trace).ok().flatten();
        let traced = traced.with_context(|| format!("no input was tried:\n{text}"))?;
        tally.accepted += traced.accepted;
        tally.refused += traced.refused;
        let [early, late] = log.early_and_late(process.cases);
        tally.memory = [tally.memory[0].max(early), tally.memory[1].max(late)];
        if !status.success() {
            tally.findings.push(self.finding(log, &traced, status)?);
        }
        Ok(())
    }

    /// Returns the finding of a process that ended with `status`.
    fn finding(&self, log: Log, traced: &Traced, status: ExitStatus) -> anyhow::Result<Finding> {
        let message = log.finding.unwrap_or_else(|| format!("the process died ({status})"));
        let input = match log.input {
            Some(input) => input,
            // As when the stack overflows: libFuzzer has had no chance to store it.
            None => {
                let number = traced.accepted + traced.refused;
                let path = self.findings.join(format!("died-{}-{number}", self.seed));
                fs::write(&path, &traced.input)?;
                path
            }
        };
        Ok(Finding { input, message })
    }

    /// Measures the coverage of all inputs in `folders` together.
    fn coverage(&self, folders: &[PathBuf]) -> anyhow::Result<Log> {
        let output = self.program().arg("-runs=0").args(folders).output()?;
        Ok(Log::read(&String::from_utf8_lossy(&output.stderr)))
    }

    /// Replaces the stored corpus by few inputs that reach what it, and what was found, reach beyond the seeds.
    fn keep(&self, seeds: &Path, stored: &Path, found: &[PathBuf]) -> anyhow::Result<()> {
        let names = |folder: &Path| -> anyhow::Result<Vec<PathBuf>> {
            let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
            entries.collect()
        };
        let known = names(seeds)?;
        let merge =
            self.program().args(["-merge=1"]).arg(seeds).arg(stored).args(found).output()?;
        ensure!(merge.status.success(), "{}", String::from_utf8_lossy(&merge.stderr));
        for path in names(stored)? {
            fs::remove_file(path)?;
        }
        for path in names(seeds)?.iter().filter(|path| !known.contains(path)) {
            fs::copy(path, stored.join(path.file_name().unwrap_or_default()))?;
        }
        Ok(())
    }
}
