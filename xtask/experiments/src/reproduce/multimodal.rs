//! `cargo xtask reproduce-multimodal`: one model for all categories (Section 4.5), beside a model for each.

use std::process::ExitCode;

use differnet::Config;
use differnet::methods::DifferNetConfig;

use super::args::RunArgs;
use super::cell::{CellResult, CellSpec, TestSpec};
use super::contributions::{difference_on, mean, told};
use super::document::{COST, Document, Table, TableCell, cost, note_on_missing};
use super::mtd::BothArgs;
use super::mvtec::Found;
use super::paper::{self, MULTIMODAL, MULTIMODAL_BLOCKS, TABLE_1};
use super::summary::{
    Measurement, means_over_categories, measurements, percent_range, spread, summarize,
};
use super::{ALL_CATEGORIES as ALL, Measured, Plan, data_name, plain_cell, reproduce};

/// Measure one model of 12 blocks for all categories, and a model for each.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask reproduce-multimodal --root MVTEC_DIR --seeds 1
  cargo xtask reproduce-multimodal --root MVTEC_DIR --mtd-root MTD_DIR --mtd-train-list FILE

Differences are of the same test images. Writes table.md, table.csv, table.json and table.html. An
interrupted run goes on where it was.")]
pub(crate) struct MultimodalArgs {
    #[command(flatten)]
    data: BothArgs,
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
        cells.push(CellSpec { category: ALL.to_owned(), tests, ..cell });
        for part in &found.parts {
            let config = args.run.config(seed, |config| part.adapted(config))?;
            cells.push(plain_cell(&args.run, std::slice::from_ref(part), config)?);
        }
    }
    let plan = Plan { name: "multimodal", args: &args.run, cells };
    reproduce(plan, |measured| Ok(describe(args, &found, measured)))
}

fn describe(args: &MultimodalArgs, found: &Found, measured: &Measured) -> Document {
    let results = &measured.ran.results;
    let all = measurements(results);
    let complete = is_the_papers(found);
    let with_name: Vec<&str> = ["model"].into_iter().chain(COST).collect();
    let title = "Time and memory of a run; the test is that of one category";
    let mut costs = Table::new(title, &with_name);
    let own = found.parts.iter().map(|part| part.category.as_str());
    // One test of each model, so that none counts more than once.
    for name in [ALL].into_iter().chain(own) {
        let runs: Vec<Measurement<'_>> = all
            .iter()
            .filter(|m| m.cell.category == name && m.test.spec.part == 0)
            .copied()
            .collect();
        costs.rows.push([name.to_owned()].into_iter().chain(cost(&runs)).collect());
    }
    let entry = |m: &Measurement<'_>| {
        let part = found.parts.iter().find(|part| part.category == m.cell.category);
        match part {
            Some(part) => TableCell::of(m, paper::differnet_on(part)),
            None => TableCell { variant: Some(ALL.to_owned()), ..TableCell::of(m, None) },
        }
    };
    Document {
        name: "multimodal",
        title: format!(
            "One model for all categories of {}",
            data_name(args.run.sample, args.data.name())
        ),
        command: format!(
            "cargo xtask reproduce-multimodal{} {}",
            args.data.typed(),
            args.run.typed()
        ),
        sample: args.run.sample,
        notes: notes(found, complete),
        tables: vec![by_category(found, results, complete), costs],
        figures: Vec::new(),
        cells: all.iter().map(entry).collect(),
        missing: found.missing.clone(),
        settings: measured.settings.clone(),
        environment: measured.environment.clone(),
    }
}

/// One row for each category, with the model of all beside the category's own, and a row of means.
fn by_category(found: &Found, results: &[CellResult], complete: bool) -> Table {
    let headers = [
        "category",
        "one model for all",
        "95 % interval",
        "a model of its own",
        "95 % interval",
        "paper",
        "difference of the two",
        "95 % interval",
    ];
    let title = "AUROC in percent, mean ± standard deviation over seeds; difference in points";
    let mut table = Table::new(title, &headers);
    let of = |model: &str, category: &str| -> Vec<Measurement<'_>> {
        let all = measurements(results).into_iter();
        all.filter(|m| m.cell.category == model && m.test.category == category).collect()
    };
    let mut differences = Vec::new();
    for part in &found.parts {
        let category = part.category.as_str();
        let (shared, own) = (of(ALL, category), of(category, category));
        let difference = difference_on(category, &own, &shared);
        differences.push(difference);
        let paper =
            paper::differnet_on(part).map_or("–".to_owned(), |paper| format!("{paper:.1}"));
        let mut row = vec![category.to_owned()];
        row.extend(auroc(&shared));
        row.extend(auroc(&own));
        row.push(paper);
        row.extend(told(difference));
        table.rows.push(row);
    }
    let mean_of = |is_shared: bool| {
        let mut runs = measurements(results);
        runs.retain(|m| (m.cell.category == ALL) == is_shared);
        let means = means_over_categories(&runs, found.parts.len());
        spread(&means).map_or("missing".to_owned(), |mean| mean.percent())
    };
    let shared = mean_of(true);
    let shared = if complete { format!("{shared} (paper {MULTIMODAL:.1})") } else { shared };
    let none = || "–".to_owned();
    let label = format!("mean of {}", found.parts.len());
    let mut row = vec![label, shared, none(), mean_of(false), none(), none()];
    row.extend(told(mean(&differences)));
    table.rows.push(row);
    table
}

/// AUROC and its interval.
fn auroc(runs: &[Measurement<'_>]) -> [String; 2] {
    let Some(summary) = summarize(runs) else { return ["missing", "–"].map(str::to_owned) };
    [summary.auroc.percent(), percent_range(summary.interval)]
}

/// Tells whether these are the paper's 15 categories, and no others.
fn is_the_papers(found: &Found) -> bool {
    found.parts.len() == TABLE_1.len() && found.has_the_papers()
}

fn notes(found: &Found, complete: bool) -> Vec<String> {
    let mut notes = vec![
        format!(
            "One model has {MULTIMODAL_BLOCKS} coupling blocks and sees the good images of all categories; a \
             model of its own has those of the preset. The paper gives a mean of {MULTIMODAL:.1} % for one model \
             of all 15 categories."
        ),
        "Differences are of the same test images; their intervals tell how much they would vary with \
         others (DeLong)."
            .to_owned(),
    ];
    if !complete {
        let note = "Here are other or fewer categories, so that no mean of the paper is given.";
        notes.push(note.to_owned());
    }
    if found.parts.iter().any(|part| part.is_tiles()) {
        let note = "Brightness and contrast of tiles are changed in the training of their own model alone.";
        notes.push(note.to_owned());
    }
    notes.extend(note_on_missing(&found.missing));
    notes
}

#[cfg(test)]
mod tests {
    use super::super::data::DataPart;
    use super::super::test_inputs::result;
    use super::*;

    #[test]
    fn the_model_of_all_stands_beside_each_categorys_own() {
        let parts = ["bottle", "screw"].map(|name| DataPart::mvtec("data".as_ref(), name)).to_vec();
        let found = Found { parts, missing: Vec::new() };
        let mut shared = result("bottle", 1, 0.8);
        shared.category = ALL.to_owned();
        let mut screw = shared.tests[0].clone();
        screw.category = "screw".to_owned();
        // The defect falls below one of two good images.
        screw.images[2].score = 1.5;
        screw.metrics.auroc = 0.5;
        shared.tests.push(screw);
        let results = [shared, result("bottle", 1, 0.9), result("screw", 1, 0.7)];
        let table = by_category(&found, &results, false);
        assert_eq!(
            table.rows[0][..7],
            ["bottle", "80.0", "75.0–85.0", "90.0", "85.0–95.0", "99.0", "0.0"]
        );
        assert_eq!(table.rows[1][..2], ["screw", "50.0"]);
        assert_eq!(table.rows[1][6], "−50.0");
        assert_eq!(table.rows[2][..4], ["mean of 2", "65.0", "–", "80.0"]);
        assert_eq!(table.rows[2][6], "−25.0");
        assert!(table.rows.iter().all(|row| row.len() == table.headers.len()));
        let table = by_category(&found, &results[..2], false);
        assert_eq!(table.rows[1][3..5], ["missing", "–"]);
        assert_eq!(table.rows[2][3], "missing");
    }

    #[test]
    fn the_papers_mean_is_of_its_categories_alone() {
        let parts = TABLE_1.iter().map(|row| DataPart::mvtec("data".as_ref(), row.name)).collect();
        let mut found = Found { parts, missing: Vec::new() };
        assert!(is_the_papers(&found));
        found.parts[0] = DataPart::mtd("data".as_ref(), None);
        assert!(!is_the_papers(&found));
    }
}
