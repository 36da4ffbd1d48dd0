//! The workspace's root folder, a shell that works there, and the programs that lie there.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context;
use xshell::{Shell, cmd};

/// The workspace's root folder.
///
/// # Errors
/// If this program was not started by cargo, which says where its package lies.
pub fn root() -> anyhow::Result<PathBuf> {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.context("CARGO_MANIFEST_DIR is not set: run this as `cargo xtask`")?;
    let root = package.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    let root = root.with_context(|| format!("{} is in no workspace", package.display()))?;
    Ok(root.to_path_buf())
}

/// A shell whose current folder is the workspace's root.
///
/// # Errors
/// As [`root`].
pub fn shell() -> anyhow::Result<Shell> {
    let mut shell = Shell::new()?;
    shell.set_current_dir(root()?);
    Ok(shell)
}

/// The program `differnet`: the one `named`, else the workspace's, built.
///
/// # Errors
/// As [`root`]; if it cannot be built.
pub fn differnet(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named.to_path_buf());
    }
    let shell = shell()?;
    cmd!(shell, "cargo build --release --locked --workspace --bin differnet").run_echo()?;
    Ok(shell.current_dir().join("target/release/differnet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_from_a_package_below_it() {
        let root = root().unwrap();
        assert!(root.join("xtask/support/Cargo.toml").is_file(), "{}", root.display());
    }
}
