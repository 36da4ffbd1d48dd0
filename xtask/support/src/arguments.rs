//! Words after `cargo xtask`.

use clap::{Parser, Subcommand};

/// Developer commands of this workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub struct Arguments<C: Subcommand> {
    /// One of a package's commands.
    #[command(subcommand)]
    pub command: C,
}
