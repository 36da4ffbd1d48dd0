//! `cargo xtask deny`: licences and origins of the dependencies.

use std::process::ExitCode;

use anyhow::Context;
use xshell::{Shell, cmd};
use xtask_support::workspace;

/// Check the dependencies' licences and origins against `deny.toml`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask deny
  cargo xtask deny --advisories    # known security problems; needs the network

Needs cargo-deny: cargo install --locked cargo-deny")]
pub(crate) struct DenyArgs {
    /// Ask RustSec's database for known security problems of the dependencies instead.
    #[arg(long)]
    advisories: bool,
}

pub(crate) fn run(args: &DenyArgs) -> anyhow::Result<ExitCode> {
    let shell = workspace::shell()?;
    if args.advisories {
        require(&shell)?;
        cmd!(shell, "cargo deny --locked check advisories").run_echo()?;
    } else {
        all(&shell)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks what can be checked without the network.
pub(crate) fn all(shell: &Shell) -> anyhow::Result<()> {
    require(shell)?;
    let command =
        cmd!(shell, "cargo deny --locked check --hide-inclusion-graph licenses bans sources");
    command.run_echo()?;
    Ok(())
}

fn require(shell: &Shell) -> anyhow::Result<()> {
    let version = cmd!(shell, "cargo deny --version").read();
    version.context("cargo-deny is missing: cargo install --locked cargo-deny").map(|_| ())
}
