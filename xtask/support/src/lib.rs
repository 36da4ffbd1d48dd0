//! Shared parts of the packages of developer commands: the list of commands, their arguments, the
//! workspace's root, how a command ends, the memory of processes.
//!
//! Knows nothing of the workspace's libraries, so that `cargo xtask` itself is built in seconds.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arguments;
pub mod commands;
mod exit;
pub mod memory;
pub mod workspace;

pub use arguments::Arguments;
pub use exit::{UsageError, exit};
