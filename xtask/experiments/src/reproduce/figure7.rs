//! `cargo xtask reproduce-figure7`: how the AUROC grows with the number of training images
//! (Section 4.5).

use std::process::ExitCode;

use differnet_report::{CurvePoint, CurvesPlot, XScale, curves_svg};

use super::args::{RunArgs, count};
use super::cell::CellSpec;
use super::data::DataPart;
use super::document::{
    COST, Document, Figure, Missing, QUALITY, Table, TableCell, cost, note_on_missing, quality,
};
use super::method::PaperMethod;
use super::mtd::BothArgs;
use super::mvtec::Found;
use super::paper::{self, SHOTS};
use super::summary::{Measurement, measurements, spread};
use super::table1::not_the_papers;
use super::{Measured, Plan, plain_cell, reproduce};

/// Sizes of the training sets; all images come on top.
const SIZES: [usize; 5] = [16, 32, 64, 128, 256];

/// Measure Figure 7: AUROC over the number of training images.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask reproduce-figure7 --mtd-root MTD_DIR --mtd-train-list FILE
  cargo xtask reproduce-figure7 --root MVTEC_DIR --categories bottle --sizes 16,64
  cargo xtask reproduce-figure7 --root MVTEC_DIR --method local-flow --sizes 1,2,4,8,16

Each seed (3 unless --seeds says otherwise) draws a subset of each size. Writes figure7.svg,
table.md, table.csv, table.json and table.html. An interrupted run goes on where it was.")]
pub(crate) struct Figure7Args {
    #[command(flatten)]
    data: BothArgs,
    /// Method whose curve is measured; the paper's is DifferNet.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = PaperMethod::DifferNet)]
    method: PaperMethod,
    /// Numbers of training images, separated by commas; all of them come on top.
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_values_t = SIZES,
        value_parser = |text: &str| count(text, 1))]
    sizes: Vec<usize>,
    #[command(flatten)]
    run: RunArgs,
}

/// The points of one curve: a data set and the sizes that it is large enough for.
struct Series {
    part: DataPart,
    /// Rising; the last one is all images.
    sizes: Vec<usize>,
}

pub(crate) fn run(args: &Figure7Args) -> anyhow::Result<ExitCode> {
    let Found { parts, missing } = args.data.find(&args.run, &args.run.out("figure7"))?;
    let mut series = Vec::with_capacity(parts.len());
    for part in parts {
        let all = part.load(1)?.train.len();
        let sizes = sizes(&args.sizes, all);
        series.push(Series { part, sizes });
    }
    let mut cells = Vec::new();
    for Series { part, sizes } in &series {
        for (index, &size) in sizes.iter().enumerate() {
            for seed in 1..=args.run.seeds {
                let config = args.run.config(seed, |config| part.adapted(config))?;
                let cell = plain_cell(&args.run, std::slice::from_ref(part), config)?;
                let shots = (index + 1 < sizes.len()).then_some(size);
                let (method, variant) = (args.method, Some(variant(size)));
                cells.push(CellSpec { method, shots, variant, ..cell });
            }
        }
    }
    let plan = Plan { name: "figure7", args: &args.run, cells };
    reproduce(plan, |measured| describe(args, &series, &missing, measured))
}

/// The sizes below `all`, rising, and `all`.
fn sizes(wanted: &[usize], all: usize) -> Vec<usize> {
    let mut sizes: Vec<usize> = wanted.iter().copied().filter(|&size| size < all).collect();
    sizes.push(all);
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

fn variant(size: usize) -> String {
    format!("{size} images")
}

fn describe(
    args: &Figure7Args,
    series: &[Series],
    missing: &[Missing],
    measured: &Measured,
) -> anyhow::Result<Document> {
    let all = measurements(&measured.ran.results);
    let of = |part: &DataPart, size: usize| -> Vec<Measurement<'_>> {
        let is_of = |m: &&Measurement<'_>| {
            m.test.category == part.category && m.cell.variant.as_ref() == Some(&variant(size))
        };
        all.iter().filter(is_of).copied().collect()
    };
    let with_names = |names: &[&'static str]| {
        ["data", "images"].iter().chain(names).copied().collect::<Vec<_>>()
    };
    let title = "In percent, mean ± standard deviation over subsets";
    let mut table = Table::new(title, &with_names(&QUALITY));
    let mut costs = Table::new("Time and memory of a run", &with_names(&COST));
    let (mut cells, mut curves) = (Vec::new(), Vec::new());
    for Series { part, sizes } in series {
        let mut points = Vec::new();
        for (index, &size) in sizes.iter().enumerate() {
            let runs = of(part, size);
            let paper = (args.method == PaperMethod::DifferNet)
                .then(|| paper_value(part, size, index + 1 == sizes.len(), args.run.sample))
                .flatten();
            let label = [part.category.clone(), size.to_string()];
            table.rows.push(label.iter().cloned().chain(quality(&runs, paper)).collect());
            costs.rows.push(label.into_iter().chain(cost(&runs)).collect());
            cells.extend(runs.iter().map(|m| TableCell::of(m, paper)));
            let aurocs: Vec<f64> = runs.iter().map(|run| run.test.metrics.auroc).collect();
            points.extend(spread(&aurocs).map(|auroc| CurvePoint {
                x: size as f64,
                y: auroc.mean,
                spread: auroc.deviation.unwrap_or(0.0),
            }));
        }
        if !points.is_empty() {
            curves.push((part.category.clone(), points));
        }
    }
    let mut figures = Vec::new();
    if !curves.is_empty() {
        let plot = CurvesPlot {
            description: "AUROC over the number of training images".to_owned(),
            x: "Training images".to_owned(),
            x_scale: XScale::Doubling,
            y: "AUROC".to_owned(),
            curves,
        };
        let title =
            "Figure 7: AUROC over the number of training images, mean and standard deviation";
        let (file, title) = ("figure7.svg", title.to_owned());
        figures.push(Figure { file, title, svg: curves_svg(&plot)? });
    }
    Ok(Document {
        name: "figure7",
        title: format!(
            "Figure 7: AUROC over the number of training images, {}",
            args.method.title()
        ),
        command: command(args),
        sample: args.run.sample,
        notes: not_the_papers(&[args.method]).into_iter().chain(notes(missing)).collect(),
        tables: vec![table, costs],
        figures,
        cells,
        missing: missing.to_vec(),
        settings: measured.settings.clone(),
        environment: measured.environment.clone(),
    })
}

/// The number that a table of the paper has for this many images; Figure 7 itself prints none.
fn paper_value(part: &DataPart, size: usize, is_all: bool, sample: bool) -> Option<f64> {
    match is_all {
        _ if sample => None,
        true => paper::differnet_on(part),
        false if size == SHOTS && !part.is_tiles() => {
            paper::table_1(&part.category, PaperMethod::DifferNetShots)
        }
        false => None,
    }
}

fn notes(missing: &[Missing]) -> Vec<String> {
    let mut notes = vec![
        "Each seed draws a subset of each size from the good images; a larger subset of the same seed \
         contains the smaller ones. A share of every subset is held back, as in every training."
            .to_owned(),
        "Figure 7 prints no numbers: the paper's are those of Tables 1 and 2.".to_owned(),
    ];
    notes.extend(note_on_missing(missing));
    notes
}

fn command(args: &Figure7Args) -> String {
    let mut words = format!("cargo xtask reproduce-figure7{}", args.data.typed());
    if args.method != PaperMethod::DifferNet {
        words += &format!(" --method {}", args.method.name());
    }
    if args.sizes != SIZES {
        let sizes: Vec<String> = args.sizes.iter().map(ToString::to_string).collect();
        words += &format!(" --sizes {}", sizes.join(","));
    }
    format!("{words} {}", args.run.typed())
}

#[cfg(test)]
mod tests {
    use super::super::data::PartLayout;
    use super::*;

    #[test]
    fn sizes_end_with_all_images() {
        assert_eq!(sizes(&SIZES, 209), [16, 32, 64, 128, 209]);
        assert_eq!(sizes(&SIZES, 64), [16, 32, 64]);
        assert_eq!(sizes(&[64, 16], 10), [10]);
    }

    #[test]
    fn the_papers_numbers_are_those_of_its_tables() {
        let layout = PartLayout::Mvtec { category: None };
        let bottle = DataPart { category: "bottle".into(), root: "data".into(), layout };
        assert_eq!(paper_value(&bottle, 16, false, false), Some(98.5));
        assert_eq!(paper_value(&bottle, 32, false, false), None);
        assert_eq!(paper_value(&bottle, 209, true, false), Some(99.0));
        assert_eq!(paper_value(&bottle, 209, true, true), None);
        let tiles = DataPart::mtd("data".as_ref(), None);
        assert_eq!(paper_value(&tiles, 16, false, false), None);
        assert_eq!(paper_value(&tiles, 761, true, false), Some(97.7));
    }
}
