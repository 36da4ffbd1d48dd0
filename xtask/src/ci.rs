//! `cargo xtask ci`: what a commit has to pass.

use std::process::ExitCode;
use std::time::Instant;

use xshell::{Shell, cmd};
use xtask_support::workspace;

use crate::{book, deny, docs, front_door, package, python, test, tidy};

/// Check everything that a commit has to pass.
///
/// Format, style, dependencies, lints, documentation, packages, book, tests, Python package, reports, page.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask ci
  cargo xtask ci --no-tests        # the fast part")]
pub(crate) struct CiArgs {
    /// Leave out the tests, the Python package, and what is seen in a browser.
    #[arg(long)]
    no_tests: bool,
    /// Leave out the dependencies' licences and origins, where cargo-deny cannot be had.
    #[arg(long)]
    no_deny: bool,
    /// Leave out the book, where mdbook cannot be had.
    #[arg(long)]
    no_book: bool,
}

pub(crate) fn run(args: &CiArgs) -> anyhow::Result<ExitCode> {
    let shell = workspace::shell()?;
    timed("format", || Ok(cmd!(shell, "cargo fmt --all --check").run_echo()?))?;
    timed("style", || tidy::all(&shell))?;
    if !args.no_deny {
        timed("dependencies", || deny::all(&shell))?;
    }
    timed("lints", || lints(&shell))?;
    timed("documentation", || docs::all(&shell))?;
    timed("packages", || package::all(&shell))?;
    if !args.no_book {
        timed("book", || book::all(&shell))?;
    }
    if !args.no_tests {
        timed("tests", || test::all(&shell))?;
        timed("Python package", python::all)?;
        timed("reports", || front_door::run(shell.current_dir(), "report-check"))?;
        timed("page", || front_door::run(shell.current_dir(), "page-check"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Clippy on every target and for every device; CUDA needs no toolkit to be checked. Release mode
/// throughout, so that build scripts and macros are shared with the tests, and checked dependencies
/// with the documentation.
fn lints(shell: &Shell) -> anyhow::Result<()> {
    let mut clippy = cmd!(shell, "cargo clippy --workspace --all-targets --all-features --release");
    clippy = clippy.args(["--", "-D", "warnings"]).env(docs::NOT_LINKED.0, docs::NOT_LINKED.1);
    clippy.run_echo()?;
    Ok(())
}

fn timed(name: &str, step: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let start = Instant::now();
    step()?;
    eprintln!("{name}: passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
