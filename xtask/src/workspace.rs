//! The workspace's root folder and a shell that works there.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context;
use xshell::{Shell, cmd};

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

/// The program `differnet`: the one `named`, else the workspace's, built.
///
/// # Errors
/// As [`shell`]; if it cannot be built.
pub(crate) fn differnet(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named.to_path_buf());
    }
    let shell = shell()?;
    cmd!(shell, "cargo build --release --locked --workspace --bin differnet").run_echo()?;
    Ok(shell.current_dir().join("target/release/differnet"))
}
