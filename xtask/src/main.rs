//! Developer commands: golden vectors, tests, continuous integration, style checks, data sets.
//!
//! A command is one file with its arguments and a `run`; a person and CI type the same line.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "commands report to a terminal")]

mod ci;
mod datasets;
mod golden;
mod report_check;
mod reproduce_figure8;
mod test;
mod tidy;
mod usage;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of this workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Datasets(datasets::DatasetsArgs),
    Golden(golden::GoldenArgs),
    ReportCheck(report_check::ReportCheckArgs),
    ReproduceFigure8(reproduce_figure8::Figure8Args),
    Test(test::TestArgs),
    Ci(ci::CiArgs),
    Tidy(tidy::TidyArgs),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Datasets(args) => datasets::run(&args),
        Command::Golden(args) => golden::run(&args),
        Command::ReportCheck(args) => report_check::run(&args),
        Command::ReproduceFigure8(args) => reproduce_figure8::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Ci(args) => ci::run(&args),
        Command::Tidy(args) => tidy::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        if error.is::<usage::UsageError>() { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}
