//! Developer commands that measure: the paper's tables and figures, adaptive scoring, data sets, timings
//! beside those of others.
//!
//! A command is one file with its arguments and a `run`.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "commands report to a terminal")]

mod adaptive;
mod bench;
mod datasets;
mod preset_arg;
mod reproduce;
mod reproduce_figure8;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask_support::Arguments;

#[derive(Debug, Subcommand)]
enum Command {
    Adaptive(adaptive::AdaptiveArgs),
    Bench(bench::BenchArgs),
    #[command(hide = true)]
    BenchWorker(bench::WorkerArgs),
    Datasets(datasets::DatasetsArgs),
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
    #[command(name = "reproduce-ablation")]
    Ablation(Box<reproduce::AblationArgs>),
    #[command(name = "reproduce-curve")]
    Curve(Box<reproduce::CurveArgs>),
    #[command(name = "reproduce-frontier")]
    Frontier(Box<reproduce::FrontierArgs>),
    #[command(name = "reproduce-cell", hide = true)]
    Cell(reproduce::CellArgs),
}

fn main() -> ExitCode {
    xtask_support::exit(match Arguments::<Command>::parse().command {
        Command::Adaptive(args) => adaptive::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::BenchWorker(args) => bench::run_worker(&args),
        Command::Datasets(args) => datasets::run(&args),
        Command::ReproduceFigure8(args) => reproduce_figure8::run(&args),
        Command::Table1(args) => reproduce::run_table1(&args),
        Command::Table2(args) => reproduce::run_table2(&args),
        Command::Table3(args) => reproduce::run_table3(&args),
        Command::Figure7(args) => reproduce::run_figure7(&args),
        Command::Multimodal(args) => reproduce::run_multimodal(&args),
        Command::Ablation(args) => reproduce::run_ablation(&args),
        Command::Curve(args) => reproduce::run_curve(&args),
        Command::Frontier(args) => reproduce::run_frontier(&args),
        Command::Cell(args) => reproduce::run_cell(&args),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Arguments, Command};

    #[test]
    fn the_front_door_lists_the_commands() {
        xtask_support::commands::check("xtask-experiments", &Arguments::<Command>::command())
            .unwrap();
    }
}
