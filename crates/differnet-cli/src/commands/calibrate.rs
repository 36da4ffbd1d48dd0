//! `differnet calibrate`: sets a model's threshold.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use differnet::new_images::NewGoodImages;
use differnet::progress::{Monitor, Progress};
use differnet::scoring::{Costs, FalseAlarmGuarantee, ScoreError, lowest_rate};
use differnet::{Calibration, Error, GoodImages, ImageScore, Model, PathText, ThresholdRule};
use serde::Serialize;

use crate::exit::{Exit, UsageError};
use crate::interrupt::{Interrupt, stopped};
use crate::new_images::{CopyLine, tell_left_out};
use crate::numbers::{not_negative, share};
use crate::output::{counted, percent, print, print_json, tell};
use crate::output_file::OutputFile;
use crate::outputs::{defect_photographs, good_photographs};
use crate::progress::Meter;
use crate::source_args::SourceArgs;

/// Rates whose demand for images is told.
const STRICTER: f64 = 10.0;
/// Message about a calibration that was stopped.
const STOPPED: &str = "Stopped; the model keeps its threshold.";

/// Set a model's threshold: by a guaranteed false-alarm rate, or by what mistakes cost.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet calibrate --model part.differnet --good fresh_good_parts --false-alarm-rate 0.01
  differnet calibrate --model part.differnet --false-alarm-rate 0.05         # validation images of the training
  differnet calibrate --model part.differnet --good todays_parts --append    # the rule of before, more images
  differnet calibrate --model part.differnet --good g --false-alarm-rate 0.01 --unsure-rate 0.05
  differnet calibrate --model part.differnet --good g --defects d --cost-escape 200 --cost-false-alarm 1 \\
      --defect-share 0.002
  differnet calibrate --model part.differnet --reset                         # back to the training's

The model file is rewritten with the new threshold; its weights stay. Good images must be like those to
come, taken at random, and not be those that the model was trained on: those are left out, and of copies
of a photograph, in whatever format and size, one counts.

--json prints one object: {\"model\", \"rule\", \"threshold\", \"threshold_before\", \"unsure\", \"images\",
\"images_of_training\", \"left_out\": {\"seen_in_training\", \"twice\", \"unusable\", \"copies\": [{\"path\", \"of\"}]}, \"lowest_rate\",
\"images_needed\", \"defects\", \"escape_rate\", \"false_alarm_rate\", \"cost\"}; what a rule does not know is null.")]
pub(crate) struct CalibrateArgs {
    /// Model file written by `differnet train`; rewritten.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// Folder of good images that training did not see [default: the training's validation images].
    #[arg(long, value_name = "DIR")]
    good: Option<PathBuf>,
    /// Keep the good images added before, and add those of --good.
    #[arg(long, requires = "good")]
    append: bool,
    /// Largest share of good parts that may be called defective, such as 0.01.
    #[arg(long, value_name = "RATE", value_parser = share, conflicts_with_all = ["cost_escape", "reset"])]
    false_alarm_rate: Option<f64>,
    /// Probability that the share is kept [default: 0.95].
    #[arg(long, value_name = "P", value_parser = share, requires = "false_alarm_rate")]
    confidence: Option<f64>,
    /// Call a part unsure instead of ok if its score is among the highest of good parts: at most
    /// this share of them, above the false-alarm rate.
    #[arg(long, value_name = "RATE", value_parser = share, requires = "false_alarm_rate")]
    unsure_rate: Option<f64>,
    /// Folder of defective images, to weigh costs.
    #[arg(long, value_name = "DIR", requires = "cost_escape")]
    defects: Option<PathBuf>,
    /// Cost of a defect called good.
    #[arg(long, value_name = "X", value_parser = not_negative,
        requires_all = ["cost_false_alarm", "defect_share", "defects"])]
    cost_escape: Option<f64>,
    /// Cost of a good part called defective, in the same unit.
    #[arg(long, value_name = "X", value_parser = not_negative, requires = "cost_escape")]
    cost_false_alarm: Option<f64>,
    /// Share of defective parts on the line, such as 0.002.
    #[arg(long, value_name = "SHARE", value_parser = share, requires = "cost_escape")]
    defect_share: Option<f64>,
    /// Go back to the threshold set in training.
    #[arg(long, conflicts_with_all = ["good", "append", "cost_escape"])]
    reset: bool,
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
    rule: Option<ThresholdRule>,
    threshold: f64,
    threshold_before: f64,
    unsure: Option<f64>,
    images: usize,
    /// Whether these are images of the training, for lack of others.
    images_of_training: bool,
    left_out: LeftOut,
    lowest_rate: Option<f64>,
    images_needed: Option<usize>,
    #[serde(flatten)]
    balance: Balance,
}

/// Images that do not count.
#[derive(Debug, Default, Serialize)]
struct LeftOut {
    seen_in_training: usize,
    twice: usize,
    unusable: usize,
    copies: Vec<CopyLine>,
}

/// Effect of a threshold by cost on the images it was chosen on; nothing for other rules.
#[derive(Debug, Default, Serialize)]
struct Balance {
    defects: Option<usize>,
    escape_rate: Option<f64>,
    false_alarm_rate: Option<f64>,
    cost: Option<f64>,
}

pub(crate) fn run(args: &CalibrateArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let claim = OutputFile::claim_existing(&args.model)?;
    let mut model = Model::load_on(&args.model, &args.source.open()?)?;
    let before = model.header().thresholds().defect;
    let rule = rule(args, &model)?;
    let mut left_out = LeftOut::default();
    let calibrated = match rule {
        None => None,
        Some(rule) => Some(calibrate(args, &model, rule, &mut left_out, &interrupt)?),
    };
    let (calibration, balance) = calibrated.unzip();
    model.calibrate(calibration);
    claim.require_unchanged()?;
    // Nothing is half done: the file is written under another name and renamed.
    model.save(&args.model)?;
    let header = model.header();
    let calibration = header.calibration.as_ref();
    let images = calibration.map_or(0, |calibration| calibration.good_scores.len());
    // As the model keeps it: the rule asked for does not know the number of defects.
    let rule = calibration.map(|calibration| calibration.rule);
    let confidence = confidence(rule);
    let images_of_training = calibration.is_some_and(|calibration| calibration.added.count() == 0);
    let report = Report {
        model: &args.model,
        rule,
        threshold: header.thresholds().defect,
        threshold_before: before,
        unsure: calibration.and_then(|calibration| calibration.unsure),
        images,
        images_of_training,
        left_out,
        lowest_rate: confidence.map(|confidence| lowest_rate(images, confidence)),
        images_needed: match rule {
            Some(ThresholdRule::FalseAlarmRate { rate, confidence, .. }) => {
                Some(FalseAlarmGuarantee::new(rate, confidence)?.fewest_images())
            }
            _ => None,
        },
        balance: balance.unwrap_or_default(),
    };
    if args.json {
        print_json(&report)?
    } else {
        print(&readable(&report, header.config.method.method().unit())?)?
    }
    Ok(Exit::Done)
}

/// The rule to set the threshold by; `None` for the training's threshold.
fn rule(args: &CalibrateArgs, model: &Model) -> anyhow::Result<Option<ThresholdRule>> {
    if args.reset {
        return Ok(None);
    }
    if let (Some(escape), Some(false_alarm), Some(defect_share)) =
        (args.cost_escape, args.cost_false_alarm, args.defect_share)
    {
        return Ok(Some(ThresholdRule::Cost { escape, false_alarm, defect_share, defects: 0 }));
    }
    if let Some(rate) = args.false_alarm_rate {
        let confidence = args.confidence.unwrap_or(FalseAlarmGuarantee::CONFIDENCE);
        let unsure_rate = args.unsure_rate;
        if let Some(found) = unsure_rate.filter(|doubt| *doubt <= rate) {
            return Err(UsageError(ScoreError::Doubt { found, rate }.to_string()).into());
        }
        return Ok(Some(ThresholdRule::FalseAlarmRate { rate, confidence, unsure_rate }));
    }
    match model.header().calibration.as_ref().map(|calibration| calibration.rule) {
        Some(rule @ ThresholdRule::FalseAlarmRate { .. }) if args.append => Ok(Some(rule)),
        _ => Err(UsageError(
            "say how to set the threshold: --false-alarm-rate 0.01, costs, or --reset".to_owned(),
        )
        .into()),
    }
}

fn confidence(rule: Option<ThresholdRule>) -> Option<f64> {
    match rule {
        Some(ThresholdRule::FalseAlarmRate { confidence, .. }) => Some(confidence),
        _ => None,
    }
}

fn calibrate(
    args: &CalibrateArgs,
    model: &Model,
    rule: ThresholdRule,
    left_out: &mut LeftOut,
    interrupt: &Interrupt,
) -> anyhow::Result<(Calibration, Balance)> {
    let header = model.header();
    let (added, good_scores) = match &args.good {
        Some(folder) => {
            let old = header.calibration.as_ref().filter(|_| args.append);
            let good = old.map(|old| old.added.clone()).unwrap_or_default();
            let files = good_photographs(folder)?;
            let meter = Meter::new();
            let observer = |progress: &Progress| {
                meter.show("Scoring good images", progress.done, progress.total, "");
            };
            let monitor = Monitor::new(&observer, interrupt.token());
            let found = model.new_good_images(&files, good, &monitor);
            meter.clear();
            let NewGoodImages { good, trained, copies, unusable, invalid } =
                stopped(found, STOPPED)?;
            for bad in &unusable {
                tell(&format!("left out: {bad}"));
            }
            for (file, reason) in &invalid {
                tell(&format!("left out: {}: {reason}", file.display()));
            }
            tell_left_out(&trained, &copies);
            left_out.unusable = unusable.len() + invalid.len();
            left_out.seen_in_training = trained.len();
            left_out.twice = copies.len();
            left_out.copies = copies.iter().map(CopyLine::from).collect();
            if good.count() == 0 && trained.is_empty() {
                bail!(
                    "{} has no image that can be judged: see the reasons above, and take other photographs",
                    folder.display()
                );
            }
            if good.count() == 0 {
                bail!(
                    "{} has no image that the model was not trained on: take other photographs of \
                     good parts",
                    folder.display()
                );
            }
            let scores = good.scores();
            (good, scores)
        }
        None => {
            let scores = header.held_back_scores().context(
                "the model was trained without validation images: name good images with --good DIR",
            )?;
            (GoodImages::default(), scores.to_vec())
        }
    };
    let (calibration, balance) = match rule {
        ThresholdRule::FalseAlarmRate { rate, confidence, unsure_rate } => {
            let guarantee = FalseAlarmGuarantee::new(rate, confidence)?;
            let calibration = Calibration::by_false_alarms(good_scores, guarantee, unsure_rate);
            let calibration = calibration.map_err(|error| match error {
                ScoreError::TooFewForRate { .. } => anyhow!(
                    "{error}\nAdd good images, or ask for a higher --false-alarm-rate or a lower \
                     --confidence; the threshold was not changed"
                ),
                other => other.into(),
            })?;
            (calibration, Balance::default())
        }
        ThresholdRule::Cost { escape, false_alarm, defect_share, .. } => {
            let folder = args.defects.as_ref().expect("an argument that costs require");
            let files = defect_photographs(folder)?;
            let mut defects = Vec::with_capacity(files.len());
            for found in scores_of_defects(model, &files, interrupt)? {
                match found {
                    Some(score) => defects.push(score),
                    None => left_out.unusable += 1,
                }
            }
            let costs = Costs { escape, false_alarm, defect_share };
            let found = costs.cheapest(&good_scores, &defects)?;
            let balance = Balance {
                defects: Some(defects.len()),
                escape_rate: Some(found.escape_rate),
                false_alarm_rate: Some(found.false_alarm_rate),
                cost: Some(found.cost),
            };
            (Calibration::by_cost(good_scores, &defects, costs)?, balance)
        }
    };
    Ok((Calibration { added, ..calibration }, balance))
}

/// The score of each of the images `files`, under the model's own scoring; `None` of one that cannot be used or
/// is not judged, as has been said.
fn scores_of_defects(
    model: &Model,
    files: &[PathBuf],
    interrupt: &Interrupt,
) -> anyhow::Result<Vec<Option<f64>>> {
    let meter = Meter::new();
    let mut scores = Vec::with_capacity(files.len());
    for (at, score) in model.scores(files).enumerate() {
        let usable = match Error::per_image(score)? {
            Ok(ImageScore { invalid: Some(reason), .. }) => {
                Err(format!("{}: {reason}", files[at].display()))
            }
            Ok(image) => Ok(image.score),
            Err(error) => Err(error.with_causes()),
        };
        scores.push(match usable {
            Ok(score) => Some(score),
            Err(reason) => {
                meter.suspend(|| tell(&format!("left out: {reason}")));
                None
            }
        });
        meter.show("Scoring defects", at + 1, files.len(), "");
        interrupt.check(|| STOPPED.to_owned())?;
    }
    Ok(scores)
}

fn readable(report: &Report<'_>, unit: Option<&str>) -> anyhow::Result<String> {
    let unit = unit.map_or(String::new(), |unit| format!(" {unit}"));
    let Report { threshold, threshold_before: before, images, .. } = report;
    let mut lines = vec![format!("threshold {threshold:.4}{unit}, before {before:.4}")];
    if let Some(unsure) = report.unsure {
        lines.push(format!("unsure from {unsure:.4}"));
    }
    match report.rule {
        None => lines.push("This is the threshold set in training.".to_owned()),
        Some(ThresholdRule::FalseAlarmRate { rate, confidence, .. }) => {
            lines.push(format!(
                "At most {} of good parts are rejected, with {} confidence, from {}.",
                percent(rate),
                percent(confidence),
                counted(*images, "good image"),
            ));
            if report.images_of_training {
                let line = "These are images of the training; the promise is exact with others: --good DIR.";
                lines.push(line.to_owned());
            }
            let stricter = FalseAlarmGuarantee::new(rate / STRICTER, confidence)?;
            lines.push(format!(
                "{} would need at least {} good images; {images} could promise {} at best.",
                percent(rate / STRICTER),
                stricter.fewest_images(),
                percent(lowest_rate(*images, confidence)),
            ));
        }
        Some(ThresholdRule::Cost { .. }) => {
            if let Balance {
                defects: Some(defects),
                escape_rate: Some(escapes),
                false_alarm_rate: Some(false_alarms),
                cost: Some(cost),
            } = report.balance
            {
                lines.push(format!(
                    "Of {} it lets {} pass, of {} it rejects {}; expected cost of a part {cost:.4}.",
                    counted(defects, "defect"),
                    percent(escapes),
                    counted(*images, "good image"),
                    percent(false_alarms),
                ));
                lines.push("The figures are those of the images it was chosen on.".to_owned());
            }
        }
    }
    let LeftOut { seen_in_training, twice, unusable, .. } = report.left_out;
    for (count, why) in [
        (seen_in_training, "trained on"),
        (twice, "copies of others or there already"),
        (unusable, "not usable"),
    ] {
        if count > 0 {
            lines.push(format!("Left out: {}, {why}", counted(count, "image")));
        }
    }
    Ok(lines.join("\n"))
}
