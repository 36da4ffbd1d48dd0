//! An evaluation and the folder that it writes: shared by `evaluate` and `demo`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};
use differnet::detail_notes::DetailNotes;
use differnet::evaluation::{
    MaskComparison, MetricError, PixelMetrics, ScoredImage, ScoredSamples, TestSetMetrics,
};
use differnet::prediction::ScorePrediction;
use differnet::{Error, Header, LocalizeConfig, Model, ScoreConfig};
use differnet_data::{BadImage, BadMask, ContentHash, Sample};
use differnet_eval::roc_curve;
use differnet_report::{
    EvaluationSummary, ImagePictures, Report, histogram_svg, roc_svg, write_scores_csv,
};

use crate::atomic;
use crate::exit::UsageError;
use crate::interrupt::Interrupt;
use crate::output::tell_notes;
use crate::progress::Meter;

/// The files that an evaluation writes.
const FILES: [&str; 5] = ["metrics.json", "scores.csv", "roc.svg", "histogram.svg", "report.html"];
/// The first value of `metrics.json`, which tells our files from others.
const PROGRAM: &str = concat!("differnet ", env!("CARGO_PKG_VERSION"));

/// Scores of a test set and their metrics.
#[derive(Debug)]
pub(crate) struct Evaluation {
    /// Labels and scores.
    pub(crate) images: Vec<ScoredImage>,
    /// The images' contents, in the same order.
    pub(crate) hashes: Vec<ContentHash>,
    /// Predictions of the images, in the same order.
    pub(crate) predictions: Vec<ScorePrediction>,
    /// Sentences about images with less fine detail than the model knows.
    pub(crate) notes: Vec<String>,
    /// Transforms of an image on average; `None` if every image got the same number.
    pub(crate) transforms_used: Option<f64>,
    /// Scores against labels.
    pub(crate) metrics: TestSetMetrics,
}

impl Evaluation {
    /// Number of images that the model of `header` was trained on.
    pub(crate) fn seen_by(&self, header: &Header) -> usize {
        self.hashes.iter().filter(|hash| header.has_seen(hash)).count()
    }
}

/// Maps of a test set: against its masks, and as pictures.
#[derive(Debug, Default)]
pub(crate) struct MapEvaluation {
    /// Against the masks; `None` without any.
    pub(crate) metrics: Option<PixelMetrics>,
    /// Sentences about what the metrics leave out.
    pub(crate) notes: Vec<String>,
    /// Each image, and the same under its map.
    pub(crate) pictures: Vec<ImagePictures>,
}

/// Checks that there are images to test with.
pub(crate) fn require_images(test: &[Sample]) -> anyhow::Result<()> {
    if test.is_empty() {
        bail!(
            "the data set has no test images: add them as the layout wants, or name folders with \
             --test-good and --test-defect"
        );
    }
    Ok(())
}

/// Checks that there are good and defective images to test with.
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
    let mut scored = ScoredSamples::default();
    let header = model.header();
    let (mut predictions, thresholds) = (Vec::with_capacity(test.len()), header.thresholds());
    let mut detail = DetailNotes::new(&header.input_guard);
    let scores = model.scores_with(test.iter().map(|sample| &sample.image), config);
    for (done, (sample, score)) in (1..).zip(test.iter().zip(scores)) {
        let score = score.map_err(Error::changed)?;
        detail.add(&score);
        scored.add(sample, &score);
        predictions.push(ScorePrediction::new(&sample.image, header, &thresholds, &score));
        meter.show("Scoring test images", done, test.len(), "");
        let message = "Stopped; features so far are in the cache, the same command goes on.";
        interrupt.check(|| message.to_owned())?;
    }
    meter.clear();
    let notes = detail.sentences();
    tell_notes(&notes);
    let metrics = scored.metrics(thresholds.defect, seed)?;
    let transforms_used = config.early_stopping.map(|_| scored.mean_transforms());
    let ScoredSamples { images, hashes, .. } = scored;
    Ok(Evaluation { images, hashes, predictions, notes, transforms_used, metrics })
}

/// Localizes every image of `test` and compares the maps with the masks, except with `bad` ones.
pub(crate) fn evaluate_maps(
    model: &Model,
    test: &[Sample],
    bad: &[BadMask],
    config: LocalizeConfig,
    meter: &Meter,
    interrupt: &Interrupt,
) -> anyhow::Result<MapEvaluation> {
    let mut masks = MaskComparison::default();
    let mut pictures = Vec::with_capacity(test.len());
    let maps = model.maps_with(test.iter().map(|sample| &sample.image), config);
    for (done, (sample, found)) in (1..).zip(test.iter().zip(maps)) {
        let found = found.map_err(Error::changed)?;
        masks.add(sample, bad, &found, &model.runtime().limits)?;
        let top = found.color_top(model.header(), config.kind);
        let seen = found.seen_image();
        pictures.push(ImagePictures::with_map(&found.image, &seen, &found.map, top));
        meter.show("Maps of test images", done, test.len(), "");
        interrupt.check(|| "Stopped; the same command begins anew.".to_owned())?;
    }
    meter.clear();
    Ok(MapEvaluation { metrics: masks.metrics(), notes: masks.notes(), pictures })
}

/// Pictures of `test` for a method that makes no maps.
pub(crate) fn without_maps(model: &Model, test: &[Sample]) -> anyhow::Result<MapEvaluation> {
    let limits = &model.runtime().limits;
    let picture =
        |sample: &Sample| Ok(ImagePictures::without_map(&limits.decode_file(&sample.image)?));
    let pictures = test.iter().map(picture).collect::<anyhow::Result<_>>()?;
    Ok(MapEvaluation { pictures, ..MapEvaluation::default() })
}

/// Tells whether `path` is a file of the report that is written to `folder`.
pub(crate) fn is_of_report(folder: &Path, path: &Path) -> bool {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new("."));
    // By links where they are there, by name where they are not.
    let place = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    place(above) == place(folder)
        && FILES.iter().any(|name| path.file_name().is_some_and(|found| found == *name))
}

/// Checks that writing a report to `folder` replaces no files but an earlier report's.
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
    summary: &EvaluationSummary,
    report: &Report,
) -> anyhow::Result<()> {
    atomic::replace(&folder.join("metrics.json"), |out| Ok(summary.write_json(PROGRAM, out)?))?;
    let threshold = summary.metrics.threshold();
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
fn write_roc(
    path: &Path,
    images: &[ScoredImage],
    summary: &EvaluationSummary,
) -> anyhow::Result<()> {
    let Some(metrics) = summary.metrics.both_classes() else {
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
