//! `cargo xtask docs`: the documentation of every crate.

use std::process::ExitCode;

use xshell::{Shell, cmd};
use xtask_support::workspace;

/// A variable that says that nothing is going to be linked: the compiler behind CUDA is then checked
/// without its LLVM, which it would download.
pub(crate) const NOT_LINKED: (&str, &str) = ("DOCS_RS", "1");

/// Build the documentation of every crate; what is wrong with it is an error.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask docs")]
pub(crate) struct DocsArgs {}

pub(crate) fn run(_: &DocsArgs) -> anyhow::Result<ExitCode> {
    all(&workspace::shell()?)?;
    Ok(ExitCode::SUCCESS)
}

/// The same, for other commands.
pub(crate) fn all(shell: &Shell) -> anyhow::Result<()> {
    let doc = cmd!(shell, "cargo doc --workspace --no-deps --all-features --release");
    doc.env("RUSTDOCFLAGS", "-D warnings").env(NOT_LINKED.0, NOT_LINKED.1).run_echo()?;
    Ok(())
}
