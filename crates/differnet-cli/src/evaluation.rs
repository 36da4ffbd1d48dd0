//! Scores a test set and writes what was found: shared by `evaluate` and `demo`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};
use differnet::{Method, Model, ScoreConfig};
use differnet_data::{BadImage, ContentHash, Sample};
use differnet_eval::{MetricError, PixelMetrics, ScoredImage, roc_curve};
use differnet_report::{Report, histogram_svg, roc_svg, text_table, write_scores_csv};
use serde::Serialize;

use crate::atomic;
use crate::exit::UsageError;
use crate::findings::Findings;
use crate::interrupt::Interrupt;
use crate::progress::Meter;

/// The files that an evaluation writes.
const FILES: [&str; 5] = ["metrics.json", "scores.csv", "roc.svg", "histogram.svg", "report.html"];
/// What `metrics.json` says first, which tells our files from others.
const PROGRAM: &str = concat!("differnet ", env!("CARGO_PKG_VERSION"));

/// What an evaluation found.
#[derive(Debug)]
pub(crate) struct Evaluation {
    /// Labels and scores.
    pub(crate) images: Vec<ScoredImage>,
    /// The images' contents, in the same order.
    pub(crate) hashes: Vec<ContentHash>,
    /// Transforms of an image on average; `None` if every image got the same number.
    pub(crate) transforms_used: Option<f64>,
    /// What the scores amount to.
    pub(crate) findings: Findings,
}

/// What `evaluate` and `demo` say of one evaluation, on the terminal and in `metrics.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// The numbers.
    #[serde(flatten)]
    pub(crate) findings: Findings,
    /// The data set's name.
    pub(crate) data_set: String,
    /// The model file.
    pub(crate) model: String,
    /// The model's method.
    pub(crate) method: Method,
    /// Transforms of each image; the most, with `--adaptive`.
    pub(crate) transforms: usize,
    /// Those of an image on average, with `--adaptive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transforms_used: Option<f64>,
    /// How they are averaged.
    pub(crate) average: &'static str,
    /// Seed of random transforms and resampling.
    pub(crate) seed: u64,
    /// Maps against masks, if both were asked for and are there.
    #[serde(flatten)]
    pub(crate) pixel: Option<PixelMetrics>,
    /// What the pixel metrics leave out, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) pixel_notes: Vec<String>,
    /// Test images and masks that could not be used.
    pub(crate) skipped: Vec<String>,
    /// Wall-clock time.
    pub(crate) seconds: f64,
}

/// `metrics.json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    program: &'static str,
    #[serde(flatten)]
    summary: &'a Summary,
}

/// Nothing, if there are images to test with.
pub(crate) fn require_images(test: &[Sample]) -> anyhow::Result<()> {
    if test.is_empty() {
        bail!(
            "the data set has no test images: add them as the layout wants, or name folders with \
             --test-good and --test-defect"
        );
    }
    Ok(())
}

/// Nothing, if there are good and defective images to test with.
pub(crate) fn require_both_kinds(test: &[Sample]) -> anyhow::Result<()> {
    require_images(test)?;
    let images = test.len();
    let defects = test.iter().filter(|sample| sample.defect.is_some()).count();
    let missing = match defects {
        0 => MetricError::NoDefectImage { images },
        defects if defects == images => MetricError::NoGoodImage { images },
        _ => return Ok(()),
    };
    bail!("{missing}; or add --out DIR for a report of the verdicts alone")
}

/// The samples without those whose files are bad.
pub(crate) fn usable(samples: &[Sample], bad: &[BadImage]) -> Vec<Sample> {
    let is_bad = |sample: &Sample| bad.iter().any(|bad| bad.path == sample.image);
    samples.iter().filter(|sample| !is_bad(sample)).cloned().collect()
}

/// Scores `test` and compares with its labels; `seed` starts the bootstrap.
pub(crate) fn evaluate_samples(
    model: &Model,
    test: &[Sample],
    config: ScoreConfig,
    seed: u64,
    meter: &Meter,
    interrupt: &Interrupt,
) -> anyhow::Result<Evaluation> {
    let mut images = Vec::with_capacity(test.len());
    let mut hashes = Vec::with_capacity(test.len());
    let mut transforms = 0;
    let scores = model.scores_with(test.iter().map(|sample| &sample.image), config);
    for (done, (sample, score)) in (1..).zip(test.iter().zip(scores)) {
        let score = score.context("a test image changed while it was in use")?;
        hashes.push(score.hash);
        transforms += score.transform_scores.len();
        images.push(ScoredImage {
            path: sample.image.display().to_string(),
            kind: sample.defect.as_ref().map(|defect| defect.kind.clone()),
            score: score.score,
        });
        meter.show("Scoring test images", done, test.len(), "");
        let message = "Stopped; features so far are in the cache, the same command goes on.";
        interrupt.check(|| message.to_owned())?;
    }
    meter.clear();
    let findings = Findings::of(&images, model.header().thresholds().defect, seed)?;
    let transforms_used = config.settle.map(|_| transforms as f64 / images.len() as f64);
    Ok(Evaluation { images, hashes, transforms_used, findings })
}

/// Nothing, if writing a report to `folder` replaces no files but an earlier report's.
pub(crate) fn require_ours(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() && !folder.is_dir() {
        return Err(UsageError(format!("{} is a file: name a folder", folder.display())).into());
    }
    let Some(found) = FILES.iter().find(|name| folder.join(name).exists()) else { return Ok(()) };
    let ours = std::fs::read_to_string(folder.join("metrics.json")).is_ok_and(|text| {
        serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|metrics| {
            metrics["program"].as_str().is_some_and(|p| p.starts_with("differnet "))
        })
    });
    if !ours {
        bail!(
            "{} holds a {found} that no earlier evaluation wrote: choose another folder, or add \
             --overwrite",
            folder.display()
        );
    }
    Ok(())
}

/// Writes `metrics.json`, `scores.csv`, `histogram.svg`, `report.html` and, if there are labels of
/// both kinds, `roc.svg`.
pub(crate) fn write_report(
    folder: &Path,
    images: &[ScoredImage],
    summary: &Summary,
    report: &Report,
) -> anyhow::Result<()> {
    let document = Document { program: PROGRAM, summary };
    let text = serde_json::to_string_pretty(&document)? + "\n";
    atomic::write(&folder.join("metrics.json"), text.as_bytes())?;
    let threshold = summary.findings.threshold();
    atomic::replace(&folder.join("scores.csv"), |out| {
        Ok(write_scores_csv(images, threshold, out)?)
    })?;
    write_roc(&folder.join("roc.svg"), images, summary)?;
    let histogram = histogram_svg(images, threshold, &report.unit)?;
    atomic::write(&folder.join("histogram.svg"), histogram.as_bytes())?;
    atomic::replace(&folder.join("report.html"), |out| {
        Ok(differnet_report::write_report(report, out)?)
    })
}

/// Writes the ROC curve; without one, deletes that of an earlier evaluation.
fn write_roc(path: &Path, images: &[ScoredImage], summary: &Summary) -> anyhow::Result<()> {
    let Some(metrics) = summary.findings.metrics() else {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot delete {}", path.display()))
            }
            _ => Ok(()),
        };
    };
    let scores: Vec<f64> = images.iter().map(|image| image.score).collect();
    let defects: Vec<bool> = images.iter().map(ScoredImage::is_defect).collect();
    let curve = roc_curve(&scores, &defects)?;
    let roc = roc_svg(&[(summary.data_set.clone(), &curve, metrics.auroc)])?;
    atomic::write(path, roc.as_bytes())
}

/// Names and values of the pixel metrics.
pub(crate) fn pixel_rows(pixel: &PixelMetrics) -> Vec<(String, String)> {
    let rows = [
        ("Pixel AUROC", pixel.pixel_auroc),
        ("AUPRO up to 0.3", pixel.aupro),
        ("Best pixel F1", pixel.pixel_f1),
        ("Best pixel IoU", pixel.pixel_iou),
        ("Pointing game", pixel.pointing_game),
    ];
    rows.map(|(name, value)| (name.to_owned(), format!("{value:.4}"))).into()
}

/// The numbers, for people.
pub(crate) fn describe(summary: &Summary) -> String {
    let mut lines = summary.findings.describe();
    if let Some(pixel) = &summary.pixel {
        lines.extend(pixel_rows(pixel).iter().map(|(name, value)| format!("{name:<28} {value}")));
    }
    lines.extend(summary.pixel_notes.iter().map(|note| format!("note: {note}")));
    let text = lines.join("\n");
    let Some(metrics) = summary.findings.metrics() else { return text };
    let kinds = metrics.per_kind.iter();
    let rows: Vec<Vec<String>> = kinds
        .map(|kind| vec![kind.kind.clone(), kind.images.to_string(), format!("{:.4}", kind.auroc)])
        .collect();
    let table = text_table(&["kind of defect", "images", "AUROC"], &rows);
    format!("{text}\n\n{}", table.trim_end())
}
