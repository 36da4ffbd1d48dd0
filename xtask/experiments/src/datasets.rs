//! `cargo xtask datasets`: what is known of public data sets, and whether a copy is complete.

mod compare;
mod inventory;
mod list;
mod report;
#[cfg(test)]
mod tests;
mod verification;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use xtask_inputs::manifest::Manifest;
use xtask_support::workspace;

/// Public data sets: what is known of them, and whether a copy is complete.
#[derive(Debug, clap::Args)]
pub(crate) struct DatasetsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::ListArgs),
    Verify(verify::VerifyArgs),
}

pub(crate) fn run(args: &DatasetsArgs) -> anyhow::Result<ExitCode> {
    let manifests = Manifest::read_all(&folder()?)?;
    match &args.command {
        Command::List(args) => list::run(args, &manifests),
        Command::Verify(args) => verify::run(args, &manifests),
    }
}

/// The folder of the manifests.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    Ok(workspace::root()?.join("datasets"))
}
