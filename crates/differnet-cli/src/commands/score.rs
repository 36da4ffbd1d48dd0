//! `differnet score`: judges photographs.

mod part;

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use differnet::detail_notes::DetailNotes;
use differnet::prediction::{Prediction, ScorePrediction};
use differnet::scoring::Thresholds;
use differnet::{Error, ImageScore, Localization, Model, ScoreConfig};
use differnet_data::ContentHash;

use crate::archive::{Manifest, Settings, ShardArgs};
use crate::drift_args::DriftArgs;
use crate::exit::{Exit, UsageError, reader_has_left, though_unread};
use crate::inputs::{Inputs, named_images};
use crate::interrupt::Interrupt;
use crate::map_args::require_localizer;
use crate::map_files::{MapFiles, MapTarget};
use crate::numbers::finite;
use crate::output::{print, print_json, tell_notes};
use crate::prediction_line::prediction_line;
use crate::progress::Meter;
use crate::score_args::ScoringArgs;
use crate::source_args::SourceArgs;
use crate::table::{Metadata, SCORED, TableArgs, TableFile};
use crate::tally::Tally;

/// Score photographs with a trained model: OK or DEFECT.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet score --model part.differnet new_photos
  differnet score --model part.differnet camera/0815.png --json
  differnet score --model part.differnet new_photos --out scores.parquet  # or .csv, .jsonl
  differnet score --model part.differnet new_photos --fail-on-defect || stop_the_line
  differnet score --model part.differnet camera/0815.png --maps maps      # shows where
  differnet score --model part.differnet new_photos --adaptive    # sooner done where the case is clear
  differnet score --model part.differnet camera/0815.png --line line.json    # says when the line drifts
  differnet score --model part.differnet --manifest files.txt --shard 3/64 --out parts  # then: merge

--json prints one object a line: {\"path\", \"method\", \"score\", \"threshold\", \"p_value\", \"verdict\":
\"ok\", \"unsure\", \"defect\" or \"invalid\", \"reason\": why it is invalid, \"transforms\", \"peak\": column and
row of what is most anomalous, or null}, or {\"path\", \"error\"} for a file that is no usable image
or a folder that cannot be read. A path that is not UTF-8 is there as bytes in Base64, too: path_bytes. Invalid
is an image that does not look like those of training: too dark, blurred, of something else. A score of
null is too large for a number. The p-value is the share of good parts that score as high, judged by good images
that training did not see; null if there are none. `differnet calibrate` sets threshold and doubt.

Exit codes: 0 done, 1 error or some image could not be used, 2 wrong arguments, 3 defects or
invalid images found (with --fail-on-defect), 130 interrupted. With --shard: 0 the part is complete, images
that could not be used are rows with an error; 4 a restart would end the same: another model, manifest
or settings than the folder's parts.")]
pub(crate) struct ScoreArgs {
    /// Model file written by `differnet train`.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// Images, or folders of images nested to any depth.
    #[arg(
        required_unless_present = "manifest",
        conflicts_with = "manifest",
        value_name = "IMAGE_OR_DIR"
    )]
    images: Vec<PathBuf>,
    /// Score the files whose paths this file names, one a line, as seen from the working folder.
    #[arg(long, value_name = "FILES.txt")]
    manifest: Option<PathBuf>,
    /// Call an image a defect from this score on [default: the model's threshold].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// Exit with code 3 if there is a defect or an invalid image.
    #[arg(long)]
    fail_on_defect: bool,
    /// Write a map of each image to this folder, as `differnet localize` does.
    #[arg(long, value_name = "DIR", conflicts_with = "manifest")]
    maps: Option<PathBuf>,
    /// Replace maps, and the file --out, that are there already.
    #[arg(long)]
    overwrite: bool,
    /// Allow --maps to be a folder of the photographs; commands skip what lies there then.
    #[arg(long, requires = "maps")]
    beside_photos: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    table: TableArgs,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    scoring: ScoringArgs,
    #[command(flatten)]
    drift: DriftArgs,
    #[command(flatten)]
    source: SourceArgs,
}

/// Prints lines or writes rows as they come, and counts them.
#[derive(Default)]
struct Report {
    json: bool,
    table: Option<TableFile>,
    tally: Tally,
    /// Transforms of all images together.
    transforms: usize,
    /// Transforms of an image that needs all of them; `None` if every image gets them.
    adaptive: Option<usize>,
}

pub(crate) fn run(args: &ScoreArgs) -> anyhow::Result<Exit> {
    if args.overwrite && args.maps.is_none() && args.table.out.is_none() {
        return Err(UsageError("--overwrite needs --maps or --out".to_owned()).into());
    }
    if let Some(shard) = args.shards.resolve()? {
        return part::run(args, shard);
    }
    let interrupt = Interrupt::listen()?;
    let model = Model::load_on(&args.model, &args.source.open()?)?;
    let header = model.header();
    let thresholds = args.thresholds(&model);
    let config = args.scoring.resolve(&model, thresholds)?;
    let mut drift = args.drift.open(header)?;
    let adaptive = config.early_stopping.map(|_| config.transforms);
    let settings = Settings::new(args.source.device_name(), &config, &thresholds);
    let facts = || Ok(metadata(&model_hash(&args.model)?, &settings));
    let table = args.table.create(args.overwrite.into(), &SCORED, facts)?;
    let mut report = Report { json: args.json, adaptive, table, ..Report::default() };
    let meter = Meter::new();
    let mut detail = DetailNotes::new(&header.input_guard);

    let Files { chunks, count, inputs, manifest } = args.files()?;
    for (path, error) in inputs.unusable {
        let added = report.add(&Prediction::failed(&path, error));
        added.map_err(|error| args.unread(error))?;
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
    let mut done = 0;
    'chunks: for files in chunks {
        let files = files?;
        let scores = scored(&model, &files, config, args.maps.is_some())?;
        for (path, score) in files.iter().zip(scores) {
            let score = match Error::per_image(score)? {
                Ok((score, map)) => {
                    if let Some(map) = map {
                        write_map(&model, &outputs[done], &map)?;
                    }
                    Ok(score)
                }
                Err(error) => Err(error),
            };
            if let Ok(score) = &score {
                drift.add(score);
                detail.add(score);
            }
            let answer = score.map(|score| ScorePrediction::new(path, header, &thresholds, &score));
            if let Err(error) = meter.suspend(|| report.add(&Prediction::new(path, answer))) {
                drift.save()?;
                return Err(args.unread(error));
            }
            done += 1;
            meter.show("Scoring", done, count, "");
            if interrupt.requested() {
                break 'chunks;
            }
        }
    }
    meter.clear();
    tell_notes(&detail.sentences());
    let stopped = || format!("Stopped after {} of {count} images.", report.tally.count());
    if let Err(stopped) = interrupt.check(stopped) {
        drift.save()?;
        return Err(stopped);
    }
    if let Some(manifest) = manifest {
        manifest.require_unchanged()?;
    }
    // A table that is complete stays, whatever becomes of the line's file.
    let tally = report.finish()?;
    drift.save()?;
    Ok(match (args.fail_on_defect && tally.defects + tally.invalid > 0, tally.failed > 0) {
        (true, _) => Exit::Defects,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Done,
    })
}

/// The files to score.
struct Files {
    /// Their paths, some at a time.
    chunks: Box<dyn Iterator<Item = anyhow::Result<Vec<PathBuf>>>>,
    /// Number of files.
    count: usize,
    /// What else the arguments name.
    inputs: Inputs,
    /// The list that they are read from, if they are.
    manifest: Option<Manifest>,
}

impl ScoreArgs {
    /// `error` from writing a result; with `--fail-on-defect` a reader that has left is one, too.
    fn unread(&self, error: anyhow::Error) -> anyhow::Error {
        if self.fail_on_defect && reader_has_left(&error) {
            // Who started this would otherwise take it for images without defects.
            return anyhow!("whoever read the results has left; not all images were scored");
        }
        error
    }

    /// The thresholds in force.
    fn thresholds(&self, model: &Model) -> Thresholds {
        // A threshold of one's own leaves no room for the model's doubt.
        let given = self.threshold.map(|defect| Thresholds { defect, unsure: None });
        given.unwrap_or_else(|| model.header().thresholds())
    }

    /// The files to score.
    fn files(&self) -> anyhow::Result<Files> {
        if let Some(path) = &self.manifest {
            let manifest = Manifest::open(path)?;
            let chunks = Box::new(manifest.chunks(0..manifest.images)?);
            let (count, inputs) = (manifest.images as usize, Inputs::default());
            return Ok(Files { chunks, count, inputs, manifest: Some(manifest) });
        }
        let inputs = named_images(&self.images);
        let files = inputs.files();
        let count = files.len();
        Ok(Files { chunks: Box::new(std::iter::once(Ok(files))), count, inputs, manifest: None })
    }
}

/// The model file's hash.
pub(crate) fn model_hash(path: &Path) -> anyhow::Result<String> {
    let hash = ContentHash::of_file(path);
    Ok(hash.with_context(|| format!("cannot read {}", path.display()))?.to_string())
}

/// Metadata of a table: the model and the settings that it was made with.
pub(crate) fn metadata(model: &str, settings: &Settings) -> Metadata {
    let settings = serde_json::to_string(settings).expect("plain data");
    vec![("differnet.model", model.to_owned()), ("differnet.settings", settings)]
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
    fn add(&mut self, answer: &Prediction<ScorePrediction>) -> anyhow::Result<()> {
        if let Prediction::Found(found) = answer {
            self.transforms += found.transforms;
        }
        self.tally.add(answer);
        match &mut self.table {
            Some(table) => table.add(&serde_json::to_string(answer)?),
            None if self.json => print_json(answer),
            None => print(&prediction_line(answer)),
        }
    }

    /// Completes the table or says what was found.
    fn finish(self) -> anyhow::Result<Tally> {
        let tally = self.tally;
        self.table.map_or(Ok(()), TableFile::commit)?;
        if self.json {
            return Ok(tally);
        }
        let mut lines = tally.to_string();
        let scored = tally.count() - tally.failed;
        if let Some(most) = self.adaptive.filter(|_| scored > 0) {
            let mean = self.transforms as f64 / scored as f64;
            lines += &format!("\n{mean:.1} of {most} transforms an image settled the verdicts");
        }
        though_unread(print(&lines))?;
        Ok(tally)
    }
}
