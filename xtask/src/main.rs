//! Developer commands: golden vectors, the paper's tables, data sets, tests, continuous integration,
//! style checks.
//!
//! A command is one file with its arguments and a `run`; a person and CI type the same line.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "commands report to a terminal")]

mod adaptive;
mod bench;
mod browser;
mod ci;
mod crash_test;
mod datasets;
mod deny;
mod fuzz;
mod golden;
mod http;
mod memory;
mod page_check;
mod preset_arg;
mod report_check;
mod reproduce;
mod reproduce_figure8;
mod soak;
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
    Adaptive(adaptive::AdaptiveArgs),
    Bench(bench::BenchArgs),
    #[command(hide = true)]
    BenchWorker(bench::WorkerArgs),
    CrashTest(crash_test::CrashTestArgs),
    Datasets(datasets::DatasetsArgs),
    Deny(deny::DenyArgs),
    Fuzz(fuzz::FuzzArgs),
    Golden(golden::GoldenArgs),
    PageCheck(page_check::PageCheckArgs),
    ReportCheck(report_check::ReportCheckArgs),
    ReproduceFigure8(reproduce_figure8::Figure8Args),
    #[command(name = "reproduce-table1")]
    Table1(Box<reproduce::Table1Args>),
    #[command(name = "reproduce-table2")]
    Table2(Box<reproduce::Table2Args>),
    #[command(name = "reproduce-table3")]
    Table3(Box<reproduce::Table3Args>),
    #[command(name = "reproduce-figure7")]
    Figure7(Box<reproduce::Figure7Args>),
    #[command(name = "reproduce-multimodal")]
    Multimodal(Box<reproduce::MultimodalArgs>),
    #[command(name = "reproduce-curve")]
    Curve(Box<reproduce::CurveArgs>),
    #[command(name = "reproduce-frontier")]
    Frontier(Box<reproduce::FrontierArgs>),
    #[command(name = "reproduce-cell", hide = true)]
    Cell(reproduce::CellArgs),
    Soak(soak::SoakArgs),
    Test(test::TestArgs),
    Ci(ci::CiArgs),
    Tidy(tidy::TidyArgs),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Adaptive(args) => adaptive::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::BenchWorker(args) => bench::run_worker(&args),
        Command::CrashTest(args) => crash_test::run(&args),
        Command::Datasets(args) => datasets::run(&args),
        Command::Deny(args) => deny::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Golden(args) => golden::run(&args),
        Command::PageCheck(args) => page_check::run(&args),
        Command::ReportCheck(args) => report_check::run(&args),
        Command::ReproduceFigure8(args) => reproduce_figure8::run(&args),
        Command::Table1(args) => reproduce::run_table1(&args),
        Command::Table2(args) => reproduce::run_table2(&args),
        Command::Table3(args) => reproduce::run_table3(&args),
        Command::Figure7(args) => reproduce::run_figure7(&args),
        Command::Multimodal(args) => reproduce::run_multimodal(&args),
        Command::Curve(args) => reproduce::run_curve(&args),
        Command::Frontier(args) => reproduce::run_frontier(&args),
        Command::Cell(args) => reproduce::run_cell(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Ci(args) => ci::run(&args),
        Command::Tidy(args) => tidy::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        if error.is::<usage::UsageError>() { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}
