//! The subcommands and what `--help` says about them together.

use clap::{Parser, Subcommand};

use crate::commands::{
    cache, calibrate, check, demo, devices, evaluate, export, features, inspect, localize, merge,
    report, sample, score, serve, train, update, verify, watch,
};
use crate::exit::Exit;

/// Find defects in photographs of parts, having seen good parts only.
#[derive(Debug, Parser)]
#[command(
    name = "differnet",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  differnet demo                                      see it work on generated images
  differnet train --data good_parts --out part.differnet
  differnet score --model part.differnet new_photos

Exit codes: 0 done, 1 error, 2 wrong arguments, 3 defects found (score --fail-on-defect),
4 a restart would end the same (score --shard, merge), 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Sample(sample::SampleArgs),
    Check(check::CheckArgs),
    Train(Box<train::TrainArgs>),
    Score(Box<score::ScoreArgs>),
    Merge(merge::MergeArgs),
    Calibrate(calibrate::CalibrateArgs),
    Update(update::UpdateArgs),
    Localize(localize::LocalizeArgs),
    Serve(serve::ServeArgs),
    Watch(watch::WatchArgs),
    Evaluate(evaluate::EvaluateArgs),
    Report(report::ReportArgs),
    Features(features::FeaturesArgs),
    Cache(cache::CacheCommand),
    Inspect(inspect::InspectArgs),
    Verify(verify::VerifyArgs),
    Export(export::ExportArgs),
    Devices(devices::DevicesArgs),
}

impl Cli {
    /// Runs the subcommand.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        match &self.command {
            Command::Demo(args) => demo::run(args),
            Command::Sample(args) => sample::run(args),
            Command::Check(args) => check::run(args),
            Command::Train(args) => train::run(args),
            Command::Score(args) => score::run(args),
            Command::Merge(args) => merge::run(args),
            Command::Calibrate(args) => calibrate::run(args),
            Command::Update(args) => update::run(args),
            Command::Localize(args) => localize::run(args),
            Command::Serve(args) => serve::run(args),
            Command::Watch(args) => watch::run(args),
            Command::Evaluate(args) => evaluate::run(args),
            Command::Report(args) => report::run(args),
            Command::Features(args) => features::run(args),
            Command::Cache(args) => cache::run(args),
            Command::Inspect(args) => inspect::run(args),
            Command::Verify(args) => verify::run(args),
            Command::Export(args) => export::run(args),
            Command::Devices(args) => devices::run(args),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Command, CommandFactory};

    use super::*;

    #[test]
    fn the_definition_of_the_arguments_is_consistent() {
        Cli::command().debug_assert();
        let mut command = Cli::command();
        command.build();
        check_names(&command);
    }

    /// clap itself looks for names that are there twice in builds with debug assertions alone.
    fn check_names(command: &Command) {
        let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
        for argument in command.get_arguments() {
            let id = argument.get_id();
            assert!(ids.insert(id), "two arguments of {} are called {id}", command.get_name());
            let short = argument.get_short().map(String::from);
            for name in argument.get_long().map(String::from).into_iter().chain(short) {
                assert!(names.insert(name), "two flags of {} are {id}", command.get_name());
            }
        }
        command.get_subcommands().for_each(check_names);
    }
}
