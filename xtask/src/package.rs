//! `cargo xtask package`: what a registry would be given of each crate that can be published.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use serde::Deserialize;
use xshell::{Shell, cmd};
use xtask_support::workspace;

/// Put each crate that can be published into its package, without a registry being told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask package

A package has the files that git knows. Its manifest, its readme and its licence are checked.")]
pub(crate) struct PackageArgs {}

/// The part of `cargo metadata` that is looked at.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    /// The registries that may have it; nothing for all.
    publish: Option<Vec<String>>,
}

pub(crate) fn run(_: &PackageArgs) -> anyhow::Result<ExitCode> {
    all(&workspace::shell()?)?;
    Ok(ExitCode::SUCCESS)
}

/// The same, for other commands.
pub(crate) fn all(shell: &Shell) -> anyhow::Result<()> {
    let json = cmd!(shell, "cargo metadata --no-deps --format-version 1").read()?;
    let metadata: Metadata =
        serde_json::from_str(&json).context("cannot understand `cargo metadata`")?;
    let names: Vec<String> = metadata
        .packages
        .into_iter()
        .filter(|package| package.publish.is_none())
        .map(|package| package.name)
        .collect();
    ensure!(!names.is_empty(), "no crate can be published");
    for name in &names {
        let files = cmd!(shell, "cargo package --list --allow-dirty --package {name}").read()?;
        for needed in ["Cargo.toml", "README.md", "src/"] {
            let has = files.lines().any(|file| file.starts_with(needed));
            ensure!(has, "the package of {name} has no {needed}");
        }
    }
    let packages = names.iter().flat_map(|name| ["--package", name]);
    // Not compiled again: the tests have done that.
    let command = cmd!(shell, "cargo package --locked --no-verify --allow-dirty --quiet");
    command.args(packages).run_echo()?;
    println!("package: {} crates can be published", names.len());
    Ok(())
}
