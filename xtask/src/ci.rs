//! `cargo xtask ci`: what a commit has to pass.

use std::process::ExitCode;
use std::time::Instant;

use xshell::{Shell, cmd};

use crate::{deny, page_check, report_check, test, tidy, workspace};

/// Check everything that a commit has to pass: format, style, dependencies, lints, documentation, tests,
/// reports, page.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask ci
  cargo xtask ci --no-tests        # the fast part")]
pub(crate) struct CiArgs {
    /// Leave out the tests, and what is seen in a browser.
    #[arg(long)]
    no_tests: bool,
    /// Leave out the dependencies' licences and origins, where cargo-deny cannot be had.
    #[arg(long)]
    no_deny: bool,
}

pub(crate) fn run(args: &CiArgs) -> anyhow::Result<ExitCode> {
    let shell = workspace::shell()?;
    timed("format", || Ok(cmd!(shell, "cargo fmt --all --check").run_echo()?))?;
    timed("style", || tidy::all(&shell))?;
    if !args.no_deny {
        timed("dependencies", || deny::all(&shell))?;
    }
    timed("lints", || lints(&shell))?;
    timed("documentation", || documentation(&shell))?;
    if !args.no_tests {
        timed("tests", || test::all(&shell))?;
        timed("reports", report_check::all)?;
        timed("page", page_check::all)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A variable that says that nothing is going to be linked: the compiler behind CUDA is then checked
/// without its LLVM, which it would download.
const NOT_LINKED: (&str, &str) = ("DOCS_RS", "1");

/// Clippy on every target and for every device; CUDA needs no toolkit to be checked. Release mode
/// throughout, so that build scripts and macros are shared with the tests, and checked dependencies
/// with the documentation.
fn lints(shell: &Shell) -> anyhow::Result<()> {
    let mut clippy = cmd!(shell, "cargo clippy --workspace --all-targets --all-features --release");
    clippy = clippy.args(["--", "-D", "warnings"]).env(NOT_LINKED.0, NOT_LINKED.1);
    clippy.run_echo()?;
    Ok(())
}

fn documentation(shell: &Shell) -> anyhow::Result<()> {
    let doc = cmd!(shell, "cargo doc --workspace --no-deps --all-features --release");
    doc.env("RUSTDOCFLAGS", "-D warnings").env(NOT_LINKED.0, NOT_LINKED.1).run_echo()?;
    Ok(())
}

fn timed(name: &str, step: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let start = Instant::now();
    step()?;
    eprintln!("{name}: passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
