//! Developer command `cargo xtask fuzz`: damaged and hostile input.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "commands report to a terminal")]

mod campaign;
mod command;
mod coverage_build;
mod log;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask_support::Arguments;

#[derive(Debug, Subcommand)]
enum Command {
    Fuzz(command::FuzzArgs),
}

fn main() -> ExitCode {
    if let Some(code) = coverage_build::as_compiler() {
        return code;
    }
    let Command::Fuzz(args) = Arguments::<Command>::parse().command;
    xtask_support::exit(command::run(&args))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Arguments, Command};

    #[test]
    fn the_front_door_lists_the_command() {
        xtask_support::commands::check("xtask-fuzz", &Arguments::<Command>::command()).unwrap();
    }
}
