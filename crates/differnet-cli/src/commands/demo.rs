//! `differnet demo`: the whole way on generated images.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use differnet::{Config, Runtime, Training};
use differnet_data::{Dataset, Layout};
use differnet_eval::InvalidCounts;
use differnet_report::{EvaluationSummary, text_table};
use differnet_samples::{SampleConfig, write_sample_dataset};
use serde::Serialize;
use serde_json::json;

use crate::atomic;
use crate::commands::train::{checkpoint_folder, checkpoint_interval, watch};
use crate::data_args::files;
use crate::evaluation::{evaluate_maps, evaluate_samples, write_report};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::numbers::{duration, seed};
use crate::output::{print, print_json, shell_word, tell};
use crate::output_file::{OutputFile, Overwrite};
use crate::progress::Meter;
use crate::report;
use crate::score_args::average_name;
use crate::source_args::SourceArgs;

/// The file that tells our folder from others.
const ABOUT: &str = "about.txt";
const ABOUT_TEXT: &str = "\
Written by `differnet demo`.

data/        generated images in the layout of MVTec AD, no photographs
CATEGORY/    the model, the report, scores of the test images, metrics and plots
";

/// Generate images of parts, train on the good ones, find the defects: about three minutes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet demo
  differnet demo --out tour --seed 7

Writes images, and for each category a model, report.html, scores.csv, metrics.json, roc.svg and
histogram.svg.

--json prints one object: {\"out\", \"seed\", \"seconds\", \"categories\"}, for each category what `differnet evaluate --json`
prints, and its name.")]
pub(crate) struct DemoArgs {
    /// Folder to write to; an earlier demo in it is replaced.
    #[arg(long, value_name = "DIR", default_value = "differnet-demo")]
    out: PathBuf,
    /// Seed of the images and of every other random draw.
    #[arg(long, value_name = "S", value_parser = seed, allow_negative_numbers = true, default_value_t = 0)]
    seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: SourceArgs,
}

/// One category's part of the result.
#[derive(Debug, Serialize)]
struct CategoryResult {
    category: String,
    #[serde(flatten)]
    summary: EvaluationSummary,
}

pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let interrupt = Interrupt::listen()?;
    claim(&args.out)?;
    tell(&format!("Drawing images into {} (seed {})", args.out.join("data").display(), args.seed));
    let data = args.out.join("data");
    let sample = SampleConfig { seed: args.seed, ..SampleConfig::default() };
    let categories = write_sample_dataset(&data, &sample)?;
    let runtime = args.source.open()?;
    let mut results = Vec::new();
    for category in categories {
        tell(&format!("\n{category}"));
        let summary = train_and_evaluate(args, &data, &category, &runtime, &interrupt)?;
        results.push(CategoryResult { category, summary });
    }
    if args.json {
        return print_json(&json!({
            "out": args.out.to_string_lossy(), "seed": args.seed, "seconds": start.elapsed().as_secs_f64(),
            "categories": results,
        }))
        .map(|()| Exit::Done);
    }
    print(&format!("\n{}", table(&results).trim_end()))?;
    print(&format!(
        "\nModels, reports and scores are in {}; it took {}.",
        args.out.display(),
        duration(start.elapsed())
    ))?;
    if let Some(CategoryResult { category, summary }) = results.first() {
        let model = shell_word(Path::new(&summary.model));
        let images = shell_word(&data.join(category).join("test"));
        print(&format!("Next:  differnet score --model {model} {images}"))?;
    }
    Ok(Exit::Done)
}

/// Makes the folder ours, unless it is somebody else's.
fn claim(folder: &Path) -> anyhow::Result<()> {
    let about = folder.join(ABOUT);
    let ours = std::fs::read_to_string(&about).is_ok_and(|text| text == ABOUT_TEXT);
    if !ours && folder.exists() {
        let mut entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot use the folder {}", folder.display()))?;
        if entries.next().is_some() {
            bail!("{} holds files that are not a demo's: name another --out", folder.display());
        }
    }
    atomic::write(&about, ABOUT_TEXT.as_bytes())
}

fn train_and_evaluate(
    args: &DemoArgs,
    data: &Path,
    category: &str,
    runtime: &Runtime,
    interrupt: &Interrupt,
) -> anyhow::Result<EvaluationSummary> {
    let start = Instant::now();
    let config = Config { seed: args.seed, ..Config::default() };
    let folder = args.out.join(category);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let path = folder.join("model.differnet");
    let layout = Layout::Mvtec { category: Some(category.to_owned()) };
    let dataset = Dataset::load(data, &layout, args.seed)?;
    let claim = OutputFile::claim(&path, Overwrite::Allow)?;
    let checkpoints = checkpoint_folder(&path);
    let training = Training {
        checkpoints: Some(&checkpoints),
        checkpoint_interval: checkpoint_interval()?,
        ..Training::new(&config, runtime)
    };
    let model = watch(interrupt, &training, &files(&dataset.train))?.model;
    claim.require_unchanged()?;
    model.save(&path)?;
    drop(claim);
    let origin = report::Origin::new(&path, &args.source)?;
    training.remove_checkpoints()?;
    let scoring = model.score_config();
    let meter = Meter::new();
    let test = &dataset.test;
    let evaluation = evaluate_samples(&model, test, scoring, args.seed, &meter, interrupt)?;
    let maps = model.localize_config()?;
    let found = evaluate_maps(&model, test, &[], maps, &meter, interrupt)?;
    let summary = EvaluationSummary {
        seen_in_training: evaluation.seen_by(model.header()),
        invalid: InvalidCounts::of(&evaluation.images),
        metrics: evaluation.metrics,
        pixel: found.metrics,
        pixel_notes: found.notes,
        data_set: dataset.name,
        model: path.display().to_string(),
        method: config.method.method().to_string(),
        transforms: scoring.transforms,
        transforms_used: evaluation.transforms_used,
        average: average_name(scoring.average).to_owned(),
        seed: args.seed,
        skipped: Vec::new(),
        seconds: start.elapsed().as_secs_f64(),
    };
    let (images, header) = (&evaluation.images, model.header());
    let mut report = report::of_model(&summary.data_set, &origin, header);
    report.add_scoring(report::scoring_rows(&scoring, Some(&maps)));
    let folder_of_images = report.add_images(images, found.pictures).display().to_string();
    report.add_fingerprints(report::fingerprints(header, &evaluation.hashes, folder_of_images));
    report.add_evaluation(&summary);
    write_report(&folder, images, &summary, &report)?;
    Ok(summary)
}

fn table(results: &[CategoryResult]) -> String {
    let rows: Vec<Vec<String>> = results
        .iter()
        .filter_map(|CategoryResult { category, summary }| {
            let metrics = summary.metrics.both_classes()?;
            let counts = metrics.confusion.unwrap_or_default();
            Some(vec![
                category.clone(),
                format!("{:.3}", metrics.auroc),
                format!("{:.3} to {:.3}", metrics.auroc_ci95.lower, metrics.auroc_ci95.upper),
                format!("{} of {}", counts.true_positives, metrics.defects),
                format!("{} of {}", counts.false_positives, metrics.good),
                format!("{:.0}", summary.seconds),
            ])
        })
        .collect();
    let headers =
        ["category", "AUROC", "95 % interval", "defects found", "good rejected", "seconds"];
    text_table(&headers, &rows)
}
