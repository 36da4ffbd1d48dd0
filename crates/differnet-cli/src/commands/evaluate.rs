//! `differnet evaluate`: how well a model tells good parts from defective ones.

mod scores;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::bail;
use differnet::Model;
use differnet::prediction::unusable_verdict;
use differnet_data::{BadImage, BadMask, Dataset, DecodeLimits, Sample};
use differnet_eval::InvalidCounts;
use differnet_report::{EvaluationSummary, UnusableKind};

use crate::data_args::{DataArgs, files};
use crate::evaluation::{
    MapEvaluation, evaluate_maps, evaluate_samples, is_of_report, require_both_kinds,
    require_images, require_ours, usable, without_maps, write_report,
};
use crate::exit::{Exit, UsageError};
use crate::interrupt::Interrupt;
use crate::map_args::{MapChoice, localize_config_if_any, require_localizer};
use crate::numbers::positive;
use crate::output::{counted, print, print_json, tell};
use crate::progress::Meter;
use crate::report;
use crate::score_args::{ScoringArgs, average_name};
use crate::source_args::SourceArgs;
use crate::table::TableFormat;

/// Masks without an image that are named before the others are counted.
const NAMED: usize = 3;

/// Score the test images of a data set and compare with what is known of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet evaluate --model bottle.differnet --data mvtec_ad --category bottle --out report
  differnet evaluate --model part.differnet --data good --test-good check/good \\
      --test-defect check/bad --json

  differnet evaluate --model bottle.differnet --data mvtec_ad --category bottle --scores bottle.parquet

Writes report.html, metrics.json, scores.csv, roc.svg and histogram.svg to the folder --out.
--json prints one object with auroc, auroc_ci95, average_precision, recall_at_zero_fp, images, ...;
--pixel adds pixel_auroc, aupro, pixel_f1, pixel_iou, pointing_game and pixel_images if there are masks,
and pixel_notes about what they leave out. If all test images are good, or all defective, --out still
writes a report of the verdicts; missing_metrics then says why there is no more.")]
pub(crate) struct EvaluateArgs {
    /// Model file written by `differnet train`.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// Folder for the report; an earlier report in it is replaced.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace files in --out that are not from an earlier report, and the file --scores, too.
    #[arg(long)]
    overwrite: bool,
    /// Write the scores to this file, too, as `differnet score --out` does, and what is known of the
    /// images: .jsonl, .csv or .parquet.
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// Format of --scores, whatever its ending.
    #[arg(long, value_enum, requires = "scores")]
    format: Option<TableFormat>,
    /// Leave out test images and masks that cannot be used, instead of stopping.
    #[arg(long)]
    skip_bad: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Compare maps of where the defects are with their masks.
    #[arg(long)]
    pixel: bool,
    /// Kind of the maps, for --pixel and for the report.
    #[arg(long = "map", value_enum, value_name = "KIND", default_value_t = MapChoice::Deviation)]
    kind: MapChoice,
    /// Transforms that a map averages, for models of the method differnet [default: 8].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    map_transforms: Option<usize>,
    /// Make no maps for the report.
    #[arg(long, conflicts_with = "pixel")]
    no_maps: bool,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    scoring: ScoringArgs,
    #[command(flatten)]
    source: SourceArgs,
}

pub(crate) fn run(args: &EvaluateArgs) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let interrupt = Interrupt::listen()?;
    let layout = args.data.layout()?;
    if let Some(folder) = args.out.as_ref().filter(|_| !args.overwrite) {
        require_ours(folder)?;
    }
    if args.overwrite && args.out.is_none() && args.scores.is_none() {
        return Err(UsageError("--overwrite needs --out or --scores".to_owned()).into());
    }
    if let (Some(folder), Some(scores)) = (&args.out, &args.scores)
        && is_of_report(folder, scores)
    {
        let message = format!("--scores: {} is a file of --out: name another", scores.display());
        return Err(UsageError(message).into());
    }
    let origin = report::Origin::new(&args.model, &args.source)?;
    let model = Model::load_on(&args.model, &args.source.open()?)?;
    let (header, limits) = (model.header(), &model.runtime().limits);
    if args.pixel {
        require_localizer(&model, &args.model)?;
    }
    // The split must be the training's: its images must not be tested with.
    let data = args.data.load(&layout, header.config.seed)?;
    args.data.folders(&data)?.tell();
    require_kinds(args, &data.test)?;
    let wants_maps = args.pixel || (args.out.is_some() && !args.no_maps);
    let maps = localize_config_if_any(&model, args.kind, args.map_transforms)?;
    let maps = maps.filter(|_| wants_maps);
    let bad = BadImage::among(&files(&data.test), header.preprocessing(), limits);
    let bad_masks = if maps.is_some() { unusable_masks(&data, limits) } else { Vec::new() };
    let skipped = skipped(args, &bad, &bad_masks)?;
    let test = usable(&data.test, &bad);
    require_kinds(args, &test)?;
    let config = args.scoring.resolve(&model, header.thresholds())?;
    let seed = args.scoring.seed(&model);
    let table = scores::begin(args, &model, &config)?;
    let meter = Meter::new();
    let evaluation = evaluate_samples(&model, &test, config, seed, &meter, &interrupt)?;
    let mut found = match maps {
        Some(config) => evaluate_maps(&model, &test, &bad_masks, config, &meter, &interrupt)?,
        None if wants_maps => without_maps(&model, &test)?,
        None => MapEvaluation::default(),
    };
    if !bad_masks.is_empty() && !args.skip_bad {
        found.metrics = None;
        let masks = counted(bad_masks.len(), "mask");
        found.notes.push(format!("No pixel metrics: {masks} cannot be used"));
    }
    let summary = EvaluationSummary {
        seen_in_training: evaluation.seen_by(header),
        invalid: InvalidCounts::of(&evaluation.images),
        metrics: evaluation.metrics,
        pixel: found.metrics,
        pixel_notes: found.notes,
        data_set: data.name,
        model: args.model.display().to_string(),
        method: header.config.method.method().to_string(),
        transforms: config.transforms,
        transforms_used: evaluation.transforms_used,
        average: average_name(config.average).to_owned(),
        seed,
        skipped,
        seconds: start.elapsed().as_secs_f64(),
    };
    if let Some(folder) = &args.out {
        let bad_images = bad.iter().map(|bad| {
            report::unusable(
                &bad.path,
                bad.to_string(),
                UnusableKind::of(unusable_verdict(&bad.error)),
            )
        });
        let bad_masks = bad_masks
            .iter()
            .map(|bad| report::unusable(&bad.path, bad.to_string(), UnusableKind::Mask));
        let mut report = report::of_model(&summary.data_set, &origin, header);
        report.notes = evaluation.notes;
        report.add_scoring(report::scoring_rows(&config, maps.as_ref()));
        let images = &evaluation.images;
        let folder_of_images = report.add_images(images, found.pictures).display().to_string();
        report.add_fingerprints(report::fingerprints(header, &evaluation.hashes, folder_of_images));
        report.add_evaluation(&summary);
        report.unusable = bad_images.chain(bad_masks).collect();
        write_report(folder, images, &summary, &report)?;
    }
    if let Some(table) = table {
        scores::write(table, &data.test, &bad, &evaluation.predictions)?;
    }
    if args.json {
        print_json(&summary)?;
    } else {
        print(&format!("{} (seed {seed})", summary.data_set))?;
        print(&summary.to_text())?;
        if let Some(folder) = &args.out {
            print(&format!("\nReport: {}", folder.join("report.html").display()))?;
        }
    }
    Ok(Exit::Done)
}

/// Checks that what was asked for can be made of `test`.
fn require_kinds(args: &EvaluateArgs, test: &[Sample]) -> anyhow::Result<()> {
    // A report of images of one kind says what is missing; without one little would be left.
    if args.out.is_some() { require_images(test) } else { require_both_kinds(test) }
}

/// Masks that cannot be used; says which others are doubtful.
fn unusable_masks(data: &Dataset, limits: &DecodeLimits) -> Vec<BadMask> {
    let checked = BadMask::among(&data.test, limits);
    let (doubtful, bad): (Vec<_>, Vec<_>) =
        checked.into_iter().partition(|mask| mask.error.is_doubt());
    let lone = data.lone_masks();
    let doubts = doubtful.iter().map(|mask| mask.error.to_string());
    for doubt in doubts.chain(lone.iter().take(NAMED).map(ToString::to_string)) {
        tell(&format!("warning: {doubt}"));
    }
    if let Some(more) = lone.len().checked_sub(NAMED).filter(|more| *more > 0) {
        tell(&format!(
            "warning: {} more beside them belong to no test image",
            counted(more, "mask")
        ));
    }
    bad
}

/// Messages about unusable files; an error with all of them unless they may be left out.
fn skipped(
    args: &EvaluateArgs,
    images: &[BadImage],
    masks: &[BadMask],
) -> anyhow::Result<Vec<String>> {
    let messages = images.iter().map(ToString::to_string);
    let messages: Vec<String> = messages.chain(masks.iter().map(ToString::to_string)).collect();
    if messages.is_empty() {
        return Ok(messages);
    }
    let counts = [counted(images.len(), "test image"), counted(masks.len(), "mask")];
    let counts: Vec<String> = counts.into_iter().filter(|text| !text.starts_with("0 ")).collect();
    let list: String = messages.iter().map(|line| format!("\n  {line}")).collect();
    let what = format!("{} cannot be used:{list}", counts.join(" and "));
    // Without --pixel a report shows the maps alone where masks cannot be used.
    if !args.skip_bad && (args.pixel || !images.is_empty()) {
        bail!("{what}\nAdd --skip-bad to evaluate the others");
    }
    tell(&what);
    Ok(messages)
}
