//! The HTML report of images that a model judges.

use std::path::Path;
use std::time::{Duration, SystemTime};

use differnet::detail_notes::DetailNotes;
use differnet::prediction::unusable_verdict;
use differnet::progress::{CancelToken, Monitor};
use differnet::scoring::Verdict;
use differnet::{DeviceChoice, Error, LocalizeConfig, Model, environment};
use differnet_data::ContentHash;
use differnet_files::AtomicFile;
use differnet_report::{
    DataFingerprints, ImagePictures, LossPoint, ModelDescription, Report, ReportImage,
    UnusableFile, UnusableKind, write_report,
};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::error::{of_differnet, of_io};
use crate::images::Image;
use crate::model::file_bytes;

/// Judges `images` and writes the report `out`; what was found, in numbers.
///
/// Images that cannot be used are listed in the report. With `wants_maps` the others are shown with their
/// maps, if the method makes any.
pub(crate) fn report(
    model: &Model,
    images: &[Image],
    out: &Path,
    title: Option<&str>,
    wants_maps: bool,
    monitor: &Monitor<'_>,
) -> PyResult<Value> {
    let token = monitor.cancel_token();
    let mut judged = Judged::default();
    let mut detail = DetailNotes::new(&model.header().input_guard);
    for (image, score) in images.iter().zip(model.scores(images.iter().map(Image::input))) {
        let name = image.input().name().display().to_string();
        match Error::per_image(score).map_err(of_differnet)? {
            Ok(score) => {
                detail.add(&score);
                judged.hashes.push(score.hash);
                judged.used.push(image);
                let invalid = score.invalid.map(|invalid| invalid.to_string());
                let score = score.score;
                let entry = ReportImage { name, score, invalid, ..ReportImage::default() };
                judged.entries.push(entry);
            }
            Err(error) => {
                let kind = UnusableKind::of(unusable_verdict(&error));
                judged.unusable.push(UnusableFile { name, reason: error.with_causes(), kind });
            }
        }
        check(token)?;
    }
    let maps = if wants_maps { model.localize_config().ok() } else { None };
    judged.add_pictures(model, maps, token)?;
    let Judged { entries, hashes, unusable, .. } = judged;

    let thresholds = model.header().thresholds();
    let verdict_of = |image: &ReportImage| match image.invalid {
        Some(_) => Verdict::Invalid,
        None => thresholds.verdict(image.score),
    };
    let count = |verdict| entries.iter().filter(|image| verdict_of(image) == verdict).count();
    let unusable_of = |kind| unusable.iter().filter(|file| file.kind == kind).count();
    let invalid = count(Verdict::Invalid);
    let summary = json!({
        "images": entries.len(),
        "ok": count(Verdict::Ok),
        "unsure": count(Verdict::Unsure),
        "defects": count(Verdict::Defect),
        "invalid": invalid + unusable_of(UnusableKind::InvalidImage),
        "failed": unusable_of(UnusableKind::Image),
        "threshold": thresholds.defect,
    });
    let judged = entries.len() - invalid;
    let images = if judged == 1 { "image" } else { "images" };
    let title = title.map_or_else(|| format!("{judged} {images} judged"), str::to_owned);
    let header = model.header();
    let mut report = Report::of_model(title, description(model)?);
    report.images = entries;
    report.notes = detail.sentences();
    report.unusable = unusable;
    report.add_scoring(vec![
        ("transforms of each image".to_owned(), model.score_config().transforms.to_string()),
        ("maps".to_owned(), if maps.is_some() { "shown" } else { "none" }.to_owned()),
    ]);
    report.add_fingerprints(DataFingerprints {
        training: header.data_fingerprint.clone(),
        images: ContentHash::digest_of(&hashes),
        found_in: "Python".to_owned(),
        hashes: hashes.iter().map(ContentHash::to_string).collect(),
        has_regions: header.regions.is_some(),
    });
    let write = || {
        let mut file = AtomicFile::create(out)?;
        write_report(&report, &mut file)?;
        file.commit()
    };
    write().map_err(|error| of_io(&error, format!("cannot write {}: {error}", out.display())))?;
    Ok(summary)
}

/// Images with a score, in order, and those without.
#[derive(Default)]
struct Judged<'a> {
    used: Vec<&'a Image>,
    hashes: Vec<ContentHash>,
    entries: Vec<ReportImage>,
    unusable: Vec<UnusableFile>,
}

impl Judged<'_> {
    /// Adds a small picture of each image, and its map if `maps` says how.
    fn add_pictures(
        &mut self,
        model: &Model,
        maps: Option<LocalizeConfig>,
        token: &CancelToken,
    ) -> PyResult<()> {
        let (header, limits) = (model.header(), &model.runtime().limits);
        let inputs = self.used.iter().map(|image| image.input());
        if let Some(config) = maps {
            for (entry, found) in self.entries.iter_mut().zip(model.maps_with(inputs, config)) {
                let found = found.map_err(of_differnet)?;
                let (top, seen) = (found.color_top(header, config.kind), found.seen_image());
                entry.set_pictures(ImagePictures::with_map(&found.image, &seen, &found.map, top));
                check(token)?;
            }
            return Ok(());
        }
        for (entry, input) in self.entries.iter_mut().zip(inputs) {
            let decoded = input.read(limits).and_then(|read| read.decode(input.name(), limits));
            let decoded = decoded.map_err(|error| of_differnet(Error::Image(error)))?;
            entry.set_pictures(ImagePictures::without_map(decoded.image()));
            check(token)?;
        }
        Ok(())
    }
}

/// Nothing, unless Ctrl-C was pressed.
fn check(token: &CancelToken) -> PyResult<()> {
    token.check().map_err(|error| of_differnet(error.into()))
}

/// Describes the model, which may have no file, for the report.
fn description(model: &Model) -> PyResult<ModelDescription> {
    let header = model.header();
    let history = header.history.iter().map(|point| LossPoint {
        update: point.update as usize,
        train: point.train,
        validation: point.validation,
    });
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let given =
        epoch.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    let now = given.unwrap_or_else(SystemTime::now);
    Ok(ModelDescription {
        file: "model".into(),
        sha256: ContentHash::of(&file_bytes(model)?).to_string(),
        written: humantime::format_rfc3339_seconds(now).to_string(),
        threshold: header.thresholds().defect,
        unsure: header.thresholds().unsure,
        unit: header.config.method.method().unit().unwrap_or_default().to_owned(),
        history: history.collect(),
        model: header.rows(),
        settings: header.config.rows(),
        environment: environment(DeviceChoice::first().name(), None),
    })
}
