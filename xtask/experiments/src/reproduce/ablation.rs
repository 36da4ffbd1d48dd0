//! `cargo xtask reproduce-ablation`: what each choice is worth between the settings of a preset and the
//! paper's, on the way to Table 2's number.

mod rows;

use std::process::ExitCode;

use clap::ValueEnum;
use differnet::methods::DifferNetConfig;
use differnet::scoring::Average;
use differnet::{Config, Method, Preset};

use super::args::RunArgs;
use super::cell::{CellResult, CellSpec, TestSpec, WatchSpec};
use super::document::{COST, Document, Table, TableCell, cost};
use super::forecast::updates;
use super::looks::{BEST_ON_TEST, Named, by_choice, by_update, of_look, over_updates};
use super::method::PaperMethod;
use super::mtd::MtdArgs;
use super::paper;
use super::summary::{Measurement, measurements};
use super::{Measured, Plan, config_test, data_name, plain_cell, reproduce};
use xtask_support::UsageError;

/// Epochs between two tests of the trainings that follow the paper's schedule.
const EPOCHS: usize = 16;

/// Measure AUROC on tiles from a preset to the paper's settings, step by step.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask reproduce-ablation --root MTD_DIR --mtd-train-list FILE --preset standard --seeds 1
  cargo xtask reproduce-ablation --root MTD_DIR --preset standard --trainings step-size,all-images

Each training makes one choice more as the paper does; rows that differ in the test alone share a training.
Differences are of the same test images. From `epochs` on the flow is also tested at every 16th epoch: the
last weights, and the best on the test images, which nothing is chosen by. The paper's settings take hours.
Writes ablation.svg, table.md, table.csv, table.json and table.html. An interrupted run goes on where it
was.")]
pub(crate) struct AblationArgs {
    #[command(flatten)]
    data: MtdArgs,
    /// Trainings to measure, separated by commas [default: all].
    #[arg(long, value_enum, value_name = "NAME,..", value_delimiter = ',')]
    trainings: Vec<Training>,
    #[command(flatten)]
    run: RunArgs,
}

/// A training; each makes one choice more as the paper does than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Training {
    /// The preset.
    Preset,
    /// Hidden layers as wide as the paper's.
    Width,
    /// One flow, 192 epochs of new transforms, the last weights.
    Epochs,
    /// The paper's step size and average: `--preset paper`.
    StepSize,
    /// All good images trained on, as the paper does.
    AllImages,
}

pub(crate) fn run(args: &AblationArgs) -> anyhow::Result<ExitCode> {
    if args.run.preset == Preset::Paper {
        let message =
            "--preset: the trainings lead to the paper's settings; begin with quick or standard";
        return Err(UsageError(message.to_owned()).into());
    }
    let part = args.data.find(&args.run, &args.run.out("ablation"))?;
    let mut cells = Vec::new();
    for training in args.trainings() {
        for seed in 1..=args.run.seeds {
            let config = args.run.config(seed, |config| training.settings(part.adapted(config)))?;
            let images = part.load(seed)?.train.len();
            let config = training.with_tests_between(config, images);
            let cell = plain_cell(&args.run, std::slice::from_ref(&part), config)?;
            let (variant, tests) = (Some(training.name()), training.tests(&cell.config));
            let transforms = vec![cell.config.score_transforms];
            let watch = training.is_watched().then_some(WatchSpec { transforms });
            cells.push(CellSpec { variant, tests, watch, ..cell });
        }
    }
    let plan = Plan { name: "ablation", args: &args.run, cells };
    reproduce(plan, |measured| describe(args, measured))
}

impl AblationArgs {
    fn trainings(&self) -> Vec<Training> {
        let mut trainings = self.trainings.clone();
        if trainings.is_empty() {
            trainings = Training::value_variants().to_vec();
        }
        trainings.sort_unstable();
        trainings.dedup();
        trainings
    }
}

impl Training {
    fn name(self) -> String {
        let value = self.to_possible_value().expect("no training is hidden");
        value.get_name().to_owned()
    }

    /// The measured cells of this training.
    fn cells(self, results: &[CellResult]) -> impl Iterator<Item = &CellResult> {
        let name = self.name();
        results.iter().filter(move |cell| cell.variant.as_ref() == Some(&name))
    }

    /// Test number `test` of each of them.
    fn runs(self, results: &[CellResult], test: usize) -> Vec<Measurement<'_>> {
        let cells = self.cells(results);
        cells.filter_map(|cell| Some(Measurement { cell, test: cell.tests.get(test)? })).collect()
    }

    /// `config` with the choices of this training and of those before it.
    fn settings(self, config: Config) -> Config {
        let paper = Config::preset(Method::DifferNet, Preset::Paper);
        let theirs = DifferNetConfig::preset(Preset::Paper);
        let mut config = config;
        if self >= Self::Width {
            config = config.map_differnet(|own| {
                let flow = own.flow.clone().with_hidden(theirs.flow.hidden);
                DifferNetConfig { flow, ..own }
            });
        }
        if self >= Self::Epochs {
            let Config { transforms, score_transforms, .. } = paper;
            let DifferNetConfig { flows, rounds, pool, batch_size, updates, patience, .. } = theirs;
            config = Config { transforms, score_transforms, ..config }.map_differnet(|own| {
                DifferNetConfig { flows, rounds, pool, batch_size, updates, patience, ..own }
            });
        }
        if self >= Self::StepSize {
            let final_learning_rate = theirs.final_learning_rate;
            config = Config { average: paper.average, ..config }.map_differnet(|own| {
                DifferNetConfig { adam: theirs.adam.clone(), final_learning_rate, ..own }
            });
        }
        if self >= Self::AllImages {
            config.validation = 0.0;
        }
        config
    }

    /// Tells whether the flow is tested while it is trained.
    ///
    /// Not where a training may stop early: it would stop elsewhere.
    fn is_watched(self) -> bool {
        self >= Self::Epochs
    }

    /// `config` with a validation step at every 16th epoch on `images` good images, if there are tests then.
    fn with_tests_between(self, config: Config, images: usize) -> Config {
        let every = |own: &DifferNetConfig| EPOCHS * updates(&config, own, images) / own.rounds;
        match config.differnet().map(every) {
            Some(every) if self.is_watched() => config
                .clone()
                .map_differnet(|own| DifferNetConfig { validate_every: every.max(1), ..own }),
            _ => config,
        }
    }

    /// The tests of the trained model.
    fn tests(self, config: &Config) -> Vec<TestSpec> {
        let test = config_test(config, config.score_transforms);
        match self {
            Self::Preset | Self::Width => vec![test],
            Self::Epochs => vec![test.clone(), TestSpec { average: Average::Mean, ..test }],
            Self::StepSize | Self::AllImages => {
                vec![test.clone(), TestSpec { random: true, ..test }]
            }
        }
    }
}

fn describe(args: &AblationArgs, measured: &Measured) -> anyhow::Result<Document> {
    let results = &measured.ran.results;
    let paper = (!args.run.sample).then(|| paper::table_2(PaperMethod::DifferNet)).flatten();
    let mut cells = Vec::new();
    for cell in results {
        cells.extend(cell.looks.iter().map(|look| of_look(cell, look, paper)));
    }
    cells.extend(measurements(results).iter().map(|m| TableCell::of(m, paper)));
    let transforms = results.iter().map(|cell| cell.config.score_transforms).max().unwrap_or(1);
    let watched = first_seed(results);
    let mut tables = vec![rows::by_row(results, &args.trainings())];
    if !watched.is_empty() {
        let name = |cell: &CellResult| cell.variant.clone().unwrap_or_default();
        tables.push(by_choice(results, transforms, "training", name));
        tables.push(by_update(&watched, transforms));
    }
    tables.push(costs(results));
    Ok(Document {
        name: "ablation",
        title: format!(
            "From {} to the paper's settings on {}",
            format!("{:?}", args.run.preset).to_lowercase(),
            data_name(args.run.sample, "Magnetic Tile Defects")
        ),
        command: command(args),
        sample: args.run.sample,
        notes: notes(args, paper),
        tables,
        figures: over_updates("ablation.svg", &watched, transforms)?,
        cells,
        missing: Vec::new(),
        settings: measured.settings.clone(),
        environment: measured.environment.clone(),
    })
}

/// The first seed's trainings that were tested meanwhile.
fn first_seed(results: &[CellResult]) -> Vec<Named<'_>> {
    let seed = results.iter().map(|cell| cell.seed).min();
    let of_seed = results.iter().filter(|cell| Some(cell.seed) == seed && !cell.looks.is_empty());
    of_seed.map(|cell| (cell.variant.clone().unwrap_or_default(), Some(cell))).collect()
}

fn costs(results: &[CellResult]) -> Table {
    let headers: Vec<&str> = ["training"].iter().chain(&COST).copied().collect();
    let mut table = Table::new("Time and memory of a run", &headers);
    for training in Training::value_variants() {
        // The first test: the others find its rows.
        let runs = training.runs(results, 0);
        if !runs.is_empty() {
            table.rows.push([training.name()].into_iter().chain(cost(&runs)).collect());
        }
    }
    table
}

fn notes(args: &AblationArgs, paper: Option<f64>) -> Vec<String> {
    let mut notes = vec![
        "Differences are of the same test images; their intervals tell how much they would vary with \
         others (DeLong)."
            .to_owned(),
        BEST_ON_TEST.to_owned(),
        "Training seconds include the tests while training.".to_owned(),
    ];
    if !args.trainings.is_empty() {
        let text = "Rows of trainings that were left out are missing: a row differs from the one that it is set \
                    against in all choices between.";
        notes.push(text.to_owned());
    }
    if !args.run.sample {
        notes.insert(0, args.data.split().to_owned());
    }
    if let Some(paper) = paper {
        notes.push(format!("The paper's number is {paper:.1} (Table 2)."));
    }
    notes
}

fn command(args: &AblationArgs) -> String {
    let mut words =
        format!("cargo xtask reproduce-ablation{} {}", args.data.typed(), args.run.typed());
    if !args.trainings.is_empty() {
        let names: Vec<String> = args.trainings().into_iter().map(Training::name).collect();
        words += &format!(" --trainings {}", names.join(","));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::test_inputs::{look, result};
    use super::*;

    #[test]
    fn the_choices_lead_from_a_preset_to_the_papers_settings() {
        for preset in [Preset::Quick, Preset::Standard] {
            let start = Config::preset(Method::DifferNet, preset);
            assert_eq!(Training::Preset.settings(start.clone()), start);
            let end =
                Config { preset: Preset::Paper, ..Training::StepSize.settings(start.clone()) };
            let validate_every = DifferNetConfig::preset(Preset::Paper).validate_every;
            let end = end.map_differnet(|own| DifferNetConfig { validate_every, ..own });
            assert_eq!(end, Config::preset(Method::DifferNet, Preset::Paper));
            assert_eq!(Training::AllImages.settings(start).validation, 0.0);
        }
    }

    #[test]
    fn the_flow_is_tested_at_every_16th_epoch_of_the_papers_schedule() {
        let standard = Config::preset(Method::DifferNet, Preset::Standard);
        let every = |training: Training| {
            let config = training.with_tests_between(training.settings(standard.clone()), 761);
            config.differnet().map(|own| own.validate_every)
        };
        // 76 of 761 held back; 685 · 4 rows in batches of 96 are 29 updates an epoch, 761 · 4 are 32.
        assert_eq!(every(Training::StepSize), Some(16 * 29));
        assert_eq!(every(Training::AllImages), Some(16 * 32));
        assert_eq!(every(Training::Width), standard.differnet().map(|own| own.validate_every));
    }

    #[test]
    fn trainings_that_were_tested_meanwhile_are_shown_with_their_curve() {
        let of = |training: Training| CellResult {
            variant: Some(training.name()),
            ..result("mtd", 1, 0.9)
        };
        let watched = CellResult { looks: vec![look(16, 1.0, 0.9)], ..of(Training::StepSize) };
        let results = [of(Training::Width), watched];
        let names: Vec<String> = first_seed(&results).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["step-size"]);
        assert_eq!(costs(&results).rows.len(), 2);
    }
}
