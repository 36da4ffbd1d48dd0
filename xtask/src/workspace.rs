//! The workspace's root folder and a shell that works there.

use std::env;
use std::path::PathBuf;

use anyhow::Context;
use xshell::Shell;

/// A shell whose current folder is the workspace's root.
///
/// # Errors
/// If this program was not started by cargo, which says where the package lies.
pub(crate) fn shell() -> anyhow::Result<Shell> {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.context("CARGO_MANIFEST_DIR is not set: run this as `cargo xtask`")?;
    let root = package.parent().context("the package xtask has no parent folder")?;
    let mut shell = Shell::new()?;
    shell.set_current_dir(root);
    Ok(shell)
}
