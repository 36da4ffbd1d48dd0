//! Developer command `cargo xtask golden`: this project's numbers against those of a PyTorch reference.
//!
//! The scripts that write golden files, these and those of the crates' tests, lie beside `src`.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "commands report to a terminal")]

mod check;
mod command;
mod features;
mod flow;
mod host;
mod images;
mod localization;
mod metrics;
mod stages;
mod torchvision;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask_support::Arguments;

#[derive(Debug, Subcommand)]
enum Command {
    Golden(command::GoldenArgs),
}

fn main() -> ExitCode {
    let Command::Golden(args) = Arguments::<Command>::parse().command;
    xtask_support::exit(command::run(&args))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Arguments, Command};

    #[test]
    fn the_front_door_lists_the_command() {
        xtask_support::commands::check("xtask-golden", &Arguments::<Command>::command()).unwrap();
    }
}
