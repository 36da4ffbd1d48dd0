//! Developer commands: continuous integration, tests, style checks; and the front door to those of the
//! packages below this one.
//!
//! A command is one file with its arguments and a `run`; a person and CI type the same line.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "commands report to a terminal")]

mod book;
mod ci;
mod deny;
mod docs;
mod front_door;
mod package;
mod python;
mod test;
mod tidy;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Subcommand};
use xtask_support::Arguments;

/// The commands of this package; [`front_door`] knows the others.
#[derive(Debug, Subcommand)]
enum Command {
    Book(book::BookArgs),
    Ci(ci::CiArgs),
    Deny(deny::DenyArgs),
    Docs(docs::DocsArgs),
    Package(package::PackageArgs),
    Python(python::PythonArgs),
    Test(test::TestArgs),
    Tidy(tidy::TidyArgs),
}

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    xtask_support::exit(match front_door::other_package(&words) {
        Some((package, words)) => front_door::become_command(package, &words),
        None => run(),
    })
}

fn run() -> anyhow::Result<ExitCode> {
    let known = front_door::list(Arguments::<Command>::command());
    let arguments = Arguments::<Command>::from_arg_matches(&known.get_matches());
    match arguments.unwrap_or_else(|error| error.exit()).command {
        Command::Book(args) => book::run(&args),
        Command::Ci(args) => ci::run(&args),
        Command::Deny(args) => deny::run(&args),
        Command::Docs(args) => docs::run(&args),
        Command::Package(args) => package::run(&args),
        Command::Python(args) => python::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Tidy(args) => tidy::run(&args),
    }
}
