//! `cargo xtask reproduce-curve`: AUROC over distinct training transforms, test transforms and
//! updates, on the way to Table 2's number.

use std::process::ExitCode;

use differnet::Config;
use differnet::methods::DifferNetConfig;
use differnet::scoring::Average;
use differnet_report::{CurvePoint, CurvesPlot, XScale, curves_svg};

use super::args::{RunArgs, count};
use super::cell::{CellResult, CellSpec, StepTest, WatchSpec};
use super::document::{Document, Figure, Table, TableCell};
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

/// Results of different choices of the weights.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Choices {
    /// The last look.
    last: StepTest,
    /// The look at which validation images were likeliest, if there were any.
    by_validation: Option<StepTest>,
    /// The look with the largest AUROC on the test images; the first of equal ones.
    best_on_test: StepTest,
}

/// The choices among the looks with this many test transforms and this average.
fn choices(looks: &[StepTest], transforms: usize, average: Average) -> Option<Choices> {
    let looks: Vec<StepTest> = looks
        .iter()
        .filter(|look| look.transforms == transforms && look.average == average)
        .copied()
        .collect();
    let validated = looks.iter().filter_map(|look| Some((look.validation?, *look)));
    let by_validation = validated.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, look)| look);
    // `max_by` would take the last of equal ones.
    let best_on_test = looks.iter().rev().copied().max_by(|a, b| a.auroc.total_cmp(&b.auroc))?;
    Some(Choices { last: *looks.last()?, by_validation, best_on_test })
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
            by_choice(results, most),
            by_test_transforms(results, test),
            by_update(results, training, most),
        ],
        figures: figures(results, most)?,
        cells,
        missing: Vec::new(),
        settings: measured.settings.clone(),
        environment: measured.environment.clone(),
    })
}

/// Every training with the largest number of test transforms.
fn by_choice(results: &[CellResult], most: usize) -> Table {
    let headers = [
        "training transforms",
        "seed",
        "average",
        "last",
        "at update",
        "chosen by validation images",
        "at update",
        "best on test",
        "at update",
    ];
    let title = format!("AUROC in percent, {most} test transforms; updates behind the weights");
    let mut table = Table::new(title, &headers);
    for cell in results {
        for average in AVERAGES {
            let Some(found) = choices(&cell.looks, most, average) else { continue };
            let mut row =
                vec![cell.config.transforms.to_string(), cell.seed.to_string(), name(average)];
            for look in [Some(found.last), found.by_validation, Some(found.best_on_test)] {
                let auroc = look.map_or("–".to_owned(), |look| percent(look.auroc));
                row.extend([auroc, look.map_or("–".to_owned(), |look| look.update.to_string())]);
            }
            table.rows.push(row);
        }
    }
    table
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
            let mut row =
                vec![cell.config.transforms.to_string(), cell.seed.to_string(), name(average)];
            row.extend(test.iter().map(|&transforms| {
                let found = choices(&cell.looks, transforms, average);
                found.map_or("missing".to_owned(), |found| percent(found.last.auroc))
            }));
            table.rows.push(row);
        }
    }
    table
}

/// The AUROC at every validation step, a column for each number of training transforms; first seed, the
/// settings' own average.
fn by_update(results: &[CellResult], training: &[usize], most: usize) -> Table {
    let counts: Vec<String> =
        training.iter().map(|transforms| format!("{transforms} transforms")).collect();
    let mut headers = vec!["updates"];
    headers.extend(counts.iter().map(String::as_str));
    let title = format!("AUROC in percent over updates, {most} test transforms, first seed");
    let mut table = Table::new(title, &headers);
    let columns: Vec<Vec<StepTest>> = training
        .iter()
        .map(|&transforms| {
            let cell = results.iter().find(|cell| cell.config.transforms == transforms);
            cell.map_or(Vec::new(), |cell| own_looks(cell, most))
        })
        .collect();
    let mut updates: Vec<u64> = columns.iter().flatten().map(|look| look.update).collect();
    updates.sort_unstable();
    updates.dedup();
    for update in updates {
        let mut row = vec![update.to_string()];
        row.extend(columns.iter().map(|looks| {
            let look = looks.iter().find(|look| look.update == update);
            look.map_or("missing".to_owned(), |look| percent(look.auroc))
        }));
        table.rows.push(row);
    }
    table
}

/// The looks with this many test transforms and the average of the settings.
fn own_looks(cell: &CellResult, transforms: usize) -> Vec<StepTest> {
    let own =
        |look: &&StepTest| look.transforms == transforms && look.average == cell.config.average;
    cell.looks.iter().filter(own).copied().collect()
}

fn figures(results: &[CellResult], most: usize) -> anyhow::Result<Vec<Figure>> {
    let curves: Vec<(String, Vec<CurvePoint>)> = results
        .iter()
        .map(|cell| {
            let point =
                |look: StepTest| CurvePoint { x: look.update as f64, y: look.auroc, spread: 0.0 };
            let points = own_looks(cell, most).into_iter().map(point).collect();
            (format!("{} transforms, seed {}", cell.config.transforms, cell.seed), points)
        })
        .filter(|(_, points): &(_, Vec<_>)| !points.is_empty())
        .collect();
    if curves.is_empty() {
        return Ok(Vec::new());
    }
    let plot = CurvesPlot {
        description: "AUROC over updates for several numbers of training transforms".to_owned(),
        x: "Updates".to_owned(),
        x_scale: XScale::Linear,
        y: "AUROC".to_owned(),
        curves,
    };
    let title = format!("AUROC over updates, {most} test transforms");
    Ok(vec![Figure { file: "curve.svg", title, svg: curves_svg(&plot)? }])
}

fn of_look(cell: &CellResult, look: &StepTest, paper: Option<f64>) -> TableCell {
    TableCell {
        category: cell.category.clone(),
        method: cell.method_name(),
        variant: cell.variant.clone(),
        seed: cell.seed,
        auroc: look.auroc,
        ci95: None,
        average_precision: None,
        recall_at_zero_fp: look.recall_at_zero_fp,
        per_kind: Vec::new(),
        update: Some(look.update),
        test_transforms: look.transforms,
        average: look.average,
        training_images: cell.training_images,
        images: None,
        good: None,
        defects: None,
        train_seconds: cell.train_seconds,
        evaluate_seconds: None,
        rows_extracted: cell.rows_extracted,
        resumed: cell.resumed,
        peak_mb: cell.peak_mb,
        paper: paper.map(paper::share),
        commit: cell.environment.short_commit(),
    }
}

fn name(average: Average) -> String {
    match average {
        Average::Mean => "mean",
        Average::GeometricMean => "geometric mean",
        Average::InterquartileMean => "interquartile mean",
    }
    .to_owned()
}

fn notes(args: &CurveArgs, paper: Option<f64>) -> Vec<String> {
    let mut notes = vec![
        "Best on test is what choosing the weights on the test images would have given; it is shown, \
         not used. A detector keeps the weights that validation images choose, or the last."
            .to_owned(),
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
    use super::super::test_inputs::result;
    use super::*;

    fn look(update: u64, validation: f64, auroc: f64) -> StepTest {
        StepTest {
            update,
            validation: Some(validation),
            transforms: 64,
            average: Average::Mean,
            auroc,
            recall_at_zero_fp: 0.5,
        }
    }

    #[test]
    fn each_choice_takes_its_own_look() {
        let looks = [look(1, 3.0, 0.8), look(2, 1.0, 0.7), look(3, 2.0, 0.9), look(4, 2.5, 0.9)];
        let found = choices(&looks, 64, Average::Mean).expect("there are looks");
        assert_eq!(found.last.update, 4);
        assert_eq!(found.by_validation.map(|look| look.update), Some(2));
        assert_eq!(found.best_on_test.update, 3);
        assert!(choices(&looks, 32, Average::Mean).is_none());
        assert!(choices(&looks, 64, Average::GeometricMean).is_none());
    }

    #[test]
    fn tables_and_figure_follow_the_looks() -> anyhow::Result<()> {
        let mut cell = result("mtd", 1, 0.9);
        cell.config.average = Average::Mean;
        cell.config.transforms = 8;
        cell.looks = vec![look(250, 3.0, 0.8), look(500, 1.0, 0.7)];
        let results = [cell];
        let row = &by_choice(&results, 64).rows[0];
        assert_eq!(row[..], ["8", "1", "mean", "70.0", "500", "70.0", "500", "80.0", "250"]);
        let table = by_update(&results, &[8, 16], 64);
        assert_eq!(table.rows, [["250", "80.0", "missing"], ["500", "70.0", "missing"]]);
        assert_eq!(by_test_transforms(&results, &[32, 64]).rows[0][3..], ["missing", "70.0"]);
        assert!(figures(&results, 64)?[0].svg.contains("8 transforms, seed 1"));
        Ok(())
    }
}
