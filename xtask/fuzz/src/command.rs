//! `cargo xtask fuzz`: very many damaged and hostile inputs for everything that takes input from
//! outside, made by libFuzzer. Not to panic is the least that is asked; each target says what else.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;
use differnet_report::text_table;
use serde::Serialize;
use xtask_fuzz::{Target, Tested};
use xtask_support::{UsageError, workspace};

use crate::campaign::{Campaign, Tally};
use crate::coverage_build;

/// Cases of each target, of a hundred: images are the input from outside that nobody looked at.
const SHARES: [(Target, u64); 4] =
    [(Target::Images, 50), (Target::Models, 15), (Target::Manifests, 20), (Target::Http, 15)];
/// Bytes by which memory may grow after the first quarter of the cases.
const GROWTH: u64 = 64 << 20;

/// Hand damaged images, model files, manifests and requests to their readers.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask fuzz
  cargo xtask fuzz --target images --cases 10000000 --seed 7
  cargo xtask fuzz --target models --input target/fuzz/models/crash-1234   # what is wrong with it
  cargo xtask fuzz --target http --keep                      # what reaches further is stored for the tests

libFuzzer makes inputs out of valid ones and of those in xtask/fuzz/corpus, guided by the code that they reach;
what reads them is built with coverage for it, which takes a C++ compiler and, the first time, some minutes. What
must hold:
  images     decodes within the limits to the size that its header says, and to the same pixels when
             stored as PNG; or an error that names the file
  models     a damaged file is refused by name, or is the same model bit for bit; one with a right
             checksum is refused by name, or scores and survives being stored
  manifests  of data sets, regions, train lists, settings: what is read holds what it promises, or an
             error names the file
  http       2xx, or 4xx with a reason in JSON; the score that the decoder's image has; and afterwards a
             good image is scored right
No panic, nothing that hangs, and memory that stays flat. Each finding becomes a file in target/fuzz. Ends with
exit code 1 if there is one.")]
pub(crate) struct FuzzArgs {
    /// Target of the test.
    #[arg(long, value_enum, default_value_t = TargetChoice::All)]
    target: TargetChoice,
    /// Cases, of all targets together.
    #[arg(long, default_value_t = 1_000_000)]
    cases: u64,
    /// Seed of all draws.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Try the input in this file and no other.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Processes at the same time [default: as many as the processor has threads].
    #[arg(long)]
    threads: Option<usize>,
    /// Store inputs that reach further in the corpus, which the tests replay.
    #[arg(long, conflicts_with = "input")]
    keep: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TargetChoice {
    All,
    Images,
    Models,
    Manifests,
    Http,
}

/// The result of `--json`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    seed: u64,
    passed: bool,
    targets: &'a [Tally],
    peak_memory: u64,
}

pub(crate) fn run(args: &FuzzArgs) -> anyhow::Result<ExitCode> {
    let targets: Vec<(Target, u64)> = SHARES
        .into_iter()
        .filter(|(target, _)| args.target == TargetChoice::All || is_chosen(args.target, *target))
        .collect();
    let Some(input) = &args.input else { return all(args, &targets) };
    let [(target, _)] = targets[..] else {
        return Err(UsageError("--input needs one --target".into()).into());
    };
    one_input(target, input)
}

fn is_chosen(choice: TargetChoice, target: Target) -> bool {
    choice.to_possible_value().is_some_and(|value| value.get_name() == target.name())
}

fn one_input(target: Target, path: &Path) -> anyhow::Result<ExitCode> {
    let input = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut tested = Tested::new(target)?;
    Tested::quieten_panics();
    match tested.receive(&input) {
        Ok(reception) => {
            println!("{target}: {reception:?}");
            Ok(ExitCode::SUCCESS)
        }
        Err(message) => {
            println!("{target}: {message}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn all(args: &FuzzArgs, targets: &[(Target, u64)]) -> anyhow::Result<ExitCode> {
    let root = workspace::root()?;
    let program = coverage_build::fuzz_targets(&root)?;
    let threads = args.threads.unwrap_or_else(|| {
        std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
    });
    let whole: u64 = targets.iter().map(|(_, share)| share).sum();
    let mut tallies = Vec::new();
    for &(target, share) in targets {
        let cases = (u128::from(args.cases) * u128::from(share)).div_ceil(u128::from(whole)) as u64;
        let findings = root.join("target/fuzz").join(target.name());
        let campaign = Campaign {
            target,
            seed: args.seed,
            cases,
            threads: threads.max(1),
            program: &program,
            findings: &findings,
        };
        tallies.push(campaign.run(args.keep)?);
        if !args.json {
            eprintln!("{target}: {cases} cases tried");
        }
    }
    let passed = tallies.iter().all(Tally::passed);
    let peak_memory = tallies.iter().flat_map(|tally| tally.memory).max().unwrap_or(0);
    if args.json {
        let summary = Summary { seed: args.seed, passed, targets: &tallies, peak_memory };
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        print!("{}", report(&tallies));
        let cases: u64 = tallies.iter().map(|tally| tally.cases).sum();
        let findings: usize = tallies.iter().map(|tally| tally.findings.len()).sum();
        println!(
            "seed {}: {cases} cases, {findings} findings, at most {} MB in memory",
            args.seed,
            peak_memory / 1_000_000
        );
        tell_findings(&tallies);
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Tally {
    /// Tells whether nothing was found and memory stayed flat.
    fn passed(&self) -> bool {
        let [early, late] = self.memory;
        self.findings.is_empty() && late <= early + GROWTH
    }
}

fn report(tallies: &[Tally]) -> String {
    let head = [
        "target", "cases", "accepted", "refused", "findings", "seconds", "cases/s", "edges", "of",
        "features", "memory",
    ];
    let rows: Vec<Vec<String>> = tallies
        .iter()
        .map(|tally| {
            let [early, late] = tally.memory.map(|bytes| bytes / 1_000_000);
            vec![
                tally.target.to_string(),
                tally.cases.to_string(),
                tally.accepted.to_string(),
                tally.refused.to_string(),
                tally.findings.len().to_string(),
                format!("{:.1}", tally.seconds),
                format!("{:.0}", tally.cases as f64 / tally.seconds.max(1e-9)),
                tally.edges[0].to_string(),
                tally.edges[1].to_string(),
                tally.features.to_string(),
                format!("{early} MB, then {late} MB"),
            ]
        })
        .collect();
    text_table(&head, &rows)
}

fn tell_findings(tallies: &[Tally]) {
    for tally in tallies {
        let target = tally.target;
        for finding in &tally.findings {
            println!(
                "\n{}\n  again: cargo xtask fuzz --target {target} --input {}",
                finding.message,
                finding.input.display()
            );
        }
        let [early, late] = tally.memory;
        if late > early + GROWTH {
            println!("\n{target}: memory grew from {early} to {late} bytes");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_can_be_chosen_and_has_its_share() {
        let all: Vec<Target> = SHARES.iter().map(|(target, _)| *target).collect();
        assert_eq!(all, Target::ALL);
        assert_eq!(SHARES.iter().map(|(_, share)| share).sum::<u64>(), 100);
        for target in Target::ALL {
            let chosen = TargetChoice::value_variants().iter();
            assert_eq!(chosen.filter(|choice| is_chosen(**choice, target)).count(), 1, "{target}");
        }
    }
}
