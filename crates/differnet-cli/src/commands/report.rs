//! `differnet report`: judges photographs and writes a document that one would file.

use std::path::PathBuf;

use differnet::detail_notes::DetailNotes;
use differnet::prediction::{Prediction, unusable_verdict};
use differnet::scoring::Verdict;
use differnet::{Error, Model};
use differnet_data::ContentHash;
use differnet_report::{ImagePictures, ReportImage, UnusableFile, UnusableKind};
use serde_json::json;

use crate::atomic;
use crate::exit::{Exit, UsageError, though_unread};
use crate::inputs::named_images;
use crate::interrupt::Interrupt;
use crate::map_args::{MapChoice, localize_config_if_any};
use crate::numbers::positive;
use crate::output::{counted, print, print_json, tell_notes};
use crate::output_file::{OutputFile, Overwrite};
use crate::progress::Meter;
use crate::report;
use crate::score_args::ScoringArgs;
use crate::source_args::SourceArgs;
use crate::tally::Tally;

/// Judge photographs and write one HTML file with verdicts, maps and the model's description.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet report --model part.differnet todays_photos --out 2026-03-14.html
  differnet report --model part.differnet line_1 line_2 --out both.html

The file contains everything that it shows and loads nothing: it can be mailed and archived. For
images whose defects are known, differnet evaluate --out writes the same with curves and metrics.

--json prints one object: {\"out\", \"method\", \"images\", \"ok\", \"unsure\", \"defects\", \"invalid\", \"failed\", \"threshold\"};
\"images\" have a score, \"failed\" none.")]
pub(crate) struct ReportArgs {
    /// Model file written by `differnet train`.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// Images, or folders of images nested to any depth.
    #[arg(required = true, value_name = "IMAGE_OR_DIR")]
    images: Vec<PathBuf>,
    /// HTML file to write.
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    overwrite: bool,
    /// Kind of the maps.
    #[arg(long = "map", value_enum, value_name = "KIND", default_value_t = MapChoice::Deviation)]
    kind: MapChoice,
    /// Transforms that a map averages, for models of the method differnet [default: 8].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    map_transforms: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    scoring: ScoringArgs,
    #[command(flatten)]
    source: SourceArgs,
}

pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    if args.out.is_dir() {
        return Err(UsageError(format!("{} is a folder: name a file", args.out.display())).into());
    }
    let out = OutputFile::claim(&args.out, Overwrite::from(args.overwrite))?;
    let origin = report::Origin::new(&args.model, &args.source)?;
    let model = Model::load_on(&args.model, &args.source.open()?)?;
    let (header, limits) = (model.header(), &model.runtime().limits);
    let scoring = args.scoring.resolve(&model, header.thresholds())?;
    let maps = localize_config_if_any(&model, args.kind, args.map_transforms)?;
    let inputs = named_images(&args.images);
    let mut unusable: Vec<UnusableFile> = inputs
        .unusable
        .iter()
        .map(|(path, reason)| report::unusable(path, reason.clone(), UnusableKind::Image))
        .collect();

    let meter = Meter::new();
    let files = inputs.files();
    let stopped = || "Stopped; no report was written.".to_owned();
    // The images that have a score, their contents and their entries.
    let mut scored: Vec<PathBuf> = Vec::new();
    let mut hashes: Vec<ContentHash> = Vec::new();
    let mut images: Vec<ReportImage> = Vec::new();
    let mut tally = Tally::default();
    let mut detail = DetailNotes::new(&header.input_guard);
    inputs.unusable.iter().for_each(|_| tally.add_verdict(None));
    let scores = model.scores_with(&files, scoring);
    for (done, (input, score)) in (1..).zip(inputs.images.iter().zip(scores)) {
        match Error::per_image(score)? {
            Ok(score) => {
                detail.add(&score);
                scored.push(input.path.clone());
                hashes.push(score.hash);
                // Folders may hold images of one name.
                let several = args.images.len() > 1;
                let name = if several { &input.path } else { &input.name }.display().to_string();
                let invalid = score.invalid.map(|invalid| invalid.to_string());
                let score = score.score;
                images.push(ReportImage { name, score, invalid, ..ReportImage::default() });
            }
            Err(error) => {
                let kind = UnusableKind::of(unusable_verdict(&error));
                unusable.push(report::unusable(&input.path, error.with_causes(), kind));
                tally.add(&Prediction::new(&input.path, Err(error)));
            }
        }
        meter.show("Scoring", done, files.len(), "");
        interrupt.check(stopped)?;
    }
    if let Some(config) = maps {
        let maps = model.maps_with(&scored, config);
        for (done, (image, found)) in (1..).zip(images.iter_mut().zip(maps)) {
            let found = found.map_err(Error::changed)?;
            let top = found.color_top(header, config.kind);
            let seen = found.seen_image();
            image.set_pictures(ImagePictures::with_map(&found.image, &seen, &found.map, top));
            meter.show("Maps", done, scored.len(), "");
            interrupt.check(stopped)?;
        }
    } else {
        for (image, path) in images.iter_mut().zip(&scored) {
            let decoded =
                limits.decode_file(path).map_err(|source| Error::ImageChanged { source })?;
            image.set_pictures(ImagePictures::without_map(&decoded));
        }
    }
    meter.clear();
    let thresholds = header.thresholds();
    for image in &images {
        let invalid = image.invalid.as_ref().map(|_| Verdict::Invalid);
        tally.add_verdict(invalid.or_else(|| Some(thresholds.verdict(image.score))));
    }
    let scored = images.len();
    let judged = images.iter().filter(|image| image.invalid.is_none()).count();
    let title = format!("{} judged", counted(judged, "image"));
    let mut report = report::of_model(&title, &origin, header);
    report.images = images;
    report.notes = detail.sentences();
    tell_notes(&report.notes);
    report.unusable = unusable;
    report.add_scoring(report::scoring_rows(&scoring, maps.as_ref()));
    let places: Vec<String> = args.images.iter().map(|path| path.display().to_string()).collect();
    report.add_fingerprints(report::fingerprints(header, &hashes, places.join(", ")));
    let place = out.place();
    atomic::replace(place.path(), |out| Ok(differnet_report::write_report(&report, out)?))?;
    let printed = if args.json {
        let Tally { ok, unsure, defects, invalid, failed } = tally;
        print_json(&json!({
            "out": place.path().to_string_lossy(), "method": header.config.method.method(), "images": scored, "ok": ok, "unsure": unsure,
            "defects": defects, "invalid": invalid, "failed": failed, "threshold": thresholds.defect,
        }))
    } else {
        print(&format!("{tally}\nWrote {}", place.path().display()))
    };
    though_unread(printed)?;
    let exit = if tally.failed > 0 { Exit::Failed } else { Exit::Done };
    Ok(place.end(&args.out, exit))
}
