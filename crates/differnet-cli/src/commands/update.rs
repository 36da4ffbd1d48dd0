//! `differnet update`: takes new good images into a model.

use std::path::{Path, PathBuf};

use anyhow::bail;
use differnet::new_images::NewImages;
use differnet::progress::{Monitor, Progress};
use differnet::{Error, GoodImages, Model, PathText};
use serde::Serialize;

use crate::exit::Exit;
use crate::interrupt::{Interrupt, stopped};
use crate::new_images::tell_left_out;
use crate::output::{counted, print, print_json};
use crate::output_file::{OutputFile, Overwrite};
use crate::outputs::good_photographs;
use crate::progress::Meter;
use crate::source_args::SourceArgs;

/// Message about an update that was stopped.
const STOPPED: &str = "Stopped; the model is as it was.";

/// Take new good images into a model, such as false alarms, without the old images.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet update --model part.differnet --good false_alarms
  differnet update --model part.differnet --good false_alarms --out part2.differnet

Only models of --method local-flow and patchcore take in images; others are trained anew. Images that the model has seen,
in whatever format, and copies of one image are left out. The threshold is set anew from the scores of all good images; a threshold set by
`differnet calibrate` is forgotten: calibrate again.

--json prints one object: {\"model\", \"images\", \"threshold_before\", \"threshold\", \"calibration_forgotten\"}.")]
pub(crate) struct UpdateArgs {
    /// Model file written by `differnet train`.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// Folder of new good images, nested to any depth.
    #[arg(long, value_name = "DIR")]
    good: PathBuf,
    /// Model file to write, instead of the one that was read.
    #[arg(long, value_name = "N.differnet")]
    out: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: SourceArgs,
}

/// Output of `--json`.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(serialize_with = "PathText::serialize_lossy")]
    model: &'a Path,
    images: usize,
    threshold_before: f64,
    threshold: f64,
    calibration_forgotten: bool,
}

pub(crate) fn run(args: &UpdateArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let out = args.out.as_ref().unwrap_or(&args.model);
    if args.out.is_some() && out.exists() {
        bail!(
            "{} exists: name another file, or leave --out away to rewrite the model",
            out.display()
        );
    }
    let claim = match &args.out {
        Some(out) => OutputFile::claim(out, Overwrite::Refuse)?,
        None => OutputFile::claim_existing(&args.model)?,
    };
    let mut model = Model::load_on(&args.model, &args.source.open()?)?;
    model.require_update()?;
    let files = good_photographs(&args.good)?;
    let meter = Meter::new();
    let observer = |progress: &Progress| meter.show_training(progress);
    let monitor = Monitor::new(&observer, interrupt.token());
    let found = model.new_images(&files, &GoodImages::default(), &monitor);
    meter.clear();
    let NewImages { new, trained, copies, unusable } = stopped(found, STOPPED)?;
    if !unusable.is_empty() {
        return Err(Error::BadImages { bad: unusable }.into());
    }
    tell_left_out(&trained, &copies);
    if new.is_empty() {
        return Err(Error::NothingNew { images: files.len() }.into());
    }
    let calibrated = model.header().calibration.is_some();
    let updated = model.take_in(new, monitor);
    meter.clear();
    let addition = stopped(updated, STOPPED)?;
    claim.require_unchanged()?;
    model.save(out)?;
    if args.json {
        print_json(&Report {
            model: out,
            images: addition.images,
            threshold_before: addition.threshold_before,
            threshold: addition.threshold,
            calibration_forgotten: calibrated,
        })?;
        return Ok(Exit::Done);
    }
    print(&format!(
        "Took {} into {}. Threshold {:.2}, before {:.2}.",
        counted(addition.images, "good image"),
        out.display(),
        addition.threshold,
        addition.threshold_before
    ))?;
    if calibrated {
        print("The threshold set by differnet calibrate is forgotten: calibrate again.")?;
    }
    Ok(Exit::Done)
}
