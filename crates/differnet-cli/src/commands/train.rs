//! `differnet train`: photographs of good parts become a model.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use differnet::progress::{Monitor, Progress, Stage};
use differnet::scoring::{FalseAlarmGuarantee, lowest_rate};
use differnet::{BadImagePolicy, Error, Header, Method, Model, PathText, Trained, Training};
use differnet_data::{BadImage, Dataset, Layout};
use serde::Serialize;

use crate::config_args::ConfigArgs;
use crate::data_args::{DataArgs, files};
use crate::exit::{Exit, Interrupted};
use crate::interrupt::Interrupt;
use crate::method_args::MethodArgs;
use crate::numbers::duration;
use crate::output::{counted, print, print_json, shell_word, tell};
use crate::output_file::{OutputFile, Overwrite};
use crate::progress::Meter;
use crate::regions_args::RegionsArgs;
use crate::source_args::SourceArgs;
use crate::weights_args::WeightsArgs;

/// Train a model on photographs of good parts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet train --data good_parts --out part.differnet
  differnet train --data mvtec_ad --layout mvtec --category bottle --out bottle.differnet
  differnet train --data tiles --layout mtd --mtd-train-list datasets/mtd_train_list.txt --seed 1 --out tiles.differnet
  differnet train --data good_parts --preset paper --out part.differnet        # the paper's method
  differnet train --data good_parts --roi part.png --ignore clamps.toml --out part.differnet
  differnet train --data good_parts --method 1nn --out part_1nn.differnet
  differnet train --data good_parts --backbone resnet18 --weights resnet18.safetensors --out part.differnet

Ctrl-C saves the state of flows in training beside the model, and the same command takes them up again.
With --method differnet features are kept in a cache, so that another training on the same images starts at
once.
A file FILE.toml for --roi or --ignore holds polygons, in fractions of the image's width and height
from its top left corner: [[polygon]] and below it points = [[0, 0], [1, 0], [1, 0.2], [0, 0.2]].

--json prints one object: {\"out\", \"method\", \"images\", \"held_back\", \"depth\", \"updates\", \"threshold\", \"validation\",
\"skipped\", \"seed\", \"seconds\"}.")]
pub(crate) struct TrainArgs {
    /// Model file to write.
    #[arg(long, value_name = "M.differnet")]
    out: PathBuf,
    /// Replace the model file if it exists.
    #[arg(long)]
    overwrite: bool,
    /// Forget the state of an interrupted training and begin anew.
    #[arg(long)]
    restart: bool,
    /// Train without the files that are no usable images, instead of stopping.
    #[arg(long)]
    skip_bad: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    regions: RegionsArgs,
    /// Number of bits of a 16-bit sample that count [default: the fewest of 10, 12, 14 and 16 that hold the
    /// largest value of the training images]. Files that state it themselves need none.
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u8).range(9..=16))]
    depth: Option<u8>,
    #[command(flatten)]
    method: MethodArgs,
    #[command(flatten)]
    weights: WeightsArgs,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

/// The result of `--json`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    #[serde(serialize_with = "PathText::serialize_lossy")]
    out: &'a Path,
    method: Method,
    images: usize,
    held_back: usize,
    /// Bits of a 16-bit sample that count; `None` for 8-bit images, or if each states its own.
    depth: Option<u8>,
    /// `None` for methods without updates.
    updates: Option<u64>,
    threshold: f64,
    /// Loss of the validation images under the weights kept, nats per feature.
    validation: Option<f64>,
    skipped: Vec<String>,
    seed: u64,
    seconds: f64,
}

pub(crate) fn run(args: &TrainArgs) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let interrupt = Interrupt::listen()?;
    let layout = args.data.layout()?;
    let config = args.method.resolve(&args.config, matches!(layout, Layout::Mtd { .. }))?;
    let seed = config.seed;
    let weights = args.weights.load(config.backbone)?;
    let out = OutputFile::claim(&args.out, Overwrite::from(args.overwrite))?;
    let regions = args.regions.load()?;
    let data = args.data.load(&layout, seed)?;
    tell_found(&layout, &data);
    args.data.folders(&data)?.tell();
    if let Some(regions) = &regions {
        tell(&format!("Regions: {regions}"));
        if let Some(doubt) = regions.doubt() {
            tell(&format!("warning: {doubt}"));
        }
    }
    tell(&format!("Seed {seed}; checking the images ..."));

    let runtime = args.source.open()?;
    let runtime = match weights {
        Some(weights) => runtime.with_weights(weights),
        None => runtime,
    };
    let checkpoints = checkpoint_folder(&args.out);
    let method = config.method.method();
    let training = Training {
        // Others begin anew.
        checkpoints: method.is_resumable().then_some(&checkpoints),
        checkpoint_interval: checkpoint_interval()?,
        bad_images: if args.skip_bad { BadImagePolicy::Skip } else { BadImagePolicy::Refuse },
        regions: regions.as_ref(),
        depth: args.depth,
        ..Training::new(&config, &runtime)
    };
    if method.is_resumable() && checkpoints.exists() {
        if args.restart {
            training.remove_checkpoints()?;
        } else if training.has_checkpoint() {
            tell(&format!("Taking up the training in {}", checkpoints.display()));
        }
    }
    let trained = watch(&interrupt, &training, &files(&data.train));
    if method.is_resumable() && trained.is_err() {
        // Left behind empty by a training that could not begin; a full one stays.
        let _ = std::fs::remove_dir(&checkpoints);
    }
    let Trained { model, skipped } = trained?;
    let place = out.place();
    model.save(place.path())?;
    training.remove_checkpoints()?;
    finish(args, place.path(), &data, &model, &skipped, start.elapsed())?;
    Ok(place.end(&args.out, Exit::Done))
}

/// Runs a training with progress on the terminal and an ear for Ctrl-C.
pub(crate) fn watch(
    interrupt: &Interrupt,
    training: &Training<'_>,
    images: &[PathBuf],
) -> anyhow::Result<Trained> {
    let meter = Meter::new();
    let validation_told = AtomicBool::new(false);
    let observer = |progress: &Progress| {
        if progress.stage == Stage::Validation && !validation_told.swap(true, Ordering::Relaxed) {
            let images = counted(progress.total, "image");
            meter.suspend(|| tell(&format!("Validation set, for the threshold: {images}")));
        }
        meter.show_training(progress);
    };
    let monitor = Monitor::new(&observer, interrupt.token());
    let trained = Training { monitor, ..training.clone() }.run(images);
    meter.clear();
    trained.map_err(|error| match error {
        Error::Cancelled(_) => Interrupted(what_was_kept(training)).into(),
        Error::OtherCheckpoint { .. } | Error::Model { .. } => anyhow::Error::from(error).context(
            "cannot take up the interrupted training; --restart forgets it and begins anew",
        ),
        Error::BadImages { ref bad } if bad.len() < images.len() => {
            anyhow::anyhow!("{error}\nAdd --skip-bad to train on the others")
        }
        other => other.into(),
    })
}

/// Message after an interrupted training.
fn what_was_kept(training: &Training<'_>) -> String {
    let method = training.config.method.method();
    match training.checkpoints {
        Some(folder) if training.has_checkpoint() => {
            let folder = folder.display();
            format!("Stopped and saved in {folder}. Repeat the same command to go on.")
        }
        _ if method.sees_images_once() => "Stopped; the same command begins anew.".to_owned(),
        _ => "Stopped; features so far are in the cache, the same command goes on.".to_owned(),
    }
}

/// Environment variable: seconds between two saves of a training's state.
const INTERVAL: &str = "DIFFERNET_CHECKPOINT_SECONDS";

/// Time between two saves of a training's state: a minute, unless the environment says otherwise.
pub(crate) fn checkpoint_interval() -> anyhow::Result<Duration> {
    interval_from(std::env::var_os(INTERVAL).as_deref())
}

fn interval_from(value: Option<&OsStr>) -> anyhow::Result<Duration> {
    let Some(value) = value else { return Ok(Duration::from_secs(60)) };
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).with_context(|| {
        format!("setting {INTERVAL} must be a number of seconds, found {}", value.display())
    })
}

/// `M.differnet.checkpoints`, beside the model.
pub(crate) fn checkpoint_folder(model: &Path) -> PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".checkpoints");
    name.into()
}

fn tell_found(layout: &Layout, data: &Dataset) {
    let defects = data.test.iter().filter(|sample| sample.defect.is_some()).count();
    let test = match data.test.len() {
        0 => "no test images".to_owned(),
        test => format!("{} to test with, {defects} of them defective", counted(test, "image")),
    };
    tell(&format!(
        "{} (layout {}): {} to train on, {test}",
        data.name,
        layout.name(),
        counted(data.train.len(), "good image"),
    ));
}

fn finish(
    args: &TrainArgs,
    out: &Path,
    data: &Dataset,
    model: &Model,
    skipped: &[BadImage],
    time: Duration,
) -> anyhow::Result<()> {
    let model = model.header();
    let (updates, seed) = (model.updates, model.config.seed);
    let kept = model.history.iter().find(|point| Some(point.update) == updates);
    let skipped: Vec<String> = skipped.iter().map(ToString::to_string).collect();
    if args.json {
        print_json(&Summary {
            out,
            method: model.config.method.method(),
            images: model.training_images,
            held_back: model.held_back_images,
            depth: model.depth,
            updates,
            threshold: model.thresholds().defect,
            validation: kept.and_then(|point| point.validation),
            skipped,
            seed,
            seconds: time.as_secs_f64(),
        })?;
        return Ok(());
    }
    if !skipped.is_empty() {
        let list: String = skipped.iter().map(|line| format!("\n  {line}")).collect();
        tell(&format!("{} left out:{list}", counted(skipped.len(), "file")));
    }
    let path = shell_word(out);
    if let Some(bits) = model.depth.filter(|&bits| args.depth.is_none() && bits < 16) {
        tell(&format!(
            "The images use {bits} bits of 16, by their largest value: samples are scaled by that, and \
             the model refuses images of another depth. If they have more bits: --depth 16."
        ));
    }
    print(&learnt(model))?;
    print(&format!("Wrote {} after {} (seed {seed})", out.display(), duration(time)))?;
    print(&format!("\nNext:  differnet score --model {path} IMAGE_OR_FOLDER"))?;
    if data.test.iter().any(|sample| sample.defect.is_some()) {
        print(&format!("       differnet evaluate --model {path} {}", args.data.typed()))?;
    }
    Ok(())
}

/// Result of the training, for people.
fn learnt(model: &Header) -> String {
    let (kind, images) = match model.held_back_images {
        0 if model.cross_validated => {
            ("good images, each by a fit without it (cross-validation)", model.good_scores.len())
        }
        0 => ("training images (there is no validation set)", model.good_scores.len()),
        validation => ("validation images", validation),
    };
    let scores = match (model.good_scores.first(), model.good_scores.last()) {
        (Some(low), Some(high)) => format!("{low:.2} to {high:.2}"),
        _ => "unknown".to_owned(),
    };
    let how = match model.updates {
        Some(updates) => format!("{updates} updates"),
        None => format!("the method {}", model.config.method.method()),
    };
    let threshold = model.thresholds().defect;
    format!(
        "Trained on {} with {how}.\n\
         Scores of {images} {kind}: {scores}.\n\
         Threshold {threshold:.2}: an image that scores this or more is called a defect.\n{}",
        counted(model.training_images, "good image"),
        promise(model, threshold)
    )
}

/// Promise of a threshold: the share of good parts that it rejects, as far as its scores tell.
fn promise(model: &Header, threshold: f64) -> String {
    let Some(p) = model.p_value(threshold) else {
        return "How many good parts that rejects is unknown, training saw all images: \
                differnet calibrate tells by others."
            .to_owned();
    };
    let images = model.good_scores.len();
    let scores = counted(images, "score");
    let average =
        format!("By {scores}, up to {:.1} % of good parts are rejected on average", 100.0 * p);
    if model.good_scores.iter().any(|score| *score >= threshold) {
        return format!("{average}.");
    }
    let confidence = FalseAlarmGuarantee::CONFIDENCE;
    let bound = 100.0 * lowest_rate(images, confidence);
    let sure = 100.0 * confidence;
    format!(
        "{average}; so few promise, with {sure:.0} % confidence, nothing better than {bound:.0} %."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_sets_the_time_between_two_saves() -> anyhow::Result<()> {
        let interval = |text: &str| interval_from(Some(OsStr::new(text)));
        assert_eq!(interval_from(None)?, Duration::from_secs(60));
        assert_eq!(interval("0")?, Duration::ZERO);
        assert_eq!(interval("0.25")?, Duration::from_millis(250));
        for text in ["", "soon", "-1", "NaN", "1e99"] {
            let message = interval(text).expect_err(text).to_string();
            assert!(message.contains(INTERVAL), "{message}");
        }
        Ok(())
    }
}
