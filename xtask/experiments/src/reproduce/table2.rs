//! `cargo xtask reproduce-table2`: every method on Magnetic Tile Defects, with Figures 5 and 6.

use std::process::ExitCode;

use differnet_eval::{RocCurve, ScoredImage, roc_curve};
use differnet_report::{histogram_svg, roc_svg};

use super::args::RunArgs;
use super::cell::CellSpec;
use super::document::{COST, Document, Figure, QUALITY, Table, TableCell, cost, quality};
use super::method::PaperMethod;
use super::mtd::MtdArgs;
use super::paper::{self, TABLE_2, TABLE_2_RECALL_AT_ZERO_FP};
use super::summary::{Measurement, measurements, percent, spread};
use super::table1::{choose, not_the_papers};
use super::{Measured, Plan, data_name, plain_cell, reproduce};

/// Measure Table 2 and Figures 5 and 6: every method on Magnetic Tile Defects.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask reproduce-table2 --root MTD_DIR --mtd-train-list FILE
  cargo xtask reproduce-table2 --root MTD_DIR --methods differnet --preset standard --seeds 1

Writes table.md, table.csv, table.json, table.html, roc.svg (Figure 5) and histogram.svg (Figure 6).
An interrupted run goes on where it was.")]
pub(crate) struct Table2Args {
    #[command(flatten)]
    data: MtdArgs,
    /// Methods, separated by commas, also such as are not the paper's [default: all of the paper's].
    #[arg(long, value_enum, value_name = "NAME,..", value_delimiter = ',')]
    methods: Vec<PaperMethod>,
    #[command(flatten)]
    run: RunArgs,
}

pub(crate) fn run(args: &Table2Args) -> anyhow::Result<ExitCode> {
    let methods = choose(&args.methods, &TABLE_2.map(|(method, _)| method))?;
    let part = args.data.find(&args.run, &args.run.out("table2"))?;
    let mut cells = Vec::new();
    for &method in &methods {
        for seed in 1..=args.run.seeds {
            let config = args.run.config(seed, |config| part.adapted(config))?;
            let cell = plain_cell(&args.run, std::slice::from_ref(&part), config)?;
            cells.push(CellSpec { method, ..cell });
        }
    }
    let plan = Plan { name: "table2", args: &args.run, cells };
    reproduce(plan, |measured| describe(args, &methods, measured))
}

fn describe(
    args: &Table2Args,
    methods: &[PaperMethod],
    measured: &Measured,
) -> anyhow::Result<Document> {
    let all = measurements(&measured.ran.results);
    let paper = |method: PaperMethod| {
        if args.run.sample { None } else { paper::table_2(method) }
    };
    let of = |method: PaperMethod| -> Vec<Measurement<'_>> {
        all.iter().filter(|m| m.cell.method == method).copied().collect()
    };
    let with_name =
        |names: &[&'static str]| ["method"].iter().chain(names).copied().collect::<Vec<_>>();
    let title = "In percent, mean ± standard deviation over seeds";
    let mut table = Table::new(title, &with_name(&QUALITY));
    let mut costs = Table::new("Time and memory of a run", &with_name(&COST));
    for &method in methods {
        let (runs, name) = (of(method), method.title().to_owned());
        table.rows.push([name.clone()].into_iter().chain(quality(&runs, paper(method))).collect());
        costs.rows.push([name].into_iter().chain(cost(&runs)).collect());
    }
    let mut notes = vec![args.data.split().to_owned()];
    if args.run.sample {
        notes.clear();
    }
    notes.extend(not_the_papers(methods));
    notes.extend(order(methods, &of));
    if !args.run.sample && methods.contains(&PaperMethod::DifferNet) {
        notes.push(format!(
            "The paper gives the recall at zero false positives of DifferNet alone: about {:.0} %.",
            TABLE_2_RECALL_AT_ZERO_FP
        ));
    }
    Ok(Document {
        name: "table2",
        title: format!("Table 2: AUROC on {}", data_name(args.run.sample, "Magnetic Tile Defects")),
        command: command(args),
        sample: args.run.sample,
        notes,
        tables: vec![table, costs],
        figures: figures(methods, &of)?,
        cells: all.iter().map(|m| TableCell::of(m, paper(m.cell.method))).collect(),
        missing: Vec::new(),
        settings: measured.settings.clone(),
        environment: measured.environment.clone(),
    })
}

/// Sentence that says whether DifferNet is first, as in the paper, and by how much.
fn order<'a>(
    methods: &[PaperMethod],
    of: &dyn Fn(PaperMethod) -> Vec<Measurement<'a>>,
) -> Option<String> {
    let mean = |method: PaperMethod| {
        let aurocs: Vec<f64> = of(method).iter().map(|run| run.test.metrics.auroc).collect();
        spread(&aurocs).map(|auroc| (auroc.mean, method))
    };
    let (differnet, _) = mean(PaperMethod::DifferNet)?;
    let others = methods.iter().filter(|method| **method != PaperMethod::DifferNet);
    let (next, method) =
        others.filter_map(|&method| mean(method)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    let (points, name) = (percent((differnet - next).abs()), method.title());
    Some(if differnet > next {
        format!("DifferNet is first, {points} points before {name}.")
    } else {
        format!("DifferNet is not first: {name} is {points} points before it.")
    })
}

/// Figures 5 and 6, of the first seed.
fn figures<'a>(
    methods: &[PaperMethod],
    of: &dyn Fn(PaperMethod) -> Vec<Measurement<'a>>,
) -> anyhow::Result<Vec<Figure>> {
    let mut curves: Vec<(String, RocCurve, f64, u64)> = Vec::new();
    // The reader came for DifferNet, the paper's last row.
    for &method in methods.iter().rev() {
        if let Some(run) = of(method).first() {
            let images = &run.test.images;
            let scores: Vec<f64> = images.iter().map(|image| image.score).collect();
            let defects: Vec<bool> = images.iter().map(ScoredImage::is_defect).collect();
            let (curve, auroc) = (roc_curve(&scores, &defects)?, run.test.metrics.auroc);
            curves.push((method.title().to_owned(), curve, auroc, run.cell.seed));
        }
    }
    let Some(&(_, _, _, seed)) = curves.first() else { return Ok(Vec::new()) };
    let lines: Vec<(String, &RocCurve, f64)> =
        curves.iter().map(|(name, curve, auroc, _)| (name.clone(), curve, *auroc)).collect();
    let title = format!("Figure 5: ROC curves, seed {seed}");
    let mut figures = vec![Figure { file: "roc.svg", title, svg: roc_svg(&lines)? }];
    if let Some(run) = of(PaperMethod::DifferNet).first() {
        let title = format!("Figure 6: scores of DifferNet, seed {}", run.cell.seed);
        let svg = histogram_svg(&run.test.images, run.test.metrics.threshold, "nats")?;
        figures.push(Figure { file: "histogram.svg", title, svg });
    }
    Ok(figures)
}

fn command(args: &Table2Args) -> String {
    let mut words =
        format!("cargo xtask reproduce-table2{} {}", args.data.typed(), args.run.typed());
    if !args.methods.is_empty() {
        let names: Vec<String> = args.methods.iter().map(|method| method.name()).collect();
        words += &format!(" --methods {}", names.join(","));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::cell::CellResult;
    use super::super::test_inputs::result;
    use super::*;

    #[test]
    fn the_order_is_told_either_way() {
        let told = |differnet: f64, other: f64| {
            let other = CellResult { method: PaperMethod::OneNn, ..result("mtd", 1, other) };
            let results = [result("mtd", 1, differnet), other];
            let all = measurements(&results);
            let of = |method: PaperMethod| {
                all.iter().filter(|m| m.cell.method == method).copied().collect::<Vec<_>>()
            };
            order(&[PaperMethod::OneNn, PaperMethod::DifferNet], &of)
        };
        let first = told(0.95, 0.80).expect("two methods");
        assert_eq!(first, "DifferNet is first, 15.0 points before 1-NN.");
        let second = told(0.75, 0.80).expect("two methods");
        assert_eq!(second, "DifferNet is not first: 1-NN is 5.0 points before it.");
    }

    #[test]
    fn figures_show_the_first_seed() -> anyhow::Result<()> {
        let results = [result("mtd", 1, 0.9), result("mtd", 2, 0.8)];
        let all = measurements(&results);
        let of = |method: PaperMethod| {
            all.iter().filter(|m| m.cell.method == method).copied().collect::<Vec<_>>()
        };
        let figures = figures(&[PaperMethod::OneNn, PaperMethod::DifferNet], &of)?;
        assert_eq!(figures.len(), 2);
        assert!(figures[0].svg.contains("DifferNet (AUROC 0.900)"));
        assert!(!figures[0].svg.contains("1-NN"));
        Ok(())
    }
}
