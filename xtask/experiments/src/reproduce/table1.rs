//! `cargo xtask reproduce-table1`: every method on every category of MVTec AD.

use std::process::ExitCode;

use super::args::RunArgs;
use super::cell::CellSpec;
use super::document::{COST, Document, QUALITY, Table, TableCell, cost, note_on_missing, quality};
use super::hardest::hardest;
use super::method::{NOT_THE_PAPERS, PaperMethod};
use super::mvtec::{Found, MvtecArgs};
use super::paper::{self, Group, SHOTS, TABLE_1, TABLE_1_METHODS};
use super::summary::{Measurement, difference, means_over_categories, measurements, spread};
use super::{Measured, Plan, data_name, plain_cell, reproduce};
use xtask_support::UsageError;

/// Measure Table 1: AUROC of every method on every category of MVTec AD.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask reproduce-table1 --root MVTEC_DIR
  cargo xtask reproduce-table1 --root MVTEC_DIR --categories bottle,grid --methods differnet --seeds 1
  cargo xtask reproduce-table1 --sample --seeds 1 --set updates=100

Writes table.md, table.csv, table.json and table.html. An interrupted run goes on where it was.")]
pub(crate) struct Table1Args {
    #[command(flatten)]
    data: MvtecArgs,
    /// Methods, separated by commas, also such as are not the paper's [default: all of the paper's].
    #[arg(long, value_enum, value_name = "NAME,..", value_delimiter = ',')]
    methods: Vec<PaperMethod>,
    /// Training images of the few-shot methods, drawn by the seed.
    #[arg(long, value_name = "N", default_value_t = SHOTS,
        value_parser = |text: &str| super::args::count(text, 1))]
    shots: usize,
    /// Name as many images of each category that cost the most AUROC.
    #[arg(long, value_name = "N", default_value_t = 0,
        value_parser = |text: &str| super::args::count(text, 0))]
    hardest: usize,
    #[command(flatten)]
    run: RunArgs,
}

pub(crate) fn run(args: &Table1Args) -> anyhow::Result<ExitCode> {
    let methods = choose(&args.methods, &TABLE_1_METHODS)?;
    let found = args.data.find(&args.run, &args.run.out("table1"))?;
    let mut cells = Vec::new();
    for part in &found.parts {
        for &method in &methods {
            for seed in 1..=args.run.seeds {
                let config = args.run.config(seed, |config| config)?;
                let shots = method.is_few_shot().then_some(args.shots);
                let cell = plain_cell(&args.run, std::slice::from_ref(part), config)?;
                cells.push(CellSpec { method, shots, ..cell });
            }
        }
    }
    let plan = Plan { name: "table1", args: &args.run, cells };
    reproduce(plan, |measured| describe(args, &found, &methods, measured))
}

/// The methods asked for, or `all` of the paper's.
///
/// # Errors
/// [`UsageError`] if a method is asked for that the table does not have.
pub(super) fn choose(
    asked: &[PaperMethod],
    all: &[PaperMethod],
) -> anyhow::Result<Vec<PaperMethod>> {
    let known = || all.iter().copied().chain(NOT_THE_PAPERS);
    if let Some(other) = asked.iter().find(|method| !known().any(|known| known == **method)) {
        return Err(UsageError(format!("--methods: the table has no {}", other.name())).into());
    }
    let mut wanted = if asked.is_empty() { all.to_vec() } else { asked.to_vec() };
    let place = |method: &PaperMethod| known().position(|known| known == *method);
    wanted.sort_by_key(place);
    wanted.dedup();
    Ok(wanted)
}

fn describe(
    args: &Table1Args,
    found: &Found,
    methods: &[PaperMethod],
    measured: &Measured,
) -> anyhow::Result<Document> {
    let all = measurements(&measured.ran.results);
    let paper = |category: &str, method: PaperMethod| match method {
        PaperMethod::DifferNetShots if args.shots != SHOTS => None,
        method => paper::table_1(category, method),
    };
    let of = |category: &str, method: PaperMethod| -> Vec<Measurement<'_>> {
        let chosen = all.iter().filter(|m| m.cell.method == method && m.test.category == category);
        chosen.copied().collect()
    };

    let titles: Vec<String> = methods.iter().map(|method| title(*method, args)).collect();
    let mut headers = vec!["category"];
    headers.extend(titles.iter().map(String::as_str));
    let mut beside = Table::new("AUROC in percent: measured (paper, difference)", &headers);
    let with_names = |names: &[&'static str]| {
        ["category", "method"].iter().chain(names).copied().collect::<Vec<_>>()
    };
    let mut details =
        Table::new("In percent, mean ± standard deviation over seeds", &with_names(&QUALITY));
    let mut costs = Table::new("Time and memory of a run", &with_names(&COST));
    for name in names(found) {
        let mut row = vec![name.clone()];
        for (&method, title) in methods.iter().zip(&titles) {
            let (runs, paper) = (of(&name, method), paper(&name, method));
            row.push(beside_paper(&runs, paper));
            if found.parts.iter().any(|part| part.category == name) {
                let label = [name.clone(), title.clone()];
                details.rows.push(label.iter().cloned().chain(quality(&runs, paper)).collect());
                costs.rows.push(label.into_iter().chain(cost(&runs)).collect());
            }
        }
        beside.rows.push(row);
    }
    for (label, group) in [
        ("mean of textures", Some(Group::Textures)),
        ("mean of objects", Some(Group::Objects)),
        ("mean", None),
    ] {
        let categories: Vec<&str> = found
            .parts
            .iter()
            .map(|part| part.category.as_str())
            .filter(|name| group.is_none() || group_of(name) == group)
            .collect();
        if categories.len() > 1 {
            let mut row = vec![format!("{label} ({} categories)", categories.len())];
            for &method in methods {
                row.push(mean_beside_paper(&all, &categories, method, &paper));
            }
            beside.rows.push(row);
        }
    }

    let mut tables = vec![beside, details, costs];
    if args.hardest > 0 {
        tables.extend(found.parts.iter().map(|part| {
            let runs = methods.iter().map(|&method| of(&part.category, method));
            let methods: Vec<_> = titles.iter().cloned().zip(runs).collect();
            hardest(args.hardest, &part.category, &methods)
        }));
    }
    let cells =
        all.iter().map(|m| TableCell::of(m, paper(&m.test.category, m.cell.method))).collect();
    Ok(Document {
        name: "table1",
        title: format!("Table 1: AUROC on {}", data_name(args.run.sample, "MVTec AD")),
        command: command(args),
        sample: args.run.sample,
        notes: notes(args, found, methods),
        tables,
        figures: Vec::new(),
        cells,
        missing: found.missing.clone(),
        settings: measured.settings.clone(),
        environment: measured.environment.clone(),
    })
}

/// Categories of the rows: the paper's in its order, there or not, then others.
fn names(found: &Found) -> Vec<String> {
    let there = found.parts.iter().map(|part| part.category.clone());
    let mut names: Vec<String> =
        there.chain(found.missing.iter().map(|missing| missing.category.clone())).collect();
    let place = |name: &String| TABLE_1.iter().position(|row| row.name == name);
    // Others keep their order behind the paper's.
    names.sort_by_key(|name| place(name).unwrap_or(TABLE_1.len()));
    names
}

fn group_of(name: &str) -> Option<Group> {
    TABLE_1.iter().find(|row| row.name == name).map(|row| row.group)
}

/// `98.7 ± 0.3 (99.0, −0.3)`
fn beside_paper(runs: &[Measurement<'_>], paper: Option<f64>) -> String {
    let aurocs: Vec<f64> = runs.iter().map(|run| run.test.metrics.auroc).collect();
    match (spread(&aurocs), paper) {
        (None, Some(paper)) => format!("missing ({paper:.1})"),
        (None, None) => "missing".to_owned(),
        (Some(auroc), None) => auroc.percent(),
        (Some(auroc), Some(paper)) => {
            format!("{} ({paper:.1}, {})", auroc.percent(), difference(auroc.mean, paper))
        }
    }
}

/// The mean over `categories`, for each seed that has all of them, beside the mean of the paper's
/// numbers for the same categories.
fn mean_beside_paper(
    all: &[Measurement<'_>],
    categories: &[&str],
    method: PaperMethod,
    paper: &dyn Fn(&str, PaperMethod) -> Option<f64>,
) -> String {
    let of_method = |m: &&Measurement<'_>| {
        m.cell.method == method && categories.contains(&m.test.category.as_str())
    };
    let runs: Vec<Measurement<'_>> = all.iter().filter(of_method).copied().collect();
    let means = means_over_categories(&runs, categories.len());
    let papers: Option<Vec<f64>> =
        categories.iter().map(|category| paper(category, method)).collect();
    let paper = papers.and_then(|papers| spread(&papers)).map(|paper| paper.mean);
    match (spread(&means), paper) {
        (None, _) => "missing".to_owned(),
        (Some(mean), None) => mean.percent(),
        (Some(mean), Some(paper)) => {
            format!("{} ({paper:.1}, {})", mean.percent(), difference(mean.mean, paper))
        }
    }
}

fn title(method: PaperMethod, args: &Table1Args) -> String {
    match method {
        PaperMethod::DifferNetShots => format!("DifferNet ({} shots)", args.shots),
        PaperMethod::LocalFlowShots => format!("local flow ({} shots)", args.shots),
        other => other.title().to_owned(),
    }
}

fn notes(args: &Table1Args, found: &Found, methods: &[PaperMethod]) -> Vec<String> {
    let mut notes = vec![
        "The interval tells how much the AUROC would vary with other test images (bootstrap, ends \
         averaged over seeds), ± how much it varies with the seed."
            .to_owned(),
    ];
    notes.extend(note_on_missing(&found.missing));
    if methods.contains(&PaperMethod::DifferNetShots) {
        notes.push(format!(
            "DifferNet with {0} shots is given {0} good images, drawn by the seed; like every training \
             it holds a share of them back.",
            args.shots
        ));
    }
    notes.extend(not_the_papers(methods));
    let printed: Vec<String> = methods
        .iter()
        .filter(|method| **method != PaperMethod::DifferNetShots || args.shots == SHOTS)
        .filter_map(|&method| {
            Some(format!("{} {:.1}", method.title(), paper::table_1_average(method)?))
        })
        .collect();
    if found.parts.len() > 1 && !args.run.sample && !printed.is_empty() {
        notes.push(format!(
            "Means are compared with the means of the paper's numbers for the same categories. The \
             paper prints as averages of all 15: {}.",
            printed.join(", ")
        ));
    }
    notes
}

/// Note on methods that are not the paper's, if there are any.
pub(super) fn not_the_papers(methods: &[PaperMethod]) -> Option<String> {
    let ours = methods.iter().filter(|method| NOT_THE_PAPERS.contains(method));
    let names: Vec<&str> = ours.map(|method| method.title()).collect();
    (!names.is_empty()).then(|| format!("Not the paper's: {}.", names.join(", ")))
}

fn command(args: &Table1Args) -> String {
    let mut words =
        format!("cargo xtask reproduce-table1{} {}", args.data.typed(), args.run.typed());
    if !args.methods.is_empty() {
        let names: Vec<String> = args.methods.iter().map(|method| method.name()).collect();
        words += &format!(" --methods {}", names.join(","));
    }
    if args.shots != SHOTS {
        words += &format!(" --shots {}", args.shots);
    }
    if args.hardest > 0 {
        words += &format!(" --hardest {}", args.hardest);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::test_inputs::result;
    use super::*;

    #[test]
    fn methods_come_in_the_tables_order_and_unknown_ones_are_refused() -> anyhow::Result<()> {
        let all = choose(&[], &TABLE_1_METHODS)?;
        assert_eq!(all, TABLE_1_METHODS);
        let asked = [PaperMethod::DifferNetShots, PaperMethod::DifferNet, PaperMethod::DifferNet];
        let asked = choose(&asked, &TABLE_1_METHODS)?;
        assert_eq!(asked, [PaperMethod::DifferNet, PaperMethod::DifferNetShots]);
        let error = choose(&[PaperMethod::Adgan], &TABLE_1_METHODS).expect_err("not in Table 1");
        assert!(error.is::<UsageError>());
        Ok(())
    }

    #[test]
    fn means_need_every_category_and_compare_with_the_same_of_the_paper() {
        let results =
            [result("bottle", 1, 0.98), result("grid", 1, 0.80), result("bottle", 2, 0.99)];
        let all = measurements(&results);
        let mean = |categories: &[&str]| {
            mean_beside_paper(&all, categories, PaperMethod::DifferNet, &paper::table_1)
        };
        // Seed 2 lacks grid; (99.0 + 84.0) / 2 = 91.5.
        assert_eq!(mean(&["bottle", "grid"]), "89.0 (91.5, −2.5)");
        assert_eq!(mean(&["bottle", "grid", "wood"]), "missing");
        assert_eq!(beside_paper(&all[..1], Some(99.0)), "98.0 (99.0, −1.0)");
        assert_eq!(beside_paper(&[], Some(99.0)), "missing (99.0)");
    }
}
