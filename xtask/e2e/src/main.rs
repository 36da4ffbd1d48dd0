//! Developer commands that use the whole program from outside: load, kills, its page and reports in a
//! browser.
//!
//! A command is one file with its arguments and a `run`.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "commands report to a terminal")]

mod browser;
mod crash_test;
mod fault_test;
mod onnx_parity;
mod page_check;
mod report_check;
mod shard_test;
mod soak;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask_support::Arguments;

#[derive(Debug, Subcommand)]
enum Command {
    CrashTest(crash_test::CrashTestArgs),
    FaultTest(fault_test::FaultTestArgs),
    OnnxParity(onnx_parity::OnnxParityArgs),
    PageCheck(page_check::PageCheckArgs),
    ReportCheck(report_check::ReportCheckArgs),
    ShardTest(shard_test::ShardTestArgs),
    Soak(soak::SoakArgs),
}

fn main() -> ExitCode {
    xtask_support::exit(match Arguments::<Command>::parse().command {
        Command::CrashTest(args) => crash_test::run(&args),
        Command::FaultTest(args) => fault_test::run(&args),
        Command::OnnxParity(args) => onnx_parity::run(&args),
        Command::PageCheck(args) => page_check::run(&args),
        Command::ReportCheck(args) => report_check::run(&args),
        Command::ShardTest(args) => shard_test::run(&args),
        Command::Soak(args) => soak::run(&args),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Arguments, Command};

    #[test]
    fn the_front_door_lists_the_commands() {
        xtask_support::commands::check("xtask-e2e", &Arguments::<Command>::command()).unwrap();
    }
}
