//! `cargo xtask reproduce-*`: the paper's tables and figures, measured (Sections 4.3 to 4.5).
//!
//! A command lists its cells, each one training with its tests. Cells that are not stored yet are
//! computed, each in a process of its own; then all of them become tables beside the paper's
//! numbers. What is stored is found by a digest of settings and data, so that the same command goes
//! on where it was interrupted.

mod ablation;
mod args;
mod cell;
mod child;
mod contributions;
mod curve;
mod data;
mod docs;
mod document;
mod environment;
mod estimate;
mod figure7;
mod files;
mod forecast;
mod frontier;
mod hardest;
mod looks;
mod method;
mod mtd;
mod multimodal;
mod mvtec;
mod paper;
mod render;
mod schedule;
mod spent;
mod store;
mod subset;
mod summary;
mod table1;
mod table2;
mod table3;
#[cfg(test)]
mod test_inputs;
mod trained;
mod watch;
mod worker;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) use ablation::{AblationArgs, run as run_ablation};
pub(crate) use curve::{CurveArgs, run as run_curve};
pub(crate) use data::DataPart;
pub(crate) use docs::refresh as refresh_block;
pub(crate) use environment::Environment;
pub(crate) use figure7::{Figure7Args, run as run_figure7};
pub(crate) use frontier::{FrontierArgs, run as run_frontier};
pub(crate) use multimodal::{MultimodalArgs, run as run_multimodal};
pub(crate) use table1::{Table1Args, run as run_table1};
pub(crate) use table2::{Table2Args, run as run_table2};
pub(crate) use table3::{Table3Args, run as run_table3};
pub(crate) use worker::{CellArgs, run as run_cell};

use anyhow::Context;
use args::{DOCS, RunArgs};
use cell::{CellResult, CellSpec};
use child::Launch;
use data::Fingerprints;
use differnet::Config;
use document::{Document, Missing};
use forecast::Sized;
use method::{PaperMethod, Stopped};
use schedule::{Failure, Ran};
use store::Store;
use trained::SHARED;

/// A command's name, arguments and cells.
struct Plan<'a> {
    /// Short name, of folder and block: `table1`.
    name: &'static str,
    /// The arguments that all commands share.
    args: &'a RunArgs,
    /// Cells to measure.
    cells: Vec<CellSpec>,
}

/// Measured cells and their environment.
struct Measured {
    /// The cells.
    ran: Ran,
    /// Environment of this run; stored cells may have been measured elsewhere.
    environment: Environment,
    /// Settings of the first cell of DifferNet, or of the first of all.
    settings: String,
}

/// Measures `plan`; `describe` turns the results into a document, which is written and printed.
fn reproduce(
    plan: Plan<'_>,
    describe: impl FnOnce(&Measured) -> anyhow::Result<Document>,
) -> anyhow::Result<ExitCode> {
    let Plan { name, args, cells } = plan;
    let out = args.out(name);
    let store = Store::open(&out)?;
    let workspace = workspace();
    let environment = Environment::here(&workspace, args.device);
    let of_differnet = cells.iter().find(|cell| cell.method == PaperMethod::DifferNet);
    let settings = of_differnet
        .or(cells.first())
        .map_or(String::new(), |cell| cell.method.config(&cell.config).to_toml());
    eprintln!("Reading the images ...");
    let cells = with_digests(cells)?;
    forecast_time(&cells, &store)?;
    let launch = match args.launcher() {
        Some(launcher) => Launch::By { launcher, program: copy_of_this_program(&out)? },
        None => Launch::Here { threads: (environment.machine.cores / args.jobs()).max(1) },
    };
    let ran = match schedule::run(cells, &store, &environment, args.jobs(), launch) {
        Err(error) if error.is::<Stopped>() => {
            let out = out.display();
            eprintln!("Stopped. Finished cells are kept in {out}; the same command goes on.");
            return Ok(ExitCode::from(worker::STOPPED));
        }
        ran => ran?,
    };
    let measured = Measured { ran, environment, settings };
    let mut document = describe(&measured)?;
    document.notes.extend(notes_on(&measured));
    document.notes.extend(note_on_overrides(args, &measured.ran.results));
    let failures = &measured.ran.failures;
    document.missing.extend(failures.iter().map(|failure| Missing {
        category: failure.category.clone(),
        method: Some(failure.method.clone()),
        reason: failure.reason.clone(),
    }));
    render::write(&document, &out)?;
    println!("{}", render::text(&document).trim_end());
    println!("\nWrote table.md, table.csv, table.json and table.html to {}", out.display());
    if !failures.is_empty() {
        return Err(failed(failures));
    }
    if let Some(path) = &args.docs {
        let path = if path == Path::new(DOCS) { workspace.join(path) } else { path.clone() };
        let block = args.block(name);
        let path = docs::page_with(path, &block)?;
        docs::refresh(&path, &block, &document.command, &render::block(&document))?;
        docs::refresh_figures(&path, &document.figures)?;
        println!("Refreshed the block {block} in {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// A copy of this program below `out`: other machines see it there, and it stays what it is.
fn copy_of_this_program(out: &Path) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot tell where this program lies")?;
    let copy = out.join(program.file_name().context("a program has a name")?);
    let cannot_copy = || format!("cannot copy this program to {}", copy.display());
    // Cells of an earlier run may still use what is there: it is replaced, not written to.
    let new = tempfile::NamedTempFile::new_in(out).with_context(cannot_copy)?.into_temp_path();
    std::fs::copy(&program, &new).with_context(cannot_copy)?;
    new.persist(&copy).with_context(cannot_copy)?;
    std::path::absolute(&copy).with_context(cannot_copy)
}

/// Tells how long the cells that are not stored will take.
fn forecast_time(cells: &[(CellSpec, String)], store: &Store) -> anyhow::Result<()> {
    let left = cells.iter().filter(|(cell, digest)| store.load(cell, digest).is_none());
    let mut sized = Vec::new();
    for (cell, _) in left {
        let (mut train, mut test) = (0, 0);
        for part in &cell.data {
            let data = part.load(cell.seed)?;
            (train, test) = (train + data.train.len(), test + data.test.len());
        }
        sized.push(Sized { cell, train, test });
    }
    match forecast::sentence(&sized) {
        Ok(Some(sentence)) => eprintln!("{sentence}"),
        Ok(None) => {}
        // Its cell will tell, and the others are measured.
        Err(error) => eprintln!("The time it will take is unknown: {error:#}"),
    }
    Ok(())
}

/// Each cell with the digest of its settings and data.
fn with_digests(cells: Vec<CellSpec>) -> anyhow::Result<Vec<(CellSpec, String)>> {
    let mut fingerprints = Fingerprints::default();
    let digest = |cell: CellSpec| {
        let data = cell.data.iter().map(|part| part.load(cell.seed));
        let fingerprint = fingerprints.of(&data.collect::<Result<Vec<_>, _>>()?)?;
        let digest = cell.digest(&fingerprint);
        Ok((cell, digest))
    };
    cells.into_iter().map(digest).collect()
}

/// Notes on cells that were measured elsewhere, and on those that failed.
fn notes_on(measured: &Measured) -> Vec<String> {
    let mut notes = Vec::new();
    let Measured { ran, environment, .. } = measured;
    let here = environment.build();
    let differ = ran.results.iter().map(|result| &result.environment);
    let differ = differ.filter(|other| *other != environment).map(Environment::build);
    let before = ran.results.iter().flat_map(|result| result.builds.iter().cloned());
    let others: BTreeSet<String> = differ.chain(before.filter(|build| *build != here)).collect();
    if !others.is_empty() {
        let others = others.into_iter().collect::<Vec<_>>().join("; ");
        notes.push(format!("Some cells were measured earlier, elsewhere or otherwise: {others}."));
    }
    notes.extend(ran.failures.iter().map(|failure| {
        let reason = failure.reason.lines().next().unwrap_or_default();
        format!("Failed: {}: {reason}", failure.label)
    }));
    notes
}

/// Note on methods that overrides of DifferNet's settings do not reach.
fn note_on_overrides(args: &RunArgs, results: &[CellResult]) -> Option<String> {
    let own = |result: &&CellResult| result.config.method.method().sees_images_once();
    let methods: BTreeSet<PaperMethod> =
        results.iter().filter(own).map(|result| result.method).collect();
    let titles: Vec<&str> = methods.into_iter().map(PaperMethod::title).collect();
    let is_for_all =
        |text: &String| SHARED.contains(&text.split('=').next().unwrap_or_default().trim());
    (!titles.is_empty() && !args.set.iter().all(is_for_all)).then(|| {
        format!("--set changes DifferNet; with the settings of their own: {}.", titles.join(", "))
    })
}

fn failed(failures: &[Failure]) -> anyhow::Error {
    let list: String = failures
        .iter()
        .map(|failure| format!("\n  {}: {}", failure.label, failure.reason))
        .collect();
    let many = failures.len();
    anyhow::anyhow!("{many} cells failed; the same command computes them again:{list}")
}

/// The workspace's root, or where this program was started outside of cargo.
fn workspace() -> PathBuf {
    xtask_support::workspace::root().unwrap_or_else(|_| PathBuf::from("."))
}

/// Category of cells that train on several.
const ALL_CATEGORIES: &str = "all categories";

/// A cell of DifferNet without a variant, on all of the training images.
fn plain_cell(args: &RunArgs, data: &[DataPart], config: Config) -> anyhow::Result<CellSpec> {
    let category = match data {
        [part] => part.category.clone(),
        _ => ALL_CATEGORIES.to_owned(),
    };
    Ok(CellSpec {
        category,
        method: PaperMethod::DifferNet,
        variant: None,
        seed: config.seed,
        data: data.to_vec(),
        shots: None,
        tests: vec![config_test(&config, config.score_transforms)],
        config,
        watch: None,
        device: args.device,
        cache: args.cache()?,
    })
}

/// Name of the data in titles.
fn data_name(sample: bool, name: &str) -> &str {
    if sample { "the generated sample data set" } else { name }
}

/// A test of the first part with another number of transforms.
fn config_test(config: &Config, transforms: usize) -> cell::TestSpec {
    cell::TestSpec { part: 0, transforms, average: config.average, random: false }
}
