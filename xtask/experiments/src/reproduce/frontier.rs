//! `cargo xtask reproduce-frontier`: what training costs in time and gives in AUROC, from which the
//! presets are chosen.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use differnet::methods::DifferNetConfig;
use differnet::{Config, DeviceChoice, Method, Preset, Runtime};

use differnet_report::{CurvePoint, CurvesPlot, XScale, curves_svg};
use differnet_scoring::quantile;

use super::args::RunArgs;
use super::cell::{CellResult, CellSpec};
use super::data::DataPart;
use super::document::{Document, Figure, Table, TableCell};
use super::mtd::MtdArgs;
use super::summary::{Measurement, measurements, percent, spread};
use super::{Measured, Plan, config_test, data_name, plain_cell, reproduce};
use crate::bench::extract;
use xtask_support::UsageError;

/// Trainings whose cost and worth are compared.
const POINTS: [&str; 12] = [
    "8x750x256",
    "16x1500x256",
    "32x750x256",
    "32x1500x64",
    "32x1500x256",
    "32x1500x1024",
    "32x3000x256",
    "64x1500x256",
    "64x3000x256",
    "64x3000x256x3",
    "128x4000x256",
    "128x4000x256x3",
];
/// Transforms of each test image.
const TEST_TRANSFORMS: [usize; 3] = [4, 16, 64];
/// Images and transforms that are extracted to time a row, and how often.
const TIMED: (usize, usize, usize) = (4, 16, 3);

/// Measure AUROC over training time, and which trainings no other beats.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask reproduce-frontier --root MTD_DIR --mtd-train-list FILE --seeds 1

Each training is given as TRANSFORMSxUPDATESxHIDDEN[xFLOWS]: distinct transforms of an image, updates,
hidden width, averaged flows. Its seconds are those of a machine that has no features cached yet: rows
times the seconds of a row, which the command measures, and the training itself. Writes frontier.svg,
table.md, table.csv, table.json and table.html.")]
pub(crate) struct FrontierArgs {
    #[command(flatten)]
    data: MtdArgs,
    /// Trainings, separated by commas.
    #[arg(long, value_name = "TxUxH,..", value_delimiter = ',', default_values = POINTS)]
    trainings: Vec<Point>,
    #[command(flatten)]
    run: RunArgs,
}

/// Settings that decide what a training costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    /// Distinct transforms of a training image.
    transforms: usize,
    updates: usize,
    hidden: usize,
    flows: usize,
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text}: write TRANSFORMSxUPDATESxHIDDEN[xFLOWS], such as 32x1500x256");
        let numbers: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
        match numbers.map_err(|_| wrong())?[..] {
            [transforms, updates, hidden] => Ok(Self { transforms, updates, hidden, flows: 1 }),
            [transforms, updates, hidden, flows] => Ok(Self { transforms, updates, hidden, flows }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transforms, updates, hidden, flows } = self;
        write!(f, "{transforms}x{updates}x{hidden}")?;
        if *flows == 1 { Ok(()) } else { write!(f, "x{flows}") }
    }
}

impl Point {
    /// `config` with these settings, all transforms in one round.
    fn settings(self, config: Config) -> Config {
        let Self { transforms, updates, hidden, flows } = self;
        Config { transforms, ..config }.map_differnet(|own| {
            let flow = own.flow.clone().with_hidden(hidden);
            DifferNetConfig { pool: transforms, rounds: 1, updates, flows, flow, ..own }
        })
    }
}

pub(crate) fn run(args: &FrontierArgs) -> anyhow::Result<ExitCode> {
    let part = args.data.find(&args.run, &args.run.out("frontier"))?;
    let mut cells = Vec::new();
    for &point in &args.trainings {
        for seed in 1..=args.run.seeds {
            let config = args.run.config(seed, |config| point.settings(part.adapted(config)))?;
            if point.settings(config.clone()) != config {
                let message = "--set: transforms, pool, rounds, updates, hidden and flows follow from \
                               --trainings";
                return Err(UsageError(message.to_owned()).into());
            }
            let cell = plain_cell(&args.run, std::slice::from_ref(&part), config)?;
            let tests = TEST_TRANSFORMS.map(|count| config_test(&cell.config, count)).to_vec();
            cells.push(CellSpec { variant: Some(point.to_string()), tests, ..cell });
        }
    }
    let plan = Plan { name: "frontier", args: &args.run, cells };
    reproduce(plan, |measured| describe(args, seconds_of_a_row(&part, args.run.device)?, measured))
}

/// The seconds that one transform of one image takes from file to features, a median.
fn seconds_of_a_row(part: &DataPart, device: DeviceChoice) -> anyhow::Result<f64> {
    eprintln!("Timing the extraction of features ...");
    let (images, transforms, rounds) = TIMED;
    let files: Vec<PathBuf> =
        part.load(1)?.train.into_iter().take(images).map(|sample| sample.image).collect();
    let config = part.adapted(Config::preset(Method::DifferNet, Preset::Quick));
    let transforms = config.transform_config().fixed(transforms);
    let runtime = Runtime::open(device)?;
    let _ = runtime.extractor(config.require_backbone()?)?;
    let mut seconds = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        extract(&runtime, &files, &transforms)?;
        seconds.push(start.elapsed().as_secs_f64() / (files.len() * transforms.len()) as f64);
    }
    Ok(quantile(&seconds, 0.5)?)
}

/// Cost and accuracy of a training, means over seeds.
#[derive(Debug, Clone, PartialEq)]
struct Worth {
    point: Point,
    /// Rows of features that it needs.
    rows: f64,
    /// Of the training, features at hand.
    updating: f64,
    /// From images to model.
    seconds: f64,
    /// For each of [`TEST_TRANSFORMS`].
    aurocs: Vec<f64>,
}

impl Worth {
    /// The AUROC with the most test transforms.
    fn auroc(&self) -> f64 {
        self.aurocs.last().copied().unwrap_or(f64::NAN)
    }
}

/// The means over the seeds of a training; `None` without results.
fn worth(point: Point, cells: &[&CellResult], row_seconds: f64) -> Option<Worth> {
    let mean = |value: &dyn Fn(&CellResult) -> f64| {
        spread(&cells.iter().map(|cell| value(cell)).collect::<Vec<_>>()).map(|s| s.mean)
    };
    let updating =
        mean(&|cell| (cell.train_seconds - cell.rows_extracted as f64 * row_seconds).max(0.0))?;
    let rows = mean(&|cell| rows_needed(&cell.config, cell.training_images))?;
    let aurocs = (0..TEST_TRANSFORMS.len())
        .map(|test| mean(&|cell| cell.tests.get(test).map_or(f64::NAN, |t| t.metrics.auroc)));
    let aurocs = aurocs.collect::<Option<Vec<f64>>>()?;
    Some(Worth { point, rows, updating, seconds: rows * row_seconds + updating, aurocs })
}

/// Rows of a training: the pool's transforms of what is trained on, test transforms of what is held back.
fn rows_needed(config: &Config, images: usize) -> f64 {
    let validation = (images as f64 * config.validation).round();
    (images as f64 - validation) * config.transforms as f64
        + validation * config.score_transforms as f64
}

/// Flags of the points on the frontier: no other is both as fast and better, nor faster and as good.
fn on_frontier(all: &[Worth]) -> Vec<bool> {
    let beats = |a: &Worth, b: &Worth| {
        a.seconds <= b.seconds
            && a.auroc() >= b.auroc()
            && (a.seconds < b.seconds || a.auroc() > b.auroc())
    };
    all.iter().map(|one| !all.iter().any(|other| beats(other, one))).collect()
}

fn describe(
    args: &FrontierArgs,
    row_seconds: f64,
    measured: &Measured,
) -> anyhow::Result<Document> {
    let results = &measured.ran.results;
    let mut all: Vec<Worth> = args
        .trainings
        .iter()
        .filter_map(|&point| {
            let of_point = |cell: &&CellResult| point.settings(cell.config.clone()) == cell.config;
            worth(point, &results.iter().filter(of_point).collect::<Vec<_>>(), row_seconds)
        })
        .collect();
    all.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let best = on_frontier(&all);
    let of = |run: &Measurement<'_>| TableCell::of(run, None);
    Ok(Document {
        name: "frontier",
        title: format!(
            "AUROC over training time on {}",
            data_name(args.run.sample, "Magnetic Tile Defects")
        ),
        command: command(args),
        sample: args.run.sample,
        notes: notes(args, row_seconds),
        tables: vec![table(&all, &best)],
        figures: figures(&all, &best)?,
        cells: measurements(results).iter().map(of).collect(),
        missing: Vec::new(),
        settings: measured.settings.clone(),
        environment: measured.environment.clone(),
    })
}

fn notes(args: &FrontierArgs, row_seconds: f64) -> Vec<String> {
    let mut notes = vec![
        format!(
            "Seconds are for a machine without cached features: rows at {:.1} ms, as just measured, \
             and the updates with their validation steps.",
            1e3 * row_seconds
        ),
        "A training is on the frontier if no other is at least as fast and better, or faster and as \
         good, with the most test transforms."
            .to_owned(),
    ];
    if !args.run.sample {
        notes.insert(0, args.data.split().to_owned());
    }
    notes
}

fn table(all: &[Worth], best: &[bool]) -> Table {
    let tests = TEST_TRANSFORMS.map(|count| format!("AUROC, {count} test transforms"));
    let mut headers =
        vec!["transforms", "updates", "hidden", "flows", "rows", "updates s", "seconds in all"];
    headers.extend(tests.iter().map(String::as_str));
    headers.push("on the frontier");
    let mut table = Table::new("Means over seeds, AUROC in percent, fastest first", &headers);
    for (one, best) in all.iter().zip(best) {
        let Point { transforms, updates, hidden, flows } = one.point;
        let mut row: Vec<String> =
            [transforms, updates, hidden, flows].iter().map(ToString::to_string).collect();
        row.extend([one.rows, one.updating, one.seconds].map(|value| format!("{value:.0}")));
        row.extend(one.aurocs.iter().map(|&auroc| percent(auroc)));
        row.push(if *best { "yes" } else { "no" }.to_owned());
        table.rows.push(row);
    }
    table
}

fn figures(all: &[Worth], best: &[bool]) -> anyhow::Result<Vec<Figure>> {
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let place = |one: &Worth| CurvePoint { x: one.seconds, y: one.auroc(), spread: 0.0 };
    let frontier = all.iter().zip(best).filter(|(_, best)| **best).map(|(one, _)| place(one));
    let mut curves = vec![("frontier".to_owned(), frontier.collect::<Vec<_>>())];
    let mut transforms: Vec<usize> = all.iter().map(|one| one.point.transforms).collect();
    transforms.sort_unstable();
    transforms.dedup();
    for count in transforms {
        let of_count = all.iter().filter(|one| one.point.transforms == count).map(place);
        curves.push((format!("{count} transforms"), of_count.collect()));
    }
    let most = TEST_TRANSFORMS[TEST_TRANSFORMS.len() - 1];
    let plot = CurvesPlot {
        description: "AUROC over training time, by number of training transforms".to_owned(),
        x: "Seconds from images to model".to_owned(),
        x_scale: XScale::Doubling,
        y: "AUROC".to_owned(),
        curves,
    };
    let title = format!("AUROC over training time, {most} test transforms");
    Ok(vec![Figure { file: "frontier.svg", title, svg: curves_svg(&plot)? }])
}

fn command(args: &FrontierArgs) -> String {
    let default = args.trainings.iter().map(ToString::to_string).eq(POINTS.map(str::to_owned));
    let list = args.trainings.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let trainings = if default { String::new() } else { format!(" --trainings {list}") };
    format!("cargo xtask reproduce-frontier{}{trainings} {}", args.data.typed(), args.run.typed())
}

#[cfg(test)]
mod tests {
    use super::super::test_inputs::result;
    use super::*;

    fn at(seconds: f64, auroc: f64) -> Worth {
        let point = "32x1500x256".parse().expect("a point");
        Worth { point, rows: 1.0, updating: 1.0, seconds, aurocs: vec![0.5, auroc] }
    }

    #[test]
    fn points_are_written_as_they_are_read() {
        for text in POINTS {
            assert_eq!(text.parse::<Point>().map(|point| point.to_string()), Ok(text.to_owned()));
        }
        for text in ["32", "32x1", "axbxc", "1x2x3x4x5", "32x1500x-1"] {
            assert!(text.parse::<Point>().is_err_and(|message| message.contains(text)), "{text}");
        }
    }

    #[test]
    fn what_another_beats_is_not_on_the_frontier() {
        let all = [at(1.0, 0.8), at(2.0, 0.7), at(2.0, 0.9), at(3.0, 0.9), at(4.0, 0.95)];
        assert_eq!(on_frontier(&all), [true, false, true, false, true]);
        // Twins do not beat each other.
        assert_eq!(on_frontier(&[at(1.0, 0.8), at(1.0, 0.8)]), [true, true]);
    }

    #[test]
    fn cached_rows_are_paid_for_by_hand() -> anyhow::Result<()> {
        // 20 images, 2 held back: 18 × 8 + 2 × 32 = 208 rows at 0.5 s, 100 s − 40 × 0.5 s of updates.
        let point: Point = "8x1500x256".parse().map_err(anyhow::Error::msg)?;
        let mut cell = result("mtd", 1, 0.9);
        cell.config = Config { score_transforms: 32, ..point.settings(cell.config) };
        cell.rows_extracted = 40;
        cell.tests = vec![cell.tests[0].clone(); TEST_TRANSFORMS.len()];
        let worth = worth(point, &[&cell], 0.5).expect("a result");
        assert_eq!((worth.rows, worth.updating, worth.seconds), (208.0, 80.0, 184.0));
        assert_eq!(worth.auroc(), 0.9);
        let svg = &figures(&[worth], &[true])?[0].svg;
        assert!(svg.contains("8 transforms") && svg.contains("frontier"));
        Ok(())
    }
}
