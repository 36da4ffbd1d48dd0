//! `differnet score`: judges photographs.

use std::path::PathBuf;

use differnet::prediction::{FailedPrediction, Prediction, ScorePrediction};
use differnet::scoring::{Thresholds, Verdict};
use differnet::{Error, ImageScore, Localization, Model, ScoreConfig};

use crate::compression_note::CompressionNote;
use crate::drift_args::DriftArgs;
use crate::exit::Exit;
use crate::inputs::named_images;
use crate::interrupt::Interrupt;
use crate::map_args::require_localizer;
use crate::map_files::{MapFiles, MapTarget};
use crate::numbers::finite;
use crate::output::{counted, print, print_json};
use crate::prediction_line::prediction_line;
use crate::progress::Meter;
use crate::score_args::ScoringArgs;
use crate::source_args::SourceArgs;

/// Score photographs with a trained model: OK or DEFECT.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet score --model part.differnet new_photos
  differnet score --model part.differnet camera/0815.png --json
  differnet score --model part.differnet new_photos --fail-on-defect || stop_the_line
  differnet score --model part.differnet camera/0815.png --maps maps      # shows where
  differnet score --model part.differnet new_photos --adaptive    # sooner done where the case is clear
  differnet score --model part.differnet camera/0815.png --line line.json    # says when the line drifts

--json prints one object a line: {\"path\", \"method\", \"score\", \"threshold\", \"p_value\", \"verdict\":
\"ok\", \"unsure\", \"defect\" or \"invalid\", \"reason\": why it is invalid, \"transforms\", \"peak\": column and
row of what is most anomalous, or null}, or {\"path\", \"error\"} for a file that is no usable image
or a folder that cannot be read. A path that is not UTF-8 is there as bytes in Base64, too: path_bytes. Invalid
is an image that does not look like those of training: too dark, blurred, of something else. A score of
null is too large for a number. The p-value is the share of good parts that score as high, judged by good images
that training did not see; null if there are none. `differnet calibrate` sets threshold and doubt.

Exit codes: 0 done, 1 error or some image could not be used, 2 wrong arguments, 3 defects or
invalid images found (with --fail-on-defect), 130 interrupted.")]
pub(crate) struct ScoreArgs {
    /// Model file written by `differnet train`.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// Images, or folders of images nested to any depth.
    #[arg(required = true, value_name = "IMAGE_OR_DIR")]
    images: Vec<PathBuf>,
    /// Call an image a defect from this score on [default: the model's threshold].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// Exit with code 3 if there is a defect or an invalid image.
    #[arg(long)]
    fail_on_defect: bool,
    /// Write a map of each image to this folder, as `differnet localize` does.
    #[arg(long, value_name = "DIR")]
    maps: Option<PathBuf>,
    /// Replace maps that are there already.
    #[arg(long, requires = "maps")]
    overwrite: bool,
    /// Allow --maps to be a folder of the photographs; commands skip what lies there then.
    #[arg(long, requires = "maps")]
    beside_photos: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    scoring: ScoringArgs,
    #[command(flatten)]
    drift: DriftArgs,
    #[command(flatten)]
    source: SourceArgs,
}

/// Prints lines as they come and counts them.
#[derive(Debug, Default)]
struct Report {
    json: bool,
    ok: usize,
    unsure: usize,
    defects: usize,
    invalid: usize,
    failed: usize,
    /// Transforms of all images together.
    transforms: usize,
    /// Transforms of an image that needs all of them; `None` if every image gets them.
    adaptive: Option<usize>,
}

pub(crate) fn run(args: &ScoreArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let model = Model::load_on(&args.model, &args.source.open()?)?;
    let header = model.header();
    // A threshold of one's own leaves no room for the model's doubt.
    let given = args.threshold.map(|defect| Thresholds { defect, unsure: None });
    let thresholds = given.unwrap_or_else(|| header.thresholds());
    let config = args.scoring.resolve(&model, thresholds);
    let mut drift = args.drift.open(header)?;
    let adaptive = config.early_stopping.map(|_| config.transforms);
    let mut report = Report { json: args.json, adaptive, ..Report::default() };
    let meter = Meter::new();
    let mut compression = CompressionNote::new(&header.input_guard);

    let inputs = named_images(&args.images);
    let files = inputs.files();
    for (path, error) in inputs.unusable {
        report.add(Prediction::failed(&path, error))?;
    }
    let outputs = match &args.maps {
        Some(folder) => {
            require_localizer(&model, &args.model)?;
            let (overwrite, beside_photos) = (args.overwrite, args.beside_photos);
            let target = MapTarget { folder, overwrite, beside_photos };
            MapFiles::of_images(&target, &args.images, &inputs.images)?
        }
        None => Vec::new(),
    };
    let scores = scored(&model, &files, config, args.maps.is_some())?;
    for (done, (path, score)) in (1..).zip(files.iter().zip(scores)) {
        let score = match Error::per_image(score)? {
            Ok((score, map)) => {
                if let Some(map) = map {
                    write_map(&model, &outputs[done - 1], &map)?;
                }
                Ok(score)
            }
            Err(error) => Err(error),
        };
        if let Ok(score) = &score {
            drift.add(score);
            compression.add(score);
        }
        let answer = score.map(|score| ScorePrediction::new(path, header, &thresholds, &score));
        if let Err(error) = meter.suspend(|| report.add(Prediction::new(path, answer))) {
            drift.save()?;
            return Err(error);
        }
        meter.show("Scoring", done, files.len(), "");
        if interrupt.requested() {
            break;
        }
    }
    meter.clear();
    compression.tell();
    drift.save()?;
    interrupt.check(|| format!("Stopped after {} of {} images.", report.count(), files.len()))?;
    report.finish()?;
    Ok(match (args.fail_on_defect && report.defects + report.invalid > 0, report.failed > 0) {
        (true, _) => Exit::Defects,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Done,
    })
}

/// Score of one image, and its map if it is wanted.
type Scored = (ImageScore, Option<Localization>);

/// The score of each image, and its map if maps are wanted: of the same pass where the method sees an image
/// once.
fn scored<'a>(
    model: &'a Model,
    files: &'a [PathBuf],
    config: ScoreConfig,
    wants_maps: bool,
) -> anyhow::Result<Box<dyn Iterator<Item = Result<Scored, Error>> + 'a>> {
    let scores = model.scores_with(files, config);
    if !wants_maps {
        return Ok(Box::new(scores.map(|score| score.map(|score| (score, None)))));
    }
    let maps = model.maps(files)?;
    if model.header().config.method.method().sees_images_once() {
        return Ok(Box::new(maps.map(|map| map.map(|map| (map.score.clone(), Some(map))))));
    }
    Ok(Box::new(scores.zip(maps).map(|(score, map)| Ok((score?, Some(map?))))))
}

/// Writes the map of an image.
fn write_map(model: &Model, output: &MapFiles, map: &Localization) -> anyhow::Result<()> {
    output.write(map, map.color_top(model.header(), model.localize_config()?.kind))
}

impl Report {
    fn add(&mut self, answer: Prediction<ScorePrediction>) -> anyhow::Result<()> {
        if let Prediction::Found(found) = &answer {
            self.transforms += found.transforms;
        }
        match &answer {
            Prediction::Found(ScorePrediction { verdict: Verdict::Ok, .. }) => self.ok += 1,
            Prediction::Found(ScorePrediction { verdict: Verdict::Unsure, .. }) => self.unsure += 1,
            Prediction::Found(ScorePrediction { verdict: Verdict::Defect, .. }) => {
                self.defects += 1
            }
            Prediction::Found(ScorePrediction { verdict: Verdict::Invalid, .. }) => {
                self.invalid += 1
            }
            Prediction::Failed(FailedPrediction { verdict: Some(_), .. }) => self.invalid += 1,
            Prediction::Failed(_) => self.failed += 1,
        }
        if self.json {
            return print_json(&answer);
        }
        print(&prediction_line(&answer))
    }

    fn count(&self) -> usize {
        self.ok + self.unsure + self.defects + self.invalid + self.failed
    }

    fn finish(&self) -> anyhow::Result<()> {
        if self.json {
            return Ok(());
        }
        let images = counted(self.count(), "image");
        let unsure = match self.unsure {
            0 => String::new(),
            unsure => format!(", {unsure} unsure"),
        };
        let defects = counted(self.defects, "defect");
        let invalid = match self.invalid {
            0 => String::new(),
            invalid => format!(", {invalid} invalid"),
        };
        let failed = match self.failed {
            0 => String::new(),
            failed => format!(", {failed} could not be used"),
        };
        print(&format!("{images}: {} ok{unsure}, {defects}{invalid}{failed}", self.ok))?;
        let scored = self.count() - self.failed;
        match self.adaptive {
            Some(most) if scored > 0 => {
                let mean = self.transforms as f64 / scored as f64;
                print(&format!("{mean:.1} of {most} transforms an image settled the verdicts"))
            }
            _ => Ok(()),
        }
    }
}
