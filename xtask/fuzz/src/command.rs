//! `cargo xtask fuzz`: very many damaged and hostile inputs for everything that takes input from
//! outside.
//!
//! A case is a valid file or request with a few changes, all drawn from the seed and the case's number.
//! Not to panic is the least that is asked; each target says what else.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context;
use clap::ValueEnum;
use differnet_report::text_table;
use serde::Serialize;
use xtask_support::{UsageError, memory};

use crate::campaign::{Campaign, Tally, quieten_panics, try_case};
use crate::subject::Subject;
use crate::{http, images, manifests, models};

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
  cargo xtask fuzz --target models --seed 7 --case 1234     # one case again, and what is wrong with it

Each case is a valid file or request with a few changes drawn from the seed and the case's number: turned
bits, cut, repeated and exchanged parts, other lengths, extreme numbers, bytes that are no text, and in
half of the model files a checksum made right again. What must hold:
  images     decodes within the limits to the size that its header says, and to the same pixels when
             stored as PNG; or an error that names the file
  models     a damaged file is refused by name, or is the same model bit for bit; one with a right
             checksum is refused by name, or scores and survives being stored
  manifests  of data sets, regions, train lists, settings: what is read holds what it promises, or an
             error names the file
  http       2xx, or 4xx with a reason in JSON; the score that the decoder's image has; and afterwards a
             good image is scored right
No panic, nothing that hangs, and memory that stays flat. Ends with exit code 1 if there is a finding.")]
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
    /// Try this case of a target and no other.
    #[arg(long, value_name = "NUMBER")]
    case: Option<u64>,
    /// Cases at the same time [default: the processor's].
    #[arg(long)]
    threads: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Write down which cases are tried.
    #[arg(long, hide = true)]
    trace: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TargetChoice {
    All,
    Images,
    Models,
    Manifests,
    Http,
}

/// Something that takes input from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    Images,
    Models,
    Manifests,
    Http,
}

impl Target {
    pub(crate) fn subject(self) -> anyhow::Result<Box<dyn Subject>> {
        Ok(match self {
            Self::Images => Box::new(images::Images::new()?),
            Self::Models => Box::new(models::Models::new()?),
            Self::Manifests => Box::new(manifests::Manifests::new()?),
            Self::Http => Box::new(http::Http::new()?),
        })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Images => "images",
            Self::Models => "models",
            Self::Manifests => "manifests",
            Self::Http => "http",
        })
    }
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
    if let Some(case) = args.case {
        let [(target, _)] = targets[..] else {
            return Err(UsageError("--case needs one --target".into()).into());
        };
        return one_case(target, args.seed, case);
    }
    match &args.trace {
        Some(trace) => all(args, &targets, trace),
        None => in_a_child(args),
    }
}

fn is_chosen(choice: TargetChoice, target: Target) -> bool {
    choice.to_possible_value().is_some_and(|value| value.get_name() == target.to_string())
}

fn one_case(target: Target, seed: u64, case: u64) -> anyhow::Result<ExitCode> {
    let mut subject = target.subject()?;
    quieten_panics();
    match try_case(&mut *subject, target, seed, case) {
        Ok(outcome) => {
            println!("{target} {case}: {outcome:?}");
            Ok(ExitCode::SUCCESS)
        }
        Err(message) => {
            println!("{target} {case}: {message}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Tries all cases in another process, which a case may bring down: stacks overflow and memory runs out
/// without a chance to say at which case.
fn in_a_child(args: &FuzzArgs) -> anyhow::Result<ExitCode> {
    let trace = tempfile::tempdir()?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let status = Command::new(program)
        .args(std::env::args_os().skip(1))
        .arg("--trace")
        .arg(trace.path())
        .status()
        .context("cannot start this program again")?;
    match status.code() {
        Some(0) => return Ok(ExitCode::SUCCESS),
        Some(_) => return Ok(ExitCode::FAILURE),
        None => eprintln!("error: the process died ({status}) at one of these cases:"),
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(trace.path())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (target, _) = name.split_once('-').unwrap_or((&name, ""));
        let case: u64 = std::fs::read_to_string(&path)?.trim().parse().unwrap_or(0);
        eprintln!("  cargo xtask fuzz --target {target} --seed {} --case {case}", args.seed);
    }
    Ok(ExitCode::FAILURE)
}

fn all(args: &FuzzArgs, targets: &[(Target, u64)], trace: &Path) -> anyhow::Result<ExitCode> {
    quieten_panics();
    let threads = args.threads.unwrap_or_else(|| {
        std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
    });
    let whole: u64 = targets.iter().map(|(_, share)| share).sum();
    let mut tallies = Vec::new();
    for &(target, share) in targets {
        let cases = (u128::from(args.cases) * u128::from(share)).div_ceil(u128::from(whole)) as u64;
        let campaign = Campaign {
            target,
            seed: args.seed,
            cases,
            threads: threads.max(1),
            trace: Some(trace),
        };
        tallies.push(campaign.run()?);
        if !args.json {
            eprintln!("{target}: {cases} cases tried");
        }
    }
    let passed = tallies.iter().all(Tally::passed);
    let peak_memory = memory::peak().unwrap_or(0);
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
        tell_findings(&tallies, args.seed);
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
    let head =
        ["target", "cases", "accepted", "refused", "findings", "seconds", "cases/s", "memory"];
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
                format!("{early} MB, then {late} MB"),
            ]
        })
        .collect();
    text_table(&head, &rows)
}

fn tell_findings(tallies: &[Tally], seed: u64) {
    for tally in tallies {
        let target = tally.target;
        for finding in &tally.findings {
            println!(
                "\n{}\n  again: cargo xtask fuzz --target {target} --seed {seed} --case {}",
                finding.message, finding.case
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
    use xtask_inputs::Draws;

    use super::*;
    use crate::subject::Outcome;

    /// So many cases of each target, which take a second or two.
    fn few(target: Target, cases: u64) {
        let campaign = Campaign { target, seed: 1, cases, threads: 1, trace: None };
        let tally = campaign.run().unwrap();
        assert!(tally.findings.is_empty(), "{:#?}", tally.findings);
        assert!(tally.accepted > cases / 50 && tally.refused > cases / 50, "{tally:?}");
    }

    #[test]
    fn damaged_images_decode_within_the_limits_or_are_refused_by_name() {
        few(Target::Images, 4000);
    }

    #[test]
    fn damaged_models_are_refused_by_name_or_the_same() {
        few(Target::Models, 300);
    }

    #[test]
    fn damaged_manifests_hold_what_they_promise_or_are_refused_by_name() {
        few(Target::Manifests, 1000);
    }

    #[test]
    fn damaged_requests_are_answered_and_good_ones_still_scored() {
        few(Target::Http, 1000);
    }

    #[test]
    fn a_case_that_goes_wrong_is_told_with_its_number() {
        struct Fails;
        impl Subject for Fails {
            fn try_case(&mut self, draws: &mut Draws) -> Result<Outcome, String> {
                if draws.once_in(2) { Err("wrong".into()) } else { panic!("broken") }
            }
        }
        quieten_panics();
        let messages: Vec<String> = (0..20)
            .map(|case| try_case(&mut Fails, Target::Images, 1, case).unwrap_err())
            .collect();
        assert!(messages.iter().any(|message| message == "wrong"));
        assert!(messages.iter().any(|message| message.ends_with("broken")), "{messages:?}");
        assert!(is_chosen(TargetChoice::Http, Target::Http));
    }
}
