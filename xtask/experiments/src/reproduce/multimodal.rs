//! `cargo xtask reproduce-multimodal`: one model for all categories (Section 4.5).

use std::process::ExitCode;

use differnet::Config;
use differnet::methods::DifferNetConfig;

use super::args::RunArgs;
use super::cell::{CellSpec, TestSpec};
use super::document::{COST, Document, QUALITY, Table, TableCell, cost, quality};
use super::mvtec::{Found, MvtecArgs};
use super::paper::{MULTIMODAL, MULTIMODAL_BLOCKS, TABLE_1};
use super::summary::{Measurement, difference, measurements, spread};
use super::{Measured, Plan, data_name, plain_cell, reproduce};

/// Measure one model of 12 blocks, trained on good images of all categories.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask reproduce-multimodal --root MVTEC_DIR --seeds 1

Writes table.md, table.csv, table.json and table.html. An interrupted run goes on where it was.")]
pub(crate) struct MultimodalArgs {
    #[command(flatten)]
    data: MvtecArgs,
    #[command(flatten)]
    run: RunArgs,
}

pub(crate) fn run(args: &MultimodalArgs) -> anyhow::Result<ExitCode> {
    let found = args.data.find(&args.run, &args.run.out("multimodal"))?;
    let mut cells = Vec::new();
    for seed in 1..=args.run.seeds {
        let blocks = |config: Config| {
            config.map_differnet(|own| {
                let flow = own.flow.clone().with_blocks(MULTIMODAL_BLOCKS);
                DifferNetConfig { flow, ..own }
            })
        };
        let config = args.run.config(seed, blocks)?;
        let cell = plain_cell(&args.run, &found.parts, config)?;
        let test = &cell.tests[0];
        let tests = (0..found.parts.len()).map(|part| TestSpec { part, ..test.clone() }).collect();
        cells.push(CellSpec { category: "all categories".to_owned(), tests, ..cell });
    }
    let plan = Plan { name: "multimodal", args: &args.run, cells };
    reproduce(plan, |measured| Ok(describe(args, &found, measured)))
}

fn describe(args: &MultimodalArgs, found: &Found, measured: &Measured) -> Document {
    let results = &measured.ran.results;
    let all = measurements(results);
    let headers: Vec<&str> = ["category"].into_iter().chain(QUALITY).collect();
    let title = "In percent, mean ± standard deviation over seeds";
    let mut table = Table::new(title, &headers);
    for part in &found.parts {
        let runs: Vec<Measurement<'_>> =
            all.iter().filter(|m| m.test.category == part.category).copied().collect();
        table.rows.push([part.category.clone()].into_iter().chain(quality(&runs, None)).collect());
    }
    let complete =
        TABLE_1.iter().all(|row| found.parts.iter().any(|part| part.category == row.name));
    let means: Vec<f64> = results
        .iter()
        .filter_map(|cell| {
            let aurocs: Vec<f64> = cell.tests.iter().map(|test| test.metrics.auroc).collect();
            spread(&aurocs).map(|auroc| auroc.mean)
        })
        .collect();
    if let Some(mean) = spread(&means) {
        let (paper, points) = match complete {
            true => (format!("{MULTIMODAL:.1}"), difference(mean.mean, MULTIMODAL)),
            false => ("–".to_owned(), "–".to_owned()),
        };
        let label = format!("mean of {} categories", found.parts.len());
        table.rows.push(vec![label, mean.percent(), "–".to_owned(), paper, points]);
    }
    let with_name: Vec<&str> = ["model"].into_iter().chain(COST).collect();
    let mut costs =
        Table::new("Time and memory of a run; the test is that of one category", &with_name);
    costs.rows.push(["all categories".to_owned()].into_iter().chain(cost(&all)).collect());
    Document {
        name: "multimodal",
        title: format!(
            "One model for all categories of {}",
            data_name(args.run.sample, "MVTec AD")
        ),
        command: format!(
            "cargo xtask reproduce-multimodal{} {}",
            args.data.typed(),
            args.run.typed()
        ),
        sample: args.run.sample,
        notes: notes(found, complete),
        tables: vec![table, costs],
        figures: Vec::new(),
        cells: all.iter().map(|m| TableCell::of(m, None)).collect(),
        missing: found.missing.clone(),
        settings: measured.settings.clone(),
        environment: measured.environment.clone(),
    }
}

fn notes(found: &Found, complete: bool) -> Vec<String> {
    let mut notes = vec![format!(
        "The paper gives a mean of {MULTIMODAL:.1} % over all 15 categories, with \
         {MULTIMODAL_BLOCKS} coupling blocks."
    )];
    if !complete {
        let note = "Here are other or fewer categories, so that no difference is given.";
        notes.push(note.to_owned());
    }
    if !found.missing.is_empty() {
        let names: Vec<&str> = found.missing.iter().map(|m| m.category.as_str()).collect();
        notes.push(format!("Missing, because the folder lacks them: {}.", names.join(", ")));
    }
    notes
}
