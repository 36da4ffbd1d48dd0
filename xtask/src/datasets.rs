//! `cargo xtask datasets`: what is known of public data sets, and whether a copy is complete.

mod compare;
mod inventory;
mod list;
mod manifest;
mod report;
#[cfg(test)]
mod tests;
mod verification;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use crate::workspace;
use manifest::Manifest;

/// Public data sets: what is known of them, and whether a copy is complete and sound.
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

/// What the manifest `path` says of its images, and what its categories add up to: to train on, good,
/// defective.
///
/// # Errors
/// If it cannot be read, is not understood or contradicts itself.
pub(crate) fn check_manifest(path: &Path) -> anyhow::Result<([u128; 3], [u128; 3])> {
    let manifest = Manifest::read(path)?;
    let manifest::Totals { train, good, defective } = manifest.totals;
    let mut sum = [0; 3];
    for category in manifest.categories.values() {
        sum[0] += category.train as u128;
        sum[1] += category.good as u128;
        sum[2] += category.defects.values().map(|&count| count as u128).sum::<u128>();
    }
    Ok(([train, good, defective].map(|count| count as u128), sum))
}

/// The folder of the manifests.
fn folder() -> anyhow::Result<PathBuf> {
    Ok(workspace::shell()?.current_dir().join("datasets"))
}
