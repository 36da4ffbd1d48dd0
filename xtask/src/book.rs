//! `cargo xtask book`: the book in `docs/`.

use std::process::ExitCode;

use anyhow::Context;
use xshell::{Shell, cmd};
use xtask_support::workspace;

/// Build the book into `target/book`; what is wrong with it is an error.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask book                 # then open target/book/index.html

Needs mdbook: cargo install --locked --no-default-features mdbook")]
pub(crate) struct BookArgs {}

pub(crate) fn run(_: &BookArgs) -> anyhow::Result<ExitCode> {
    all(&workspace::shell()?)?;
    Ok(ExitCode::SUCCESS)
}

/// The same, for other commands.
pub(crate) fn all(shell: &Shell) -> anyhow::Result<()> {
    let version = cmd!(shell, "mdbook --version").read();
    version.context("mdbook is missing: cargo install --locked --no-default-features mdbook")?;
    let folder = shell.current_dir().join("target/book");
    cmd!(shell, "mdbook build docs --dest-dir {folder}").run_echo()?;
    Ok(())
}
