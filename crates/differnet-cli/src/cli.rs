//! The subcommands and what `--help` says about them together.

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

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
    /// The arguments of this process.
    pub(crate) fn of_process() -> Self {
        let matches = reflowed(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

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

/// The command and its subcommands with a line for each paragraph at the end of their help: it is wrapped once,
/// to the width of the terminal.
fn reflowed(command: clap::Command) -> clap::Command {
    let text = command.get_after_help().map(|text| paragraphs(&text.to_string()));
    let command = command.mut_subcommands(reflowed);
    match text {
        Some(text) => command.after_help(text),
        None => command,
    }
}

/// `text` without breaks within paragraphs; indented lines, such as examples, stay as they are.
fn paragraphs(text: &str) -> String {
    let mut paragraphs = String::with_capacity(text.len());
    let mut flows = false;
    for line in text.lines() {
        let goes_on = !line.is_empty() && !line.starts_with(' ');
        match (flows, goes_on) {
            (true, true) => paragraphs.push(' '),
            _ if paragraphs.is_empty() => {}
            _ => paragraphs.push('\n'),
        }
        paragraphs.push_str(line);
        flows = goes_on;
    }
    paragraphs
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

    #[test]
    fn paragraphs_of_help_are_lines_and_examples_stay() {
        let text =
            "Examples:\n  differnet a\n  differnet b\n\nOne sentence over\ntwo lines.\n\nAnother.";
        let golden =
            "Examples:\n  differnet a\n  differnet b\n\nOne sentence over two lines.\n\nAnother.";
        assert_eq!(paragraphs(text), golden);
        let command = reflowed(Cli::command());
        let watch = command.find_subcommand("watch").expect("a subcommand");
        let help = watch.get_after_help().expect("a text").to_string();
        assert!(help.contains("Ends at Ctrl-C with exit code 0; 1 error, also if whoever reads the standard output leaves, or"));
    }

    /// clap itself looks for names that are there twice in builds with debug assertions alone.
    fn check_names(command: &Command) {
        let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
        for argument in command.get_arguments() {
            let id = argument.get_id();
            assert!(ids.insert(id), "two arguments of {} are called {id}", command.get_name());
            let short = argument.get_short().map(String::from);
            for name in argument.get_long().map(String::from).into_iter().chain(short) {
                let unique = names.insert(name.clone());
                assert!(unique, "two flags of {} are --{name}", command.get_name());
            }
        }
        command.get_subcommands().for_each(check_names);
    }
}
