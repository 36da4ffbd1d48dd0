//! `cargo xtask reproduce-curve`: AUROC over distinct training transforms, test transforms and
//! updates, on the way to Table 2's number.

use std::process::ExitCode;

use differnet::Config;
use differnet::methods::DifferNetConfig;

use super::args::{RunArgs, count};
use super::cell::{CellResult, CellSpec, WatchSpec};
use super::document::{Document, Table, TableCell};
use super::looks::{
    BEST_ON_TEST, Named, average_name, by_choice, by_update, choices, of_look, over_updates,
};
use super::method::PaperMethod;
use super::mtd::MtdArgs;
use super::paper;
use super::summary::{Measurement, percent};
use super::watch::AVERAGES;
use super::{Measured, Plan, config_test, data_name, plain_cell, reproduce};
use xtask_support::UsageError;

/// Distinct transforms of each training image.
const TRANSFORMS: [usize; 6] = [8, 16, 32, 64, 128, 256];
/// Transforms of each test image.
const TEST_TRANSFORMS: [usize; 6] = [1, 4, 8, 16, 32, 64];

/// Measure AUROC on Magnetic Tile Defects over transforms and updates.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask reproduce-curve --root MTD_DIR --mtd-train-list FILE --seeds 1

For each number of distinct training transforms one training, tested at regular updates with every
number of test transforms. Shows the last weights, those that validation images choose, and the
best on the test images: what choosing on test images would have given. Nothing is chosen so.
Writes curve.svg, table.md, table.csv, table.json and table.html.")]
pub(crate) struct CurveArgs {
    #[command(flatten)]
    data: MtdArgs,
    /// Numbers of distinct training transforms, separated by commas.
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_values_t = TRANSFORMS,
        value_parser = |text: &str| count(text, 1))]
    transforms: Vec<usize>,
    /// Numbers of test transforms, separated by commas.
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_values_t = TEST_TRANSFORMS,
        value_parser = |text: &str| count(text, 1))]
    test_transforms: Vec<usize>,
    /// Updates of each training.
    #[arg(long, value_name = "N", default_value_t = 4000,
        value_parser = |text: &str| count(text, 1))]
    updates: usize,
    /// Updates between two tests.
    #[arg(long, value_name = "N", default_value_t = 250,
        value_parser = |text: &str| count(text, 1))]
    every: usize,
    #[command(flatten)]
    run: RunArgs,
}

pub(crate) fn run(args: &CurveArgs) -> anyhow::Result<ExitCode> {
    let part = args.data.find(&args.run, &args.run.out("curve"))?;
    let (training, test) = (rising(&args.transforms), rising(&args.test_transforms));
    let most = test.last().copied().unwrap_or(1);
    let mut cells = Vec::new();
    for &transforms in &training {
        for seed in 1..=args.run.seeds {
            let config =
                args.run.config(seed, |config| settings(args, transforms, part.adapted(config)))?;
            if settings(args, transforms, config.clone()) != config {
                let message = "--set: transforms, pool, rounds, updates, validate_every and patience \
                               follow from --transforms, --updates and --every";
                return Err(UsageError(message.to_owned()).into());
            }
            let cell = plain_cell(&args.run, std::slice::from_ref(&part), config)?;
            let tests = vec![config_test(&cell.config, most)];
            let watch = Some(WatchSpec { transforms: test.clone() });
            let variant = Some(format!("{transforms} transforms"));
            cells.push(CellSpec { variant, tests, watch, ..cell });
        }
    }
    let plan = Plan { name: "curve", args: &args.run, cells };
    reproduce(plan, |measured| describe(args, &training, &test, measured))
}

/// One round of `transforms` transforms, tested every so often, never stopped early.
fn settings(args: &CurveArgs, transforms: usize, config: Config) -> Config {
    Config { transforms, ..config }.map_differnet(|own| DifferNetConfig {
        pool: transforms,
        rounds: 1,
        updates: args.updates,
        validate_every: args.every,
        patience: 0,
        ..own
    })
}

fn rising(counts: &[usize]) -> Vec<usize> {
    let mut counts = counts.to_vec();
    counts.sort_unstable();
    counts.dedup();
    counts
}

fn describe(
    args: &CurveArgs,
    training: &[usize],
    test: &[usize],
    measured: &Measured,
) -> anyhow::Result<Document> {
    let results = &measured.ran.results;
    let most = test.last().copied().unwrap_or(1);
    let paper = (!args.run.sample).then(|| paper::table_2(PaperMethod::DifferNet)).flatten();
    let mut cells = Vec::new();
    for cell in results {
        cells.extend(cell.looks.iter().map(|look| of_look(cell, look, paper)));
        let of_test = |test| TableCell::of(&Measurement { cell, test }, paper);
        cells.extend(cell.tests.iter().map(of_test));
    }
    Ok(Document {
        name: "curve",
        title: format!(
            "AUROC over transforms and updates on {}",
            data_name(args.run.sample, "Magnetic Tile Defects")
        ),
        command: command(args),
        sample: args.run.sample,
        notes: notes(args, paper),
        tables: vec![
            by_choice(results, most, "training transforms", |cell| {
                cell.config.transforms.to_string()
            }),
            by_test_transforms(results, test),
            by_update(&first_seed(results, training), most),
        ],
        figures: over_updates("curve.svg", &every_seed(results), most)?,
        cells,
        missing: Vec::new(),
        settings: measured.settings.clone(),
        environment: measured.environment.clone(),
    })
}

/// The first seed's training with each number of distinct transforms.
fn first_seed<'a>(results: &'a [CellResult], training: &[usize]) -> Vec<Named<'a>> {
    let named = |&transforms: &usize| {
        let cell = results.iter().find(|cell| cell.config.transforms == transforms);
        (format!("{transforms} transforms"), cell)
    };
    training.iter().map(named).collect()
}

/// Every training.
fn every_seed(results: &[CellResult]) -> Vec<Named<'_>> {
    let named =
        |cell: &CellResult| format!("{} transforms, seed {}", cell.config.transforms, cell.seed);
    results.iter().map(|cell| (named(cell), Some(cell))).collect()
}

/// The last weights of every training with every number of test transforms.
fn by_test_transforms(results: &[CellResult], test: &[usize]) -> Table {
    let counts: Vec<String> = test.iter().map(ToString::to_string).collect();
    let mut headers = vec!["training transforms", "seed", "average"];
    headers.extend(counts.iter().map(String::as_str));
    let title = "AUROC in percent of the last weights, by number of test transforms";
    let mut table = Table::new(title, &headers);
    for cell in results {
        for average in AVERAGES {
            let mut row = vec![
                cell.config.transforms.to_string(),
                cell.seed.to_string(),
                average_name(average),
            ];
            row.extend(test.iter().map(|&transforms| {
                let found = choices(&cell.looks, transforms, average);
                found.map_or("missing".to_owned(), |found| percent(found.last.auroc))
            }));
            table.rows.push(row);
        }
    }
    table
}

fn notes(args: &CurveArgs, paper: Option<f64>) -> Vec<String> {
    let mut notes = vec![
        BEST_ON_TEST.to_owned(),
        "Training seconds include the tests at every validation step.".to_owned(),
    ];
    if !args.run.sample {
        notes.insert(0, args.data.split().to_owned());
    }
    if let Some(paper) = paper {
        notes.push(format!("The paper's number is {paper:.1}, with 64 test transforms (Table 2)."));
    }
    notes
}

fn command(args: &CurveArgs) -> String {
    let list =
        |counts: &[usize]| counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    format!(
        "cargo xtask reproduce-curve{} --transforms {} --test-transforms {} --updates {} --every {} {}",
        args.data.typed(),
        list(&args.transforms),
        list(&args.test_transforms),
        args.updates,
        args.every,
        args.run.typed()
    )
}

#[cfg(test)]
mod tests {
    use super::super::test_inputs::{look, result};
    use super::*;

    #[test]
    fn trainings_are_named_by_their_transforms() {
        let mut cell = result("mtd", 1, 0.9);
        cell.config.transforms = 8;
        cell.looks = vec![look(250, 3.0, 0.8), look(500, 1.0, 0.7)];
        let results = [cell];
        let found = first_seed(&results, &[8, 16]);
        assert_eq!(
            found,
            [("8 transforms".into(), Some(&results[0])), ("16 transforms".into(), None)]
        );
        assert_eq!(every_seed(&results)[0].0, "8 transforms, seed 1");
        // The last weights, averaged by the mean.
        assert_eq!(
            by_test_transforms(&results, &[32, 64]).rows[0],
            ["8", "1", "mean", "missing", "70.0"]
        );
    }
}
