//! `cargo xtask bench`: the criterion benches, or the same work as PyTorch or scikit-learn do it.

mod compare;
mod rows;
mod scaling;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use xshell::cmd;

use xtask_support::UsageError;
use xtask_support::workspace;

pub(crate) use worker::{WorkerArgs, extract, run as run_worker};

/// Time the libraries: by criterion, or against PyTorch or scikit-learn.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench
  cargo xtask bench --save-baseline before      # and after a change:
  cargo xtask bench --baseline before
  cargo xtask bench --against python3 --docs
  cargo xtask bench --against python3 --rows train.safetensors test.safetensors --docs
  cargo xtask bench --scaling --docs

--against takes a Python with torch, pillow and numpy, and with anomalib to compare with its models too, or, for the competitors on rows of features, with
scikit-learn, safetensors and numpy; `differnet features` writes such rows. Each piece of work is done by a
process of ours and one of theirs in turn, so that whatever else the machine does slows both; ratios above 1
mean that we are faster. --scaling measures how time and memory grow with images, transforms, width and cores,
and how far from the machine's limits they are.")]
pub(crate) struct BenchArgs {
    /// Python to compare with.
    #[arg(long, value_name = "PYTHON")]
    against: Option<PathBuf>,
    /// Only pieces of work whose names contain this.
    #[arg(long, value_name = "TEXT", requires = "against")]
    only: Option<String>,
    /// Measure how time and memory grow.
    #[arg(long, conflicts_with = "against")]
    scaling: bool,
    /// Turns of each side at each piece of work, of a run or as many as fit into 0.4 s.
    #[arg(long, value_name = "N", default_value_t = 7)]
    rounds: usize,
    /// Folder of images to extract; generated ones without it.
    #[arg(long, value_name = "DIR", requires = "against")]
    images: Option<PathBuf>,
    /// Compare with scikit-learn on the rows of these two files.
    #[arg(long, num_args = 2, value_names = ["TRAIN", "TEST"], requires = "against", conflicts_with = "images")]
    rows: Option<Vec<PathBuf>>,
    /// Refresh the table in docs/src/performance.md; with --against or --scaling.
    #[arg(long, conflicts_with_all = ["save_baseline", "baseline"])]
    docs: bool,
    /// Keep the timings of the benches under a name.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["against", "scaling"])]
    save_baseline: Option<String>,
    /// Compare the benches with timings kept before.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["against", "scaling", "save_baseline"])]
    baseline: Option<String>,
}

pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.rounds > 0, UsageError("--rounds is 0: at least 1 is needed".to_owned()));
    if let Some(python) = &args.against {
        return compare::run(args, python);
    }
    if args.scaling {
        return scaling::run(args);
    }
    ensure!(!args.docs, UsageError("--docs goes with --against or --scaling".to_owned()));
    let shell = workspace::shell()?;
    let save = args.save_baseline.iter().flat_map(|name| ["--save-baseline", name.as_str()]);
    let with = args.baseline.iter().flat_map(|name| ["--baseline", name.as_str()]);
    let options: Vec<&str> = save.chain(with).collect();
    let cargo = ["bench", "--locked", "--workspace", "--benches", "--"];
    cmd!(shell, "cargo {cargo...} {options...}").run_echo()?;
    Ok(ExitCode::SUCCESS)
}
