//! Contents of the HTML report that come from a model, from arguments and from the machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use differnet::{Header, LocalizeConfig, ScoreConfig, TransformChoice, environment};
use differnet_data::ContentHash;
use differnet_report::{
    DataFingerprints, LossPoint, ModelDescription, Report, UnusableFile, UnusableKind,
};

use crate::map_args::map_name;
use crate::score_args::average_name;
use crate::source_args::SourceArgs;

/// The commit that the program was built from, if git knew it.
const COMMIT: Option<&str> = option_env!("DIFFERNET_COMMIT");

/// Model file, device and time of a report.
#[derive(Debug)]
pub(crate) struct Origin {
    /// The model file.
    model: PathBuf,
    model_hash: ContentHash,
    device: &'static str,
    /// Date and time, UTC.
    written: String,
}

impl Origin {
    /// The origin of a report about the model file `model` that is about to be written.
    pub(crate) fn new(model: &Path, source: &SourceArgs) -> anyhow::Result<Self> {
        let model_hash = ContentHash::of_file(model)
            .with_context(|| format!("cannot read {}", model.display()))?;
        Ok(Self {
            model: model.to_path_buf(),
            model_hash,
            device: source.device_name(),
            written: humantime::format_rfc3339_seconds(now()).to_string(),
        })
    }
}

/// The time, or what SOURCE_DATE_EPOCH says instead, so that the same run can give the same bytes.
fn now() -> SystemTime {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let given =
        epoch.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    given.unwrap_or_else(SystemTime::now)
}

/// A report that describes `model` and shows no images yet.
pub(crate) fn of_model(title: &str, origin: &Origin, model: &Header) -> Report {
    let history = model.history.iter().map(|point| LossPoint {
        update: point.update as usize,
        train: point.train,
        validation: point.validation,
    });
    let description = ModelDescription {
        file: origin.model.clone(),
        sha256: origin.model_hash.to_string(),
        written: origin.written.clone(),
        threshold: model.thresholds().defect,
        unsure: model.thresholds().unsure,
        unit: model.config.method.method().unit().unwrap_or_default().to_owned(),
        history: history.collect(),
        model: model.rows(),
        settings: model.config.rows(),
        environment: environment(origin.device, COMMIT),
    };
    Report::of_model(title, description)
}

/// Names and values of how images were scored, and of how maps were made, if they were.
pub(crate) fn scoring_rows(
    config: &ScoreConfig,
    maps: Option<&LocalizeConfig>,
) -> Vec<(String, String)> {
    let choice = match config.choice {
        TransformChoice::Fixed => "spread evenly".to_owned(),
        TransformChoice::Random { seed } => format!("random, seed {seed}"),
    };
    let mut rows = vec![
        ("transforms of each image", config.transforms.to_string()),
        ("angles", choice),
        ("average over transforms", average_name(config.average).to_owned()),
    ];
    if let Some(LocalizeConfig { scoring, kind }) = maps {
        rows.push(("maps", map_name(*kind).to_owned()));
        rows.push(("transforms of each map", scoring.transforms.to_string()));
    }
    rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Fingerprints of the images of a report in order, which were found in `place`.
pub(crate) fn fingerprints(
    model: &Header,
    hashes: &[ContentHash],
    place: String,
) -> DataFingerprints {
    DataFingerprints {
        training: model.data_fingerprint.clone(),
        images: ContentHash::digest_of(hashes),
        found_in: place,
        hashes: hashes.iter().map(ContentHash::to_string).collect(),
        has_regions: model.regions.is_some(),
    }
}

/// A file that could not be used, and why.
pub(crate) fn unusable(path: &Path, reason: String, kind: UnusableKind) -> UnusableFile {
    UnusableFile { name: path.display().to_string(), reason, kind }
}
