//! `cargo xtask test`: every test of every crate, examples in the documentation included.

use std::process::ExitCode;

use xshell::{Shell, cmd};

use crate::workspace;

/// Run every test of every crate, documentation examples included.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask test
  cargo xtask test adam            # tests whose name contains `adam`
  cargo xtask test -- --nocapture")]
pub(crate) struct TestArgs {
    /// Only tests whose name contains this text.
    filter: Option<String>,
    /// Passed to every test program.
    #[arg(last = true)]
    options: Vec<String>,
}

pub(crate) fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let TestArgs { filter, options } = args;
    let shell = workspace::shell()?;
    cmd!(shell, "cargo test --workspace --release {filter...} -- {options...}").run_echo()?;
    Ok(ExitCode::SUCCESS)
}

/// The run without arguments, for other commands.
pub(crate) fn all(shell: &Shell) -> anyhow::Result<()> {
    cmd!(shell, "cargo test --workspace --release").run_echo()?;
    Ok(())
}
